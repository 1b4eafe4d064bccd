// SPDX-License-Identifier: Apache-2.0
//
// From the C contract to a C++ class: one table per instance, one small function per event.
#pragma once

#include <trainer/ext/checkpoint.h>
#include <trainer/ext/console.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/results.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>
#include <trainer/plugin.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <trainer/sdk/events.hpp>
#include <utility>
#include <vector>

namespace trainer::sdk {

/// Tells the host why a call failed.
inline int32_t failure(const trainer_host* host, int32_t status, const char* sentence) noexcept try {
  const std::string safe = masked(sentence);
  host->set_error(host, safe.data(), safe.size());
  return status;
} catch (...) {
  return status;
}

/// Runs f; what it throws becomes a status and a sentence. The wall that no exception passes.
template <typename F>
int32_t guarded(const trainer_host* host, F&& f) noexcept {
  try {
    f();
    return TRAINER_OK;
  } catch (const Unavailable& e) {
    return failure(host, TRAINER_UNAVAILABLE, e.what());
  } catch (const NotConfigured& e) {
    return failure(host, TRAINER_NOT_CONFIGURED, e.what());
  } catch (const std::exception& e) {
    return failure(host, TRAINER_ERROR, e.what());
  } catch (...) {
    return failure(host, TRAINER_ERROR, "an exception that is not a std::exception");
  }
}

template <typename T>
class Trampoline {
 public:
  static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
    return guarded(host, [&] { *out = &(new Trampoline(host))->table_; });
  }

  static const void* TRAINER_CALL plugin_extension(const char* id) {
    if constexpr (is_tracker<T>(0)) {
      static const trainer_ext_tracker tracker = {
          sizeof(trainer_ext_tracker), 0,
          [](const trainer_host* host) -> int32_t { return guarded(host, [&] { T::available(Host(host)); }); }};
      if (std::strcmp(id, TRAINER_EXT_TRACKER) == 0) return &tracker;
    }
    if constexpr (says_where<T>(0)) {
      static const trainer_ext_ranks ranks = {sizeof(trainer_ext_ranks), 0, static_cast<std::uint32_t>(T::runs_on), 0};
      if (std::strcmp(id, TRAINER_EXT_RANKS) == 0) return &ranks;
    }
    (void)id;
    return nullptr;
  }

 private:
  template <typename U>
  static constexpr auto says_where(int) -> decltype(U::runs_on, bool()) {
    return std::is_same_v<std::remove_cv_t<decltype(U::runs_on)>, RunsOn>;
  }
  template <typename U>
  static constexpr bool says_where(...) {
    return false;
  }

  // Whether it has an available() of its own, and not the base's.
  template <typename U>
  static constexpr auto is_tracker(int) -> decltype(U::available(std::declval<const Host&>()), bool()) {
    return static_cast<void (*)(const Host&)>(&U::available) != &TrainerCallback::available;
  }
  template <typename U>
  static constexpr bool is_tracker(...) {
    static_assert(!std::is_same_v<U, T>, "make available() public, with a const trainer::sdk::Host& as its parameter");
    return false;
  }

  explicit Trampoline(const trainer_host* host) : host_(host), arguments_(host_) {
    if constexpr (std::is_constructible_v<T, const Host&>) {
      callback_ = std::make_unique<T>(host_);
    } else {
      callback_ = std::make_unique<T>();
    }
    table_.struct_size = sizeof table_;
    table_.data = this;
    table_.destroy = [](trainer_callback* self) { delete &of(self); };
    table_.get_extension = &extension;
#define TRAINER_SDK_SLOT(event) \
  if constexpr (overriding::overrides<T, overriding::event>()) table_.event = &slot<&TrainerCallback::event>;
    TRAINER_FOR_EACH_SLOT(TRAINER_SDK_SLOT)
#undef TRAINER_SDK_SLOT
  }

  static Trampoline& of(trainer_callback* self) { return *static_cast<Trampoline*>(self->data); }

  // What is called is the base's function, which is public whatever T makes of it.
  template <typename Base>
  static Base& as(trainer_callback* self) {
    return *of(self).callback_;
  }

  // An event may come within another.
  struct Within {
    TrainerCallback& callback;
    const trainer_event* before;
    ~Within() { callback.event_ = before; }
  };

  template <auto method>
  static int32_t TRAINER_CALL slot(trainer_callback* self, const trainer_event* event) {
    Trampoline& t = of(self);
    TrainerCallback& callback = as<TrainerCallback>(self);
    const Within within{callback, std::exchange(callback.event_, event)};
    return guarded(t.host_.raw(), [&] {
      if constexpr (std::is_invocable_v<decltype(method), TrainerCallback&, const Arguments&, const State&, Control&,
                                        Map&>) {
        Map values(event->values);
        (callback.*method)(t.arguments_, *event->state, *event->control, values);
      } else {
        (callback.*method)(t.arguments_, *event->state, *event->control);
      }
    });
  }

  static const void* TRAINER_CALL extension(trainer_callback* self, const char* id) {
    if constexpr (std::is_base_of_v<Stateful, T>) {
      static const trainer_ext_state state = {
          sizeof(trainer_ext_state), 0,
          [](trainer_callback* self, trainer_map* args, trainer_map* attributes) -> int32_t {
            Trampoline& t = of(self);
            return guarded(t.host_.raw(), [&] {
              Map a(args), b(attributes);
              as<Stateful>(self).save_state(a, b);
            });
          },
          [](trainer_callback* self, const trainer_map* attributes) -> int32_t {
            Trampoline& t = of(self);
            return guarded(t.host_.raw(), [&] { as<Stateful>(self).load_state(Map(attributes)); });
          },
          [](trainer_callback* self, trainer_text* name) {
            const std::string_view text = as<Stateful>(self).state_class();
            *name = {text.data(), text.size()};
          }};
      if (std::strcmp(id, TRAINER_EXT_STATE) == 0) return as<Stateful>(self).has_state() ? &state : nullptr;
    }
    if constexpr (std::is_base_of_v<Console, T>) {
      static const trainer_ext_console console = {
          sizeof(trainer_ext_console), 0,
          [](trainer_callback* self, std::uint32_t stream, const char* text, std::uint64_t size) {
            as<Console>(self).on_line(stream, {text, static_cast<std::size_t>(size)});
          }};
      if (std::strcmp(id, TRAINER_EXT_CONSOLE) == 0) return &console;
    }
    if constexpr (std::is_base_of_v<HasResults, T>) {
      static const trainer_ext_results results = {sizeof(trainer_ext_results), 0, &result_at};
      if (std::strcmp(id, TRAINER_EXT_RESULTS) == 0) return &results;
    }
    if constexpr (std::is_base_of_v<SeesOutcome, T>) {
      static const trainer_ext_outcome outcome = {
          sizeof(trainer_ext_outcome), 0, [](trainer_callback* self, const trainer_outcome* told) -> int32_t {
            return guarded(of(self).host_.raw(), [&] { as<SeesOutcome>(self).on_outcome(Outcome(*told)); });
          }};
      if (std::strcmp(id, TRAINER_EXT_OUTCOME) == 0) return &outcome;
    }
    if constexpr (std::is_base_of_v<KeepsFiles, T>) {
      static const trainer_ext_checkpoint_files files = {sizeof(trainer_ext_checkpoint_files), 0,
                                                         &files_in<&KeepsFiles::save_files>,
                                                         &files_in<&KeepsFiles::load_files>};
      if (std::strcmp(id, TRAINER_EXT_CHECKPOINT) == 0) return &files;
    }
    (void)self, (void)id;
    return nullptr;
  }

  static int32_t TRAINER_CALL result_at(trainer_callback* self, std::uint64_t index, trainer_result* result) {
    Trampoline& t = of(self);
    if (index == 0) {
      const int32_t status = guarded(t.host_.raw(), [&] { t.results_ = as<HasResults>(self).results(); });
      if (status != TRAINER_OK) return status;
    }
    if (index >= t.results_.size()) return TRAINER_NOT_FOUND;
    const Result& one = t.results_[static_cast<std::size_t>(index)];
    result->label = {one.label.data(), one.label.size()};
    result->place = {one.place.data(), one.place.size()};
    result->view = {one.view.data(), one.view.size()};
    return TRAINER_OK;
  }

  template <auto method>
  static int32_t TRAINER_CALL files_in(trainer_callback* self, const char* directory, std::uint64_t size) {
    return guarded(of(self).host_.raw(), [&] {
      (as<KeepsFiles>(self).*method)(std::string_view(directory, static_cast<std::size_t>(size)));
    });
  }

  trainer_callback table_{};
  Host host_;
  Arguments arguments_;
  std::unique_ptr<T> callback_;
  std::vector<Result> results_;  // that the host is being told
};

}  // namespace trainer::sdk
