// SPDX-License-Identifier: Apache-2.0
//
// Chooses the GPUs to measure, and counts their energy.
#include "nvml.hpp"

#include <trainer/host.h>

#include <algorithm>
#include <map>

#include "text.hpp"

namespace trainer::codecarbon {
namespace {

/// Splits "0, GPU-1a2b" and also the JSON of a list, ["GPU-1a2b", 0], as parse_gpu_ids() of
/// CodeCarbon does: all but letters, digits and these marks is dropped.
std::vector<std::string> split_ids(const std::string& text) {
  std::vector<std::string> ids(1);
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c == ',')
      ids.emplace_back();
    else if (letter || c == '-' || c == '/')
      ids.back() += c;
  }
  ids.erase(std::remove(ids.begin(), ids.end(), std::string()), ids.end());
  return ids;
}

std::optional<unsigned> find_gpu(std::string_view id, const std::vector<std::string>& uuids) {
  if (id.find_first_not_of("0123456789") == std::string_view::npos) {
    const auto index = parse_number(id);
    if (!index || *index >= static_cast<double>(uuids.size())) return std::nullopt;
    return static_cast<unsigned>(*index);
  }
  // Older drivers name a slice of a GPU by the whole one: MIG-GPU-<uuid>/<instance>/<instance>.
  if (starts_with(id, "MIG-")) id.remove_prefix(4);
  id = id.substr(0, id.find('/'));
  for (std::size_t i = 0; i < uuids.size(); ++i)
    if (starts_with(uuids[i], id)) return static_cast<unsigned>(i);
  return std::nullopt;
}

}  // namespace

std::vector<unsigned> select_gpus(const std::optional<std::string>& gpu_ids,
                                  const std::optional<std::string>& cuda_visible_devices,
                                  const std::vector<std::string>& uuids, const Log& log) {
  std::vector<unsigned> selected;
  const auto& ids = gpu_ids ? gpu_ids : cuda_visible_devices;
  if (!ids) {
    for (unsigned i = 0; i < uuids.size(); ++i) selected.push_back(i);
    return selected;
  }
  for (const std::string& id : split_ids(*ids)) {
    const auto index = find_gpu(id, uuids);
    if (index) {
      selected.push_back(*index);
      continue;
    }
    // "-1" is the usual way to hide all GPUs: from the first invalid one on CUDA sees none.
    if (log && (gpu_ids || id != "-1"))
      log(TRAINER_LOG_WARNING, (gpu_ids ? "gpu_ids" : "CUDA_VISIBLE_DEVICES") + std::string(" names the GPU \"") + id +
                                   "\", which is none of the " + std::to_string(uuids.size()) +
                                   " here; it is not measured; set gpu_ids to an index or the start "
                                   "of a UUID that nvidia-smi -L shows");
    if (!gpu_ids) break;
  }
  std::sort(selected.begin(), selected.end());
  selected.erase(std::unique(selected.begin(), selected.end()), selected.end());
  return selected;
}

std::unique_ptr<NvmlMeter> NvmlMeter::open(const std::optional<std::string>& gpu_ids,
                                           const std::optional<std::string>& cuda_visible_devices, const Log& log,
                                           const char* library) {
  std::string why;
  if (const auto api = plugins::bind_nvml(library, why)) return open(*api, gpu_ids, cuda_visible_devices, log);
  if (log) log(TRAINER_LOG_DEBUG, why);
  return nullptr;
}

std::unique_ptr<NvmlMeter> NvmlMeter::open(const plugins::NvmlApi& api, const std::optional<std::string>& gpu_ids,
                                           const std::optional<std::string>& cuda_visible_devices, const Log& log) {
  if (api.init() != 0) {
    if (log) log(TRAINER_LOG_DEBUG, "no NVIDIA GPU: the driver is not running");
    return nullptr;
  }
  unsigned count = 0;
  api.device_count(&count);
  std::vector<Device> all;
  std::vector<std::string> uuids;
  for (unsigned i = 0; i < count; ++i) {
    char name[96] = "Unknown GPU", uuid[96] = "";  // NVML_DEVICE_NAME_V2_BUFFER_SIZE
    Device device{nullptr, "", std::nullopt};
    if (api.device(i, &device.handle) == 0) {
      api.name(device.handle, name, sizeof name);
      api.uuid(device.handle, uuid, sizeof uuid);
    }
    device.name = name;
    all.push_back(device);
    uuids.emplace_back(uuid);
  }
  std::vector<Device> devices;
  for (const unsigned i : select_gpus(gpu_ids, cuda_visible_devices, uuids, log))
    if (all[i].handle != nullptr) devices.push_back(all[i]);
  if (devices.empty()) {
    api.shutdown();
    return nullptr;
  }
  std::unique_ptr<NvmlMeter> meter(new NvmlMeter(api, std::move(devices)));
  meter->start();
  return meter;
}

NvmlMeter::~NvmlMeter() { api_.shutdown(); }

std::optional<double> NvmlMeter::energy(const Device& device) const {
  unsigned long long millijoules = 0;
  if (api_.total_energy(device.handle, &millijoules) != 0) return std::nullopt;
  return static_cast<double>(millijoules);
}

void NvmlMeter::start() {
  for (Device& device : devices_) {
    device.millijoules = energy(device);
    device.sampled_joules = 0;
  }
}

void NvmlMeter::sample(double seconds, double) {
  double percent = 0;
  for (Device& device : devices_) {
    plugins::NvmlUtilization rates{};
    if (api_.utilization(device.handle, &rates) == 0) percent += rates.gpu;
    // Asked always, as the counter may fail at the end of the interval: then this is what there is.
    unsigned milliwatts = 0;
    if (api_.power(device.handle, &milliwatts) == 0) device.sampled_joules += milliwatts * 1e-3 * seconds;
  }
  utilization_ = percent / static_cast<double>(devices_.size());
}

double NvmlMeter::take_joules(double) {
  double joules = 0;
  for (Device& device : devices_) {
    const auto now = energy(device);
    const auto before = device.millijoules;
    // Without a counter, or after a reset of the driver, the sampled power stands in.
    joules += now && before && *now >= *before ? (*now - *before) * 1e-3 : device.sampled_joules;
    device.millijoules = now;
    device.sampled_joules = 0;
  }
  return joules;
}

bool NvmlMeter::has_energy_counter() const {
  return std::all_of(devices_.begin(), devices_.end(),
                     [](const Device& device) { return device.millijoules.has_value(); });
}

std::string NvmlMeter::model() const {
  std::map<std::string, int> counts;
  for (const Device& device : devices_) ++counts[device.name];
  std::string out;
  for (const auto& [name, count] : counts) out += (out.empty() ? "" : ", ") + std::to_string(count) + " x " + name;
  return out;
}

}  // namespace trainer::codecarbon
