// SPDX-License-Identifier: Apache-2.0
#include "ranks/ranks.hpp"

#include <gtest/gtest.h>

#include <map>

#include "ranks/process_group.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

using Variables = std::map<std::string, std::string>;

Ranks of(const Variables& variables) {
  return ranks_from([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string refusal(const Variables& variables) {
  try {
    of(variables);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_STREQ(e.id().text, "ranks.environment-invalid");
    return e.sentence();
  }
  return "";
}

Variables with(Variables variables, const Variables& more) {
  for (const auto& [name, value] : more) variables[name] = value;
  return variables;
}

const Variables torchrun{
    {"RANK", "3"},       {"WORLD_SIZE", "4"},         {"LOCAL_RANK", "1"},     {"LOCAL_WORLD_SIZE", "2"},
    {"GROUP_RANK", "1"}, {"MASTER_ADDR", "10.0.0.7"}, {"MASTER_PORT", "1234"}, {"TORCHELASTIC_RESTART_COUNT", "2"}};

TEST(Ranks, OfAProcessAlone) {
  for (const auto& variables :
       {Variables{}, Variables{{"RANK", ""}}, Variables{{"RANK", "0"}, {"WORLD_SIZE", "1"}},
        Variables{{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}},
        Variables{{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}}) {
    const Ranks ranks = of(variables);
    EXPECT_TRUE(ranks.alone() && ranks.is_world_process_zero() && ranks.is_local_process_zero());
    EXPECT_EQ(ranks.launcher, "");
  }
}

TEST(Ranks, OfTorchrun) {
  const Ranks ranks = of(torchrun);
  EXPECT_EQ(ranks.rank, 3);
  EXPECT_EQ(ranks.world, 4);
  EXPECT_EQ(ranks.local_rank, 1);
  EXPECT_EQ(ranks.local_world, 2);
  EXPECT_EQ(ranks.node_rank, 1);
  EXPECT_EQ(ranks.restart, 2);
  EXPECT_EQ(ranks.master, "10.0.0.7");
  EXPECT_EQ(ranks.port, 1234);
  EXPECT_EQ(ranks.launcher, "torchrun");
  EXPECT_FALSE(ranks.agent_store);
  EXPECT_FALSE(ranks.is_world_process_zero() || ranks.is_local_process_zero());
  EXPECT_TRUE(of(with(torchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}})).agent_store);
}

TEST(Ranks, OfThreeVariablesOnOneMachineOrOnSeveral) {
  const Ranks here = of({{"RANK", "1"}, {"WORLD_SIZE", "2"}});
  EXPECT_EQ(here.local_rank, 1);
  EXPECT_EQ(here.local_world, 2);
  EXPECT_EQ(here.master, "127.0.0.1");
  EXPECT_EQ(here.port, 29500);
  const Ranks there = of({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "node-0"}});
  EXPECT_EQ(there.local_rank, 0);
  EXPECT_EQ(there.local_world, 1);
  EXPECT_EQ(there.node_rank, 1);
}

TEST(Ranks, OfMpi) {
  const Ranks open = of({{"OMPI_COMM_WORLD_RANK", "5"},
                         {"OMPI_COMM_WORLD_SIZE", "8"},
                         {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"},
                         {"MASTER_ADDR", "node-0"}});
  EXPECT_EQ(open.launcher, "OpenMPI");
  EXPECT_EQ(open.rank, 5);
  EXPECT_EQ(open.node_rank, 1);
  const Ranks mpich = of({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}});
  EXPECT_EQ(mpich.rank, 1);
  EXPECT_EQ(mpich.local_rank, 1);
  EXPECT_EQ(mpich.master, "127.0.0.1");
  const Ranks mvapich = of({{"MV2_COMM_WORLD_RANK", "0"}, {"MV2_COMM_WORLD_SIZE", "2"}});
  EXPECT_EQ(mvapich.world, 2);
  EXPECT_EQ(mvapich.launcher, "MPI");
}

const Variables slurm{{"SLURM_PROCID", "4"},
                      {"SLURM_NTASKS", "5"},
                      {"SLURM_STEP_NUM_TASKS", "5"},
                      {"SLURM_LOCALID", "0"},
                      {"SLURM_NODEID", "2"},
                      {"SLURM_STEP_TASKS_PER_NODE", "2(x2),1"},
                      {"SLURM_LAUNCH_NODE_IPADDR", "10.1.1.1"}};

TEST(Ranks, OfSlurm) {
  const Ranks ranks = of(slurm);
  EXPECT_EQ(ranks.launcher, "SLURM");
  EXPECT_EQ(ranks.rank, 4);
  EXPECT_EQ(ranks.local_world, 1);
  EXPECT_EQ(ranks.node_rank, 2);
  EXPECT_EQ(ranks.master, "10.1.1.1");
  const Ranks second = of(with(slurm, {{"SLURM_PROCID", "3"}, {"SLURM_LOCALID", "1"}, {"SLURM_NODEID", "1"}}));
  EXPECT_EQ(second.local_world, 2);
  // With PMI's names beside its own, as srun --mpi=pmi2 gives them.
  const Ranks pmi = of(with(slurm, {{"PMI_RANK", "4"}, {"PMI_SIZE", "5"}}));
  EXPECT_EQ(pmi.local_world, 1);
  EXPECT_EQ(pmi.node_rank, 2);
  // mpirun has the say over the step in which it started its daemons.
  EXPECT_EQ(of(with(slurm, {{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}})).world, 2);
}

TEST(Ranks, RefusesWhatContradictsItself) {
  EXPECT_EQ(refusal({{"RANK", "1"}}),
            "environment: WORLD_SIZE is not set, but RANK is; start all processes with one launcher, or unset that");
  EXPECT_EQ(refusal({{"WORLD_SIZE", "2"}}),
            "environment: RANK is not set, but WORLD_SIZE is; start all processes with one launcher, or unset that");
  EXPECT_EQ(
      refusal({{"RANK", "2"}, {"WORLD_SIZE", "2"}}),
      "environment: RANK is \"2\", expected a whole number from 0 to 1; start all processes with one launcher, or "
      "unset it");
  EXPECT_NE(refusal({{"RANK", "0"}, {"WORLD_SIZE", "two"}}).find("WORLD_SIZE is \"two\""), std::string::npos);
  EXPECT_NE(refusal(with(torchrun, {{"LOCAL_RANK", "2"}})).find("local rank 2 (LOCAL_RANK) of 2"), std::string::npos);
  EXPECT_NE(refusal(with(torchrun, {{"MASTER_PORT", "0"}})).find("MASTER_PORT is \"0\""), std::string::npos);
  EXPECT_NE(refusal(with(torchrun, {{"MASTER_ADDR", ""}})).find("MASTER_ADDR is not set"), std::string::npos);
}

TEST(ProcessGroup, OfAProcessAloneGivesBackWhatItWasGiven) {
  ProcessGroup group({}, {});
  EXPECT_EQ(group.engine(), nullptr);
  EXPECT_EQ(group.broadcast("a"), "a");
  EXPECT_EQ(group.all_gather(std::string("b")), std::vector<std::string>{"b"});
  std::int64_t numbers[] = {3, 4};
  group.min_of(numbers);
  group.sum_of(numbers);
  group.barrier();
  EXPECT_EQ(numbers[0], 3);
}

}  // namespace
}  // namespace trainer
