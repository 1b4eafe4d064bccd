// SPDX-License-Identifier: Apache-2.0
#include "trainer/data_loader.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <mutex>
#include <tuple>

#include "data/batch_workers.hpp"
#include "data/failure.hpp"

namespace trainer {
namespace {

void draw_base_seed() { at::empty({}, at::kLong).random_(); }

Batch collated(const DataCollator& collator, const std::vector<Row>& rows) {
  Batch batch = collator(rows);
  if (batch.empty())
    throw_usage(error_id::data_invalid, "the data_collator gave a batch without tensors for " +
                                            std::to_string(rows.size()) + " rows, expected their columns");
  return batch;
}

Batch pinned(Batch batch, bool pin_memory) {
  if (pin_memory)
    for (auto& entry : batch) entry.second = entry.second.pin_memory();
  return batch;
}

class DatasetLoader final : public DataLoader {
 public:
  DatasetLoader(std::shared_ptr<Dataset> dataset, DataLoaderOptions options)
      : dataset_(std::move(dataset)), options_(std::move(options)) {
    if (!options_.sampler) options_.sampler = std::make_shared<SequentialSampler>(dataset_->size());
    if (options_.num_workers > 0) workers_ = std::make_unique<BatchWorkers>(options_.num_workers);
  }

  std::optional<std::int64_t> size() const override { return batches(); }
  std::optional<std::int64_t> num_examples() const override { return dataset_->size(); }

  void begin_epoch(std::int64_t epoch, std::int64_t first_batch) override {
    draw_base_seed();
    if (options_.batch_sampler) {
      batches_ = checked(options_.batch_sampler->batches(epoch));
      // In turn, until each process has as many.
      for (std::size_t i = 0; std::ssize(batches_) < batches() * options_.shard.world; ++i)
        batches_.push_back(batches_[i]);
    } else {
      order_ = checked(options_.sampler->indices(epoch), options_.sampler->size());
      if (options_.shard.world > 1) complete_order();
    }
    at_ = taken_ = first_batch;
    if (workers_) workers_->clear();
  }

  std::optional<Batch> next() override {
    if (workers_) {
      const auto ahead = static_cast<std::size_t>(options_.num_workers * options_.prefetch_factor);
      for (; at_ < batches() && workers_->pending() < ahead; ++at_)
        workers_->submit([this, rows = rows_of(at_)] { return make(rows); });
      if (workers_->pending() == 0) return std::nullopt;
      ++taken_;
      return workers_->take();
    }
    if (at_ >= batches()) return std::nullopt;
    ++taken_;
    return make(rows_of(at_++));
  }

  std::optional<std::int64_t> rows_in_round() const override {
    const std::int64_t world = options_.shard.world;
    if (world == 1 || taken_ < batches()) return {};
    if (options_.batch_sampler) {
      std::int64_t rows = 0;
      for (auto i = (taken_ - 1) * world; i < options_.batch_sampler->size(); ++i)
        rows += batches_[static_cast<std::size_t>(i)].numel();
      return rows;
    }
    const std::int64_t rest = options_.sampler->size() % (options_.batch_size * world);
    return options_.drop_last || rest == 0 ? std::nullopt : std::optional(rest);
  }

 private:
  // Of this process.
  std::int64_t batches() const {
    const std::int64_t world = options_.shard.world;
    if (options_.batch_sampler) return (options_.batch_sampler->size() + world - 1) / world;
    const std::int64_t rows = options_.sampler->size(), batch = options_.batch_size;
    return options_.drop_last ? rows / batch / world : ((rows + batch - 1) / batch + world - 1) / world;
  }
  at::Tensor rows_of(std::int64_t batch) const {
    batch = batch * options_.shard.world + options_.shard.rank;
    if (options_.batch_sampler) return batches_[static_cast<std::size_t>(batch)];
    const std::int64_t begin = batch * options_.batch_size;
    return order_.slice(0, begin, std::min(begin + options_.batch_size, order_.numel()));
  }
  void complete_order() {
    const Sampler* sampler = options_.sampler.get();
    const bool known = dynamic_cast<const SequentialSampler*>(sampler) || dynamic_cast<const RandomSampler*>(sampler);
    if (!known && options_.shard.take_from_rank_0) {
      order_ = order_.clone();
      options_.shard.take_from_rank_0(order_);
    }
    const std::int64_t rows = order_.numel(), all = batches() * options_.batch_size * options_.shard.world;
    if (all > rows && rows > 0)
      order_ = at::cat({order_, order_.index_select(0, at::arange(all - rows, at::kLong).remainder(rows))});
  }
  // Contiguous, as datasets read them as numbers one after another.
  at::Tensor checked(const at::Tensor& order, std::int64_t rows) const {
    const auto refuse = [&](const std::string& found) {
      throw_usage(error_id::data_invalid, "the sampler gave " + found + ", expected " + std::to_string(rows) +
                                              " numbers (int64) from 0 to " + std::to_string(dataset_->size() - 1) +
                                              " on the CPU");
    };
    if (!order.defined() || order.dim() != 1 || order.numel() != rows || order.scalar_type() != at::kLong ||
        !order.is_cpu())
      refuse(order.defined() ? tensor_text(order) : "no tensor");
    at::Tensor in_a_row = order.contiguous();
    const std::int64_t* begin = in_a_row.const_data_ptr<std::int64_t>();
    const auto [least, most] = std::minmax_element(begin, begin + rows);
    if (rows > 0 && (*least < 0 || *most >= dataset_->size()))
      refuse("the rows " + std::to_string(*least) + " to " + std::to_string(*most));
    return in_a_row;
  }
  std::vector<at::Tensor> checked(std::vector<at::Tensor> given) const {
    if (const std::int64_t expected = options_.batch_sampler->size(); std::ssize(given) != expected)
      throw_usage(error_id::data_invalid, "the batch_sampler gave " + std::to_string(given.size()) +
                                              " batches, expected " + std::to_string(expected) +
                                              ", as its size() says");
    for (at::Tensor& rows : given) rows = checked(rows, rows.defined() ? std::max<std::int64_t>(rows.numel(), 1) : 1);
    return given;
  }
  Batch make(const at::Tensor& rows) const {
    return at_place(
        error_id::data_failed, [&] { return rows_text(rows); },
        [&] {
          return pinned(
              options_.collator ? collated(options_.collator, dataset_->get_rows(rows)) : dataset_->get_batch(rows),
              options_.pin_memory);
        });
  }

  std::shared_ptr<Dataset> dataset_;
  DataLoaderOptions options_;
  at::Tensor order_;                 // [N] int64; or
  std::vector<at::Tensor> batches_;  // of the batch_sampler
  std::int64_t at_ = 0, taken_ = 0;  // batches that were asked of the workers, and that next() gave
  std::unique_ptr<BatchWorkers> workers_;
};

// One thread reads ahead, whatever num_workers says: rows of a stream have an order.
class StreamLoader final : public DataLoader {
  template <typename F>
  auto in_stream(F&& f) {
    return at_place(error_id::data_failed, [this] { return "the stream after row " + std::to_string(read_); }, f);
  }

 public:
  StreamLoader(std::shared_ptr<IterableDataset> dataset, DataLoaderOptions options)
      : dataset_(std::move(dataset)), options_(std::move(options)) {
    if (!options_.collator) options_.collator = default_data_collator;
    if (options_.num_workers > 0) workers_ = std::make_unique<BatchWorkers>(1);
  }

  std::optional<std::int64_t> size() const override { return {}; }
  std::optional<std::int64_t> num_examples() const override { return {}; }

  void begin_epoch(std::int64_t epoch, std::int64_t first_batch) override {
    if (workers_) workers_->clear();
    draw_base_seed();
    read_ = 0;
    ended_ = false;
    first_.clear();
    rounds_.clear();
    in_stream([&] {
      stream_ = dataset_->stream(epoch);
      while (read_ < first_batch * round_size()) {
        auto row = stream_();
        if (!row) break;
        keep_if_first(*row);
        ++read_;
      }
    });
  }

  std::optional<Batch> next() override {
    if (ended_) return std::nullopt;
    Batch batch;
    if (workers_) {
      const auto ahead = static_cast<std::size_t>(options_.num_workers * options_.prefetch_factor);
      while (workers_->pending() < ahead) workers_->submit([this] { return make(); });
      batch = workers_->take();
    } else {
      batch = make();
    }
    ended_ = batch.empty();
    if (ended_ && workers_) workers_->clear();
    if (ended_) return std::nullopt;
    if (options_.shard.world > 1) {
      const std::lock_guard lock(mutex_);
      rows_in_round_ = rounds_.front();
      rounds_.pop_front();
    }
    return batch;
  }

  std::optional<std::int64_t> rows_in_round() const override { return rows_in_round_; }

 private:
  std::int64_t round_size() const { return options_.batch_size * options_.shard.world; }
  void keep_if_first(const Row& row) {
    if (options_.shard.world > 1 && std::ssize(first_) < options_.shard.world) first_.push_back(row);
  }

  // Nothing at the end of the stream, which is not asked again.
  Batch make() {
    std::vector<Row> rows;
    return in_stream([&]() -> Batch {
      while (stream_ && std::ssize(rows) < round_size()) {
        auto row = stream_();
        if (!row) {
          stream_ = nullptr;
          break;
        }
        keep_if_first(*row);
        rows.push_back(std::move(*row));
        ++read_;
      }
      if (rows.empty()) return {};
      if (options_.shard.world > 1) rows = own_part(std::move(rows));
      return pinned(collated(options_.collator, rows), options_.pin_memory);
    });
  }

  // As accelerate's DataLoaderDispatcher deals out a round: in equal parts, the last round's too, to which the stream's
  // first rows are added where it needs them.
  std::vector<Row> own_part(std::vector<Row> round) {
    const std::int64_t world = options_.shard.world, rows = std::ssize(round), part = (rows + world - 1) / world;
    {
      const std::lock_guard lock(mutex_);
      rounds_.push_back(rows < round_size() ? std::optional(rows) : std::nullopt);
    }
    for (std::size_t i = 0; std::ssize(round) < part * world; ++i) round.push_back(first_[i % first_.size()]);
    const auto begin = round.begin() + part * options_.shard.rank;
    return {std::make_move_iterator(begin), std::make_move_iterator(begin + part)};
  }

  std::shared_ptr<IterableDataset> dataset_;
  DataLoaderOptions options_;
  RowStream stream_;
  std::int64_t read_ = 0;  // rows of the epoch, of all processes
  bool ended_ = false;
  std::vector<Row> first_;  // a row of the epoch's begin for each process, where there are several
  std::optional<std::int64_t> rows_in_round_;
  std::deque<std::optional<std::int64_t>> rounds_;  // of the batches that next() has not given
  std::mutex mutex_;                                // of rounds_, to which a worker adds
  std::unique_ptr<BatchWorkers> workers_;
};

}  // namespace

DataLoader::~DataLoader() = default;

std::unique_ptr<DataLoader> make_data_loader(std::shared_ptr<AnyDataset> dataset, DataLoaderOptions options) {
  for (const auto& [name, value, least] :
       {std::tuple("batch_size", options.batch_size, 1), std::tuple("num_workers", options.num_workers, 0),
        std::tuple("prefetch_factor", options.prefetch_factor, 1)})
    if (value < least)
      throw_usage(error_id::arguments_invalid, std::string("make_data_loader: ") + name + " is " +
                                                   std::to_string(value) + ", expected at least " +
                                                   std::to_string(least));
  if (auto sized = std::dynamic_pointer_cast<Dataset>(dataset))
    return std::make_unique<DatasetLoader>(std::move(sized), std::move(options));
  if (auto stream = std::dynamic_pointer_cast<IterableDataset>(std::move(dataset)))
    return std::make_unique<StreamLoader>(std::move(stream), std::move(options));
  throw_usage(error_id::data_invalid,
              "make_data_loader was given rows that are neither a Dataset nor an IterableDataset; derive from one of "
              "them, or give the Trainer your own DataLoader");
}

}  // namespace trainer
