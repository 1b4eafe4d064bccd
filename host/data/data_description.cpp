// SPDX-License-Identifier: Apache-2.0
#include "data/data_description.hpp"

#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"

namespace trainer {

json::object kept_description(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / args_file;
  if (!std::filesystem::exists(file)) return {};
  json::value v;
  try {
    v = json::parse_file(file);
  } catch (const Error& e) {
    throw_run(error_id::checkpoint_damaged, e.sentence());
  }
  const auto* object = v.if_object();
  const auto* data = object ? object->if_contains("data") : nullptr;
  if (object && !data) return {};
  if (!data || !data->is_object())
    throw_run(error_id::checkpoint_damaged,
              file.string() + " has no object \"data\" with the columns of the model; take another checkpoint");
  return data->get_object();
}

void require_same_description(const json::object& kept, const json::object& given,
                              const std::filesystem::path& directory) {
  for (const char* key : {"features", "classes"}) {
    const auto *before = kept.if_contains(key), *now = given.if_contains(key);
    if (!before || !now || *before == *now) continue;
    throw_usage(error_id::checkpoint_mismatch,
                (directory / args_file).string() + ": the model was trained with the " + key + " " +
                    json::dump(*before) + ", but the train dataset has " + json::dump(*now) +
                    "; read the file as CsvColumns::of_checkpoint() says, or train from the start");
  }
}

}  // namespace trainer
