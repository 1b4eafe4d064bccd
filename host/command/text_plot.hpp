// SPDX-License-Identifier: Apache-2.0
//
// A curve in lines of text.
#pragma once

#include <string>
#include <vector>

namespace trainer::command {

/// `rows` lines of `columns` characters: braille dots, two by four in each, or stars. Points that are not finite are
/// left out; empty when none is left.
std::vector<std::string> text_plot(const std::vector<double>& xs, const std::vector<double>& ys, std::size_t columns,
                                   std::size_t rows, bool braille);

/// Whether the locale's variables say that a terminal takes UTF-8.
bool terminal_takes_utf8();

}  // namespace trainer::command
