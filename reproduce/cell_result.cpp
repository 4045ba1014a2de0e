#include "reproduce/cell_result.h"

#include "train/records/comparison.h"
#include "train/records/run_record.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace proxprop::reproduce {
namespace {

using train::EpochEvent;

struct SeedRun {
  std::vector<EpochEvent> epochs;  // no more than are asked for
  bool diverged = false;
  int64_t diverged_at = 0;
  double peak_resident_bytes = PaperValues::unknown;

  // Records from before evaluations were counted say none.
  bool counts_evaluations() const { return epochs.size() < 2 || epochs.back().evaluations > 0; }
};

SeedRun read_run(const StoredRun& stored, int64_t wanted) {
  const train::Metrics metrics = train::read_metrics(stored.folder / "metrics.jsonl");
  SeedRun run;
  for (const EpochEvent& epoch : metrics.epochs) {
    if (epoch.epoch <= wanted)
      run.epochs.push_back(epoch);
  }
  const bool enough = !run.epochs.empty() && run.epochs.back().epoch >= wanted;
  run.diverged = !enough && stored.status == "diverged";
  run.diverged_at = run.diverged ? stored.steps : 0;
  if (metrics.end && metrics.end->peak_resident_bytes > 0)
    run.peak_resident_bytes = static_cast<double>(metrics.end->peak_resident_bytes);
  return run;
}

bool is_complete(const SeedRun& run, int64_t wanted) {
  return run.diverged || (!run.epochs.empty() && run.epochs.back().epoch >= wanted);
}

template <class Member>
Band band(const std::vector<const SeedRun*>& runs, size_t points, Member member) {
  Band result;
  for (size_t i = 0; i < points; ++i) {
    std::vector<double> values;
    for (const SeedRun* run : runs)
      values.push_back(run->epochs[i].*member);
    const Spread spread = spread_of(values);
    result.mean.push_back(spread.mean);
    result.low.push_back(spread.low);
    result.high.push_back(spread.high);
  }
  return result;
}

template <class Value>
Spread over(const std::vector<const SeedRun*>& runs, Value value) {
  std::vector<double> values;
  for (const SeedRun* run : runs)
    values.push_back(value(*run));
  return spread_of(values);
}

void summarize(CellResult& result, const std::vector<const SeedRun*>& runs) {
  size_t points = runs.front()->epochs.size();
  for (const SeedRun* run : runs)
    points = std::min(points, run->epochs.size());
  for (size_t i = 0; i < points; ++i) {
    result.epoch.push_back(runs.front()->epochs[i].epoch);
    result.step.push_back(runs.front()->epochs[i].step);
  }
  if (std::all_of(runs.begin(), runs.end(), [](const SeedRun* run) { return run->counts_evaluations(); }))
    result.evaluations = band(runs, points, &EpochEvent::evaluations).mean;
  result.train_loss = band(runs, points, &EpochEvent::train_loss);
  result.validation_accuracy = band(runs, points, &EpochEvent::validation_accuracy);
  result.test_accuracy = band(runs, points, &EpochEvent::test_accuracy);
  const auto best = [](const SeedRun& run) -> const EpochEvent& { return *train::best_epoch(run.epochs); };
  result.final_train_loss = over(runs, [](const SeedRun& run) { return run.epochs.back().train_loss; });
  result.best_validation_accuracy = over(runs, [&](const SeedRun& run) { return best(run).validation_accuracy; });
  result.best_epoch = over(runs, [&](const SeedRun& run) { return static_cast<double>(best(run).epoch); });
  result.test_accuracy_at_best = over(runs, [&](const SeedRun& run) { return best(run).test_accuracy; });
  result.peak_resident_bytes = over(runs, [](const SeedRun& run) { return run.peak_resident_bytes; });
}

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  if (values.empty())
    return {};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()), *low, *high};
}

double CellResult::at_best(const std::vector<double>& curve) const {
  if (curve.empty())
    return PaperValues::unknown;
  return value_at({epoch.begin(), epoch.end()}, curve, best_epoch.mean);
}

CellResult read_cell(const Cell& cell, int64_t seeds, const RunStore& store) {
  const int64_t wanted = cell.config.train.epochs;
  std::vector<SeedRun> runs;
  for (int64_t k = 0; k < seeds; ++k) {
    if (const StoredRun* stored = store.find(with_seed(cell, k)); stored != nullptr && stored->begun)
      runs.push_back(read_run(*stored, wanted));
  }
  CellResult result;
  result.cell = cell;
  if (runs.empty())
    return result;
  result.complete = std::any_of(runs.begin(), runs.end(), [&](const SeedRun& run) { return is_complete(run, wanted); });
  if (result.complete) {
    std::erase_if(runs, [&](const SeedRun& run) { return !is_complete(run, wanted); });
  } else {
    const auto furthest = std::max_element(
        runs.begin(), runs.end(), [](const SeedRun& a, const SeedRun& b) { return a.epochs.size() < b.epochs.size(); });
    runs = {*furthest};
  }
  result.seeds = static_cast<int64_t>(runs.size());
  std::vector<const SeedRun*> sound;
  for (const SeedRun& run : runs) {
    if (run.diverged) {
      ++result.diverged;
      result.diverged_at = result.diverged == 1 ? run.diverged_at : std::min(result.diverged_at, run.diverged_at);
    } else if (!run.epochs.empty()) {
      sound.push_back(&run);
    }
  }
  if (!sound.empty())
    summarize(result, sound);
  return result;
}

double crossing(const std::vector<double>& x, const std::vector<double>& y, double level, bool rising) {
  const auto reached = [&](double value) { return rising ? value >= level : value <= level; };
  for (size_t i = 0; i < y.size(); ++i) {
    if (!reached(y[i]))
      continue;  // NaN has reached nothing
    if (i == 0 || std::isnan(y[i - 1]))
      return x[i];
    return x[i - 1] + (level - y[i - 1]) / (y[i] - y[i - 1]) * (x[i] - x[i - 1]);
  }
  return PaperValues::unknown;
}

double value_at(const std::vector<double>& x, const std::vector<double>& y, double at) {
  const auto after = std::lower_bound(x.begin(), x.end(), at);
  if (after == x.begin())
    return y.front();
  if (after == x.end())
    return y.back();
  const auto i = static_cast<size_t>(after - x.begin());
  return y[i - 1] + (at - x[i - 1]) / (x[i] - x[i - 1]) * (y[i] - y[i - 1]);
}

}  // namespace proxprop::reproduce
