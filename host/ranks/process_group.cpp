// SPDX-License-Identifier: Apache-2.0
#include "ranks/process_group.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <sstream>
#include <thread>

#include "ranks/engine.hpp"
#include "ranks/engine_failure.hpp"
#include "ranks/exchange.hpp"
#include "ranks/master.hpp"
#include "ranks/own_address.hpp"
#include "ranks/within.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds grace{500};

std::chrono::milliseconds until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return std::max(left, std::chrono::milliseconds(1));
}

c10::intrusive_ptr<c10d::Store> make_store(const Ranks& ranks, std::chrono::seconds timeout,
                                           Clock::time_point deadline) {
  c10d::TCPStoreOptions options;
  options.port = ranks.port;
  options.isServer = ranks.rank == 0 && !ranks.agent_store;
  options.numWorkers = static_cast<std::size_t>(ranks.world);
  options.waitWorkers = false;  // the roll call says who is missing
  if (!options.isServer)
    if (const auto reason = wait_for_listener(ranks.master, ranks.port, deadline); !reason.empty())
      throw_unreachable(ranks, timeout, reason);
  // The client repeats a greeting that is answered wrongly, with growing pauses, for up to twice as long.
  options.timeout = until(deadline) / 2;
  using Store = c10::intrusive_ptr<c10d::Store>;
  const auto store = within(deadline + grace, [master = ranks.master, options]() mutable -> Store {
    try {
      return c10::make_intrusive<c10d::TCPStore>(master, options);
    } catch (const std::exception& e) {
      if (std::string_view(e.what()).find("libuv") == std::string_view::npos) throw;
      options.useLibUV = false;  // Debian's LibTorch has none
      return c10::make_intrusive<c10d::TCPStore>(master, options);
    }
  });
  if (!store) throw_unreachable(ranks, timeout, "what listens there says nothing");
  return *store;
}

using Device = std::shared_ptr<::gloo::transport::Device>;

// Of the interfaces that the user chose, if he did.
std::vector<Device> named_devices(const Ranks& ranks) {
  const char* named = std::getenv("GLOO_SOCKET_IFNAME");
  std::vector<Device> out;
  std::istringstream names(named ? named : "");
  for (std::string name; std::getline(names, name, ',');) try {
      out.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(name));
    } catch (const std::exception&) {
      throw_usage(error_id::ranks_environment_invalid,
                  "environment: GLOO_SOCKET_IFNAME is \"" + std::string(named) + "\", and " + rank_text(ranks) +
                      " has no interface \"" + name + "\" with an address; name one that it has, or unset it");
    }
  return out;
}

// A host's own name often stands for 127.0.1.1, where no other machine gets to.
Device device_towards_master(const Ranks& ranks) {
  const std::string address = own_address_towards(ranks.master, ranks.port);
  return address.empty() ? c10d::ProcessGroupGloo::createDefaultDevice()
                         : c10d::ProcessGroupGloo::createDeviceForHostname(address);
}

// The agent's store is the same after a restart, and still has the keys of the attempt before. Any other is new.
std::string name_of_attempt(const Ranks& ranks) {
  return "libtrainer/attempt" + (ranks.agent_store ? "_" + std::to_string(ranks.restart) : std::string());
}

std::unique_ptr<GroupEngine> make_engine(const Ranks& ranks, const GroupSettings& settings) {
  const auto deadline = Clock::now() + settings.timeout;
  auto options = c10d::ProcessGroupGloo::Options::create(settings.timeout);
  options->devices = named_devices(ranks);  // before anyone waits for this rank
  const auto base = make_store(ranks, settings.timeout, deadline);
  const c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::PrefixStore>(name_of_attempt(ranks), base);
  const auto of_launch = c10::make_intrusive<c10d::PrefixStore>("libtrainer/launch", base);
  auto engine = std::make_unique<GroupEngine>(GroupEngine{store, of_launch, RollCall(store, ranks), nullptr, nullptr});
  const auto [late, difference] = engine->roll_call.meet(until(deadline));
  if (!late.empty() || !difference.empty()) {
    if (ranks.rank == 0) std::this_thread::sleep_for(grace);  // as the others look into the store that is here
    if (!difference.empty()) throw_usage(error_id::ranks_mismatch, difference);
    throw_late(ranks, settings.timeout, engine->roll_call.names_of(late));
  }
  store->setTimeout(settings.timeout);
  if (options->devices.empty()) options->devices.push_back(device_towards_master(ranks));
  engine->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(
      c10::make_intrusive<c10d::PrefixStore>("gloo", engine->store), ranks.rank, ranks.world, options);
  engine->group = c10::make_intrusive<c10d::ProcessGroup>(engine->store, ranks.rank, ranks.world);
  engine->group->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO, engine->gloo);
  engine->group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
  engine->group->setGroupName("libtrainer");
  if (!settings.gpu && settings.backend == "nccl" && ranks.rank == 0)
    log::warning("args.ddp_backend is \"nccl\", which is for GPUs, and this run is on CPUs; Gloo takes its place");
  if (!settings.gpu) return engine;
  const bool nccl = settings.backend != "gloo" && add_nccl(*engine, ranks, settings.timeout);
  if (!nccl && settings.backend == "nccl")
    throw_usage(
        error_id::arguments_invalid,
        "args.ddp_backend is \"nccl\", but this LibTrainer was compiled without its headers; build it where nccl.h "
        "and the CUDA toolkit's are, or leave ddp_backend unset, and gradients go through Gloo");
  if (!nccl) engine->group->setBackend(c10::DeviceType::CUDA, c10d::ProcessGroup::BackendType::GLOO, engine->gloo);
  return engine;
}

at::Tensor view_of(std::span<std::int64_t> numbers) {
  return at::from_blob(numbers.data(), {static_cast<std::int64_t>(numbers.size())}, at::kLong);
}

}  // namespace

ProcessGroup::ProcessGroup(Ranks ranks, GroupSettings settings)
    : ranks_(std::move(ranks)), settings_(std::move(settings)) {
  if (alone()) return;
  quiet_engine();
  // The ranks of a machine share its cores, as accelerate shares them out.
  if (const char* threads = std::getenv("OMP_NUM_THREADS"); !threads || !*threads)
    at::set_num_threads(std::max(1, at::get_num_threads() / ranks_.local_world));
  try {
    engine_ = make_engine(ranks_, settings_);
  } catch (...) {
    rethrow_start_failure(ranks_, settings_.timeout);
  }
}

ProcessGroup::~ProcessGroup() = default;

// What the engine throws in `f` leaves as an Error that names the call.
template <typename F>
static auto called(const ProcessGroup& group, const char* call, F&& f) {
  try {
    return f();
  } catch (...) {
    rethrow_call_failure(group.engine()->roll_call, group.ranks(), group.settings().timeout, call);
  }
}

void ProcessGroup::broadcast(std::span<const at::Tensor> tensors) {
  if (alone() || tensors.empty()) return;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> detached;
  for (const at::Tensor& tensor : tensors) detached.push_back(tensor.detach());
  called(*this, "a broadcast", [&] { c10d::broadcast_coalesced(engine_->group, detached, std::size_t{250} << 20, 0); });
}

std::string ProcessGroup::broadcast(const std::string& text) {
  if (alone()) return text;
  return called(*this, "a broadcast", [&] {
    std::vector<at::Tensor> size{at::full({1}, static_cast<std::int64_t>(text.size()), at::kLong)};
    engine_->gloo->broadcast(size)->wait();
    std::string out = text;
    out.resize(static_cast<std::size_t>(size[0].item<std::int64_t>()));
    if (out.empty()) return out;
    std::vector<at::Tensor> bytes{at::from_blob(out.data(), {static_cast<std::int64_t>(out.size())}, at::kByte)};
    engine_->gloo->broadcast(bytes)->wait();
    return out;
  });
}

at::Tensor ProcessGroup::all_gather(const at::Tensor& tensor) {
  const at::NoGradGuard no_grad;
  if (alone()) return tensor;
  const at::Tensor own = tensor.detach().cpu().contiguous();
  auto sizes = own.sizes().vec();
  sizes.at(0) *= world();
  if (own.numel() == 0) return own.reshape(sizes);
  std::vector<at::Tensor> mine{own.view({-1}).view(at::kByte)};  // Gloo does not know every type
  std::vector<std::vector<at::Tensor>> all(1);
  for (int i = 0; i < world(); ++i) all[0].push_back(at::empty_like(mine[0]));
  called(*this, "an all-gather", [&] {
    if (world() > 2) return void(engine_->gloo->allgather(all, mine)->wait());
    Exchange(*engine_, mine[0], all[0][static_cast<std::size_t>(1 - rank())], 0).wait();
    all[0][static_cast<std::size_t>(rank())] = mine[0];
  });
  return at::cat(all[0]).view(own.scalar_type()).view(sizes);
}

std::vector<std::string> ProcessGroup::all_gather(const std::string& text) {
  if (alone()) return {text};
  const auto count = static_cast<std::size_t>(world());
  const at::Tensor sizes = all_gather(at::full({1}, static_cast<std::int64_t>(text.size()), at::kLong));
  const auto longest = std::max<std::int64_t>(sizes.max().item<std::int64_t>(), 1);
  at::Tensor mine = at::zeros({1, longest}, at::kByte);
  std::memcpy(mine.mutable_data_ptr(), text.data(), text.size());
  const at::Tensor all = all_gather(mine);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i)
    out.emplace_back(static_cast<const char*>(all.const_data_ptr()) + i * static_cast<std::size_t>(longest),
                     static_cast<std::size_t>(sizes.const_data_ptr<std::int64_t>()[i]));
  return out;
}

// Of numbers this small all ranks' are soonest there when each adds them up itself.
template <typename F>
static void fold(ProcessGroup& group, std::span<std::int64_t> numbers, F&& f) {
  if (group.alone() || numbers.empty()) return;
  const at::Tensor all = group.all_gather(view_of(numbers));
  const auto* of_rank = all.const_data_ptr<std::int64_t>();
  const std::size_t n = numbers.size();
  std::copy_n(of_rank, n, numbers.begin());
  for (std::size_t i = n; i < n * static_cast<std::size_t>(group.world()); ++i)
    numbers[i % n] = f(numbers[i % n], of_rank[i]);
}

void ProcessGroup::min_of(std::span<std::int64_t> numbers) {
  fold(*this, numbers, [](std::int64_t a, std::int64_t b) { return std::min(a, b); });
}
void ProcessGroup::sum_of(std::span<std::int64_t> numbers) { fold(*this, numbers, std::plus<>()); }

void ProcessGroup::remember(const std::string& name, const std::string& text) {
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  if (remembers()) called(*this, "the store", [&] { engine_->of_launch->set(name, bytes); });
}

std::optional<std::string> ProcessGroup::recall(const std::string& name) {
  if (!remembers()) return {};
  return called(*this, "the store", [&]() -> std::optional<std::string> {
    if (!engine_->of_launch->check({name})) return {};
    const auto bytes = engine_->of_launch->get(name);
    return std::string(bytes.begin(), bytes.end());
  });
}

void ProcessGroup::tell_end() noexcept {
  if (engine_) engine_->roll_call.tell_end();
}

void ProcessGroup::barrier() {
  if (alone()) return;
  called(*this, "a barrier", [&] { engine_->gloo->barrier()->wait(); });
}

static bool stays_alone = false;

void stay_alone() { stays_alone = true; }
Ranks process_ranks() { return stays_alone ? Ranks() : ranks_from_environment(); }

std::shared_ptr<ProcessGroup> process_group(const GroupSettings& settings) {
  static const auto group = std::make_shared<ProcessGroup>(process_ranks(), settings);
  return group;
}

}  // namespace trainer
