// SPDX-License-Identifier: Apache-2.0
#include "ranks/ranks.hpp"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/process.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

[[noreturn]] void refuse(const std::string& sentence) {
  throw_usage(error_id::ranks_environment_invalid, "environment: " + sentence);
}

class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  // Empty variables are as good as none.
  std::optional<std::string> text(const char* name) const {
    const char* value = environment_(name);
    return value && *value ? std::optional<std::string>(value) : std::nullopt;
  }
  bool has(const char* name) const { return text(name).has_value(); }

  std::optional<int> number(const char* name, int least, int most) const {
    const auto found = text(name);
    if (!found) return std::nullopt;
    int value = 0;
    const char* end = found->data() + found->size();
    const auto [stop, error] = std::from_chars(found->data(), end, value);
    if (error != std::errc() || stop != end || value < least || value > most)
      refuse(std::string(name) + " is \"" + *found + "\", expected a whole number from " + std::to_string(least) +
             (most < largest ? " to " + std::to_string(most) : std::string()) +
             "; start all processes with one launcher, or unset it");
    return value;
  }
  int required(const char* name, int least, int most, const char* because) const {
    if (const auto value = number(name, least, most)) return *value;
    refuse(std::string(name) + " is not set, but " + because +
           " is; start all processes with one launcher, or unset that");
  }

  static constexpr int largest = 1 << 30;

 private:
  const Environment& environment_;
};

// The names that one launcher gives its processes.
struct Launcher {
  const char *name, *rank, *world, *local_rank, *local_world;
};
constexpr Launcher launchers[] = {
    {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    {"OpenMPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"MPI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"MPI", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"},
    {"SLURM", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", nullptr},
};

// An sbatch script has SLURM_NTASKS, too, and is one process: only a step of srun has so many.
bool in_slurm_step(const Variables& variables) {
  const auto tasks = variables.text("SLURM_STEP_NUM_TASKS");
  return tasks && tasks == variables.text("SLURM_NTASKS") && variables.has("SLURM_PROCID");
}

bool is_loopback(std::string_view address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

// Of "2(x3),1", the number for the third machine is 2 and for the fourth 1.
std::optional<int> slurm_tasks_of_node(std::string_view text, int node) {
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(','));
    int tasks = 0, times = 1;
    const auto [after, error] = std::from_chars(part.data(), part.data() + part.size(), tasks);
    if (error != std::errc() || tasks < 1) return std::nullopt;
    if (const auto x = part.find("(x"); x != part.npos)
      std::from_chars(part.data() + x + 2, part.data() + part.size(), times);
    if ((node -= times) < 0) return tasks;
    text = part.size() == text.size() ? std::string_view() : text.substr(part.size() + 1);
  }
  return std::nullopt;
}

void read_slurm_place(const Variables& variables, Ranks& ranks) {
  ranks.local_rank = variables.required("SLURM_LOCALID", 0, ranks.world - 1, "SLURM_PROCID");
  ranks.node_rank = variables.number("SLURM_NODEID", 0, Variables::largest).value_or(0);
  auto layout = variables.text("SLURM_STEP_TASKS_PER_NODE");
  if (!layout) layout = variables.text("SLURM_TASKS_PER_NODE");
  const auto tasks = layout ? slurm_tasks_of_node(*layout, ranks.node_rank) : std::nullopt;
  const bool one_node = variables.text("SLURM_STEP_NUM_NODES").value_or("") == "1";
  ranks.local_world = tasks ? *tasks : one_node ? ranks.world : ranks.local_rank + 1;
}

// Where the launcher does not say which ranks share a machine: all of them, when the master is on this one.
void read_place(const Variables& variables, const Launcher& launcher, Ranks& ranks) {
  const bool pmi_in_slurm = std::string_view(launcher.rank) == "PMI_RANK" && in_slurm_step(variables) &&
                            variables.text("SLURM_PROCID") == variables.text("PMI_RANK");
  if (!launcher.local_world || (pmi_in_slurm && !variables.has(launcher.local_rank))) {
    read_slurm_place(variables, ranks);
    return;
  }
  const auto local = variables.number(launcher.local_rank, 0, ranks.world - 1);
  const auto local_world = variables.number(launcher.local_world, 1, ranks.world);
  const bool one_machine = is_loopback(variables.text("MASTER_ADDR").value_or("localhost"));
  ranks.local_rank = local.value_or(one_machine ? ranks.rank : 0);
  ranks.local_world = local_world.value_or(one_machine ? ranks.world : ranks.local_rank + 1);
  const int node = ranks.rank / ranks.local_world;
  ranks.node_rank = variables.number("GROUP_RANK", 0, Variables::largest).value_or(node);
}

void read_master(const Variables& variables, Ranks& ranks) {
  ranks.port = static_cast<std::uint16_t>(variables.number("MASTER_PORT", 1, 65535).value_or(ranks.port));
  if (const auto master = variables.text("MASTER_ADDR")) {
    ranks.master = *master;
  } else if (ranks.local_world < ranks.world) {
    const auto launch_node = in_slurm_step(variables) ? variables.text("SLURM_LAUNCH_NODE_IPADDR") : std::nullopt;
    if (!launch_node)
      refuse("MASTER_ADDR is not set, and the " + std::to_string(ranks.world) +
             " ranks are on several machines; set it to the address of rank 0's, the same for all ranks");
    ranks.master = *launch_node;
  }
}

}  // namespace

Ranks ranks_from(const Environment& environment) {
  const Variables variables(environment);
  for (const Launcher& launcher : launchers) {
    if (!variables.has(launcher.rank) && !variables.has(launcher.world)) continue;
    if (!launcher.local_world && !in_slurm_step(variables)) continue;
    Ranks ranks;
    ranks.world = variables.required(launcher.world, 1, Variables::largest, launcher.rank);
    ranks.restart = variables.number("TORCHELASTIC_RESTART_COUNT", 0, Variables::largest).value_or(0);
    if (ranks.world == 1) return ranks;
    ranks.rank = variables.required(launcher.rank, 0, ranks.world - 1, launcher.world);
    ranks.launcher = launcher.name;
    read_place(variables, launcher, ranks);
    if (ranks.local_rank >= ranks.local_world)
      refuse("local rank " + std::to_string(ranks.local_rank) + " (" + launcher.local_rank + ") of " +
             std::to_string(ranks.local_world) + " on this machine, expected a smaller one; " +
             "start all processes with one launcher");
    read_master(variables, ranks);
    ranks.agent_store = variables.text("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
    return ranks;
  }
  return {};
}

Ranks ranks_from_environment() {
  return ranks_from([](const char* name) { return std::getenv(name); });
}

std::string rank_text(const Ranks& ranks) {
  return "rank " + std::to_string(ranks.rank) + " (host " + host_name() + ")";
}

}  // namespace trainer
