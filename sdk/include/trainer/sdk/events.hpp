// SPDX-License-Identifier: Apache-2.0
//
// Which of the sixteen events a class overrides, known to the compiler: public or not, itself or by a class between.
#pragma once

#include <trainer/callback.h>

#include <array>
#include <cstdint>
#include <trainer/sdk/callback.hpp>
#include <type_traits>

namespace trainer::sdk {

/// The slots by the events' numbers.
inline constexpr std::array<trainer_slot trainer_callback::*, TRAINER_EVENT_COUNT> slots = {
#define TRAINER_SDK_SLOT(event) &trainer_callback::event,
    TRAINER_FOR_EACH_SLOT(TRAINER_SDK_SLOT)
#undef TRAINER_SDK_SLOT
};

namespace overriding {

template <typename T, typename Method>
struct Rebound;
template <typename T, typename... Parameters>
struct Rebound<T, void (TrainerCallback::*)(Parameters...)> {
  using Method = void (T::*)(Parameters...);
};

template <typename To>
std::true_type takes(To);

// For each event a type of its name: Is::as<T, To>(0) says whether &T::event may be taken for a `To`, is_one<T>(0)
// whether it may be named at all and is one function. Neither is so of what is not public.
#define TRAINER_SDK_EVENT(event)                           \
  struct event {                                           \
    using Method = decltype(&TrainerCallback::event);      \
    template <typename T, typename To>                     \
    static auto as(int) -> decltype(takes<To>(&T::event)); \
    template <typename T, typename To>                     \
    static std::false_type as(...);                        \
    template <typename T, typename = decltype(&T::event)>  \
    static std::true_type is_one(int);                     \
    template <typename T>                                  \
    static std::false_type is_one(...);                    \
  };
TRAINER_FOR_EACH_SLOT(TRAINER_SDK_EVENT)
#undef TRAINER_SDK_EVENT

template <typename T, typename Event>
constexpr bool overrides() {
  using Method = typename Event::Method;
  // The base's own function is a function of the base; of another class's it cannot be made one.
  if constexpr (decltype(Event::template as<T, Method>(0))::value) {
    return false;
  } else if constexpr (decltype(Event::template as<T, typename Rebound<T, Method>::Method>(0))::value) {
    return true;
  } else {
    static_assert(!decltype(Event::template is_one<T>(0))::value,
                  "a function has the name of an event and other parameters; write `override` behind it to see them");
    return true;  // it is not public
  }
}

}  // namespace overriding

/// A bit (1 << TRAINER_ON_...) for each event that T overrides.
template <typename T>
constexpr std::uint32_t overridden_events() {
  static_assert(std::is_convertible_v<T*, TrainerCallback*>, "derive publicly from trainer::sdk::TrainerCallback");
  std::uint32_t events = 0, bit = 1;
#define TRAINER_SDK_EVENT(event) events |= overriding::overrides<T, overriding::event>() ? bit : 0, bit <<= 1;
  TRAINER_FOR_EACH_SLOT(TRAINER_SDK_EVENT)
#undef TRAINER_SDK_EVENT
  return events;
}

}  // namespace trainer::sdk
