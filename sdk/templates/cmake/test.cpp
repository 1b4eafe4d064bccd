// Plays a few events into the plugin and looks at what it does: no trainer, no LibTorch.
#include <cstdio>
#include <cstdlib>
#include <trainer/sdk/testing/fake_host.hpp>

using namespace trainer::sdk::testing;

static void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

int main(int count, char** arguments) {
  expect(count == 2, "usage: @NAME@_test PLUGIN");
  FakeHost host;
  host.config["metric"] = Cell("loss");
  FakePlugin plugin(host, arguments[1]);

  expect(plugin.fire(TRAINER_ON_TRAIN_BEGIN) == TRAINER_OK, "train_begin");
  for (const double loss : {0.75, 0.25, 0.5}) {
    host.state.global_step += 1;
    expect(plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(loss)}}) == TRAINER_OK, "log");
  }
  expect(plugin.fire(TRAINER_ON_LOG, {{"other", Cell("text")}}) == TRAINER_OK, "log of other keys");
  expect(plugin.fire(TRAINER_ON_TRAIN_END) == TRAINER_OK, "train_end");

  expect(host.lines.size() == 1, "one line in the log");
  expect(host.lines[0].second == "lowest loss: 0.25 in step 2", host.lines[0].second.c_str());
  std::puts("passed");
}
