// SPDX-License-Identifier: Apache-2.0
//
// report.html: one file that shows a run, or several side by side, in any browser.
#pragma once

#include <string>
#include <vector>

#include "report/run.hpp"

namespace trainer::report {

/// The page. `renewed_every`: seconds after which an open page looks for a newer one at its own address; 0 when nobody
/// writes it any more.
std::string page(const std::vector<const Run*>& runs, double renewed_every = 0);

/// The data of a page, as JSON; empty when the text is no page of ours.
std::string_view page_data(std::string_view page);

/// Writes callbacks, train_seconds, data_seconds and class_names of `run` into a page of one run that is there already:
/// they are known to who called the callbacks, not to who made the page. False when the text is no page of ours.
bool set_costs(std::string& page, const Run& run);
/// They, as JSON: null where nobody set them; empty when the text is no page of ours.
std::string_view page_costs(std::string_view page);

}  // namespace trainer::report
