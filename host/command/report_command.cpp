// SPDX-License-Identifier: Apache-2.0
//
// report: the page of a finished run, or of several side by side.
#include "command/options.hpp"
#include "command/print.hpp"
#include "command/run_reader.hpp"
#include "report/page.hpp"
#include "trainer/files.hpp"

namespace trainer::command {

int report(const ReportOptions& options) {
  std::vector<ReadRun> runs;
  for (const auto& path : options.runs) runs.push_back(read_run(path));
  std::vector<std::filesystem::path> inputs;
  std::vector<const report::Run*> shown;
  for (const ReadRun& run : runs) {
    inputs.push_back(run.state);
    shown.push_back(&run.run);
  }
  ResultFile(options.output, "--output", inputs).write(report::page(shown));
  print_line("report: " + file_url(options.output));
  return 0;
}

}  // namespace trainer::command
