// SPDX-License-Identifier: Apache-2.0
//
// Finds a country in the table of carbon intensities.
#include "carbon_intensity.hpp"

#include <algorithm>
#include <iterator>

namespace trainer::codecarbon {
namespace {

constexpr Country countries[] = {
#include "carbon_intensity.inc"
};

}  // namespace

const Country* find_country(std::string_view iso_code) {
  const auto* found = std::lower_bound(
      std::begin(countries), std::end(countries), iso_code,
      [](const Country& country, std::string_view code) { return std::string_view(country.iso_code) < code; });
  return found != std::end(countries) && iso_code == found->iso_code ? found : nullptr;
}

}  // namespace trainer::codecarbon
