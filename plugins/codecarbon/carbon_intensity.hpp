// SPDX-License-Identifier: Apache-2.0
//
// How much CO2e a kilowatt-hour of a country's electricity stands for.
#pragma once

#include <string>
#include <string_view>

namespace trainer::codecarbon {

struct Country {
  const char* iso_code;  // ISO 3166-1 alpha-3
  const char* name;
  double g_co2e_per_kwh;
  int year;  // of the figure
};

/// Null for a code without a figure. Upper-case letters.
const Country* find_country(std::string_view iso_code);

/// The mean of the world that CodeCarbon falls back to: IEA, Global Energy & CO2 Status Report
/// 2019.
constexpr double world_average = 475;  // g CO2e/kWh

}  // namespace trainer::codecarbon
