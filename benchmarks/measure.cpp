#include "benchmarks/measure.h"

#include <proxprop/prox/scratch_memory.h>

#include "benchmarks/counting_allocator.h"

#include <algorithm>
#include <chrono>

namespace proxprop::benchmarks {

namespace {

constexpr int steps_for_memory = 3;

double milliseconds(const std::function<void()>& step) {
  const auto start = std::chrono::steady_clock::now();
  step();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// What building and running a contender takes beyond what was held before.
int64_t peak_of(const Contender& contender) {
  release_scratch_memory();  // what an earlier contender left would be taken from this one's peak
  auto& allocator = counting_allocator();
  const auto before = allocator.live();
  const auto running = contender.build();
  running.step();
  allocator.restart_peak();
  for (int i = 0; i < steps_for_memory; ++i) {
    running.step();
  }
  return allocator.peak() - before;
}

}  // namespace

Quartiles quartiles(std::vector<double> values) {
  if (values.empty()) {
    return {};
  }
  std::sort(values.begin(), values.end());
  const auto at = [&](double fraction) {
    const double place = fraction * double(values.size() - 1);
    const auto below = size_t(place);
    const auto above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - double(below)) * (values[above] - values[below]);
  };
  return {at(0.25), at(0.5), at(0.75)};
}

void measure(
    const std::string& suite,
    const std::string& case_name,
    const std::vector<Contender>& contenders,
    const Settings& settings,
    std::vector<Row>& rows) {
  if (case_name.find(settings.filter) == std::string::npos) {
    return;
  }
  const auto tell = [&](const std::string& what) {
    if (settings.progress) {
      settings.progress(suite + " / " + case_name + ": " + what);
    }
  };

  std::vector<int64_t> peaks(contenders.size(), 0);
  if (settings.memory) {
    for (size_t i = 0; i < contenders.size(); ++i) {
      tell("memory of " + contenders[i].method);
      peaks[i] = peak_of(contenders[i]);
    }
  }

  std::vector<Running> running;
  std::vector<size_t> taking_part;
  double baseline_first = 0;
  for (size_t i = 0; i < contenders.size(); ++i) {
    tell("warming up " + contenders[i].method);
    auto model = contenders[i].build();
    double fastest = milliseconds(model.step);
    if (i > 0 && fastest > settings.hopeless * baseline_first) {
      continue;
    }
    for (int step = 0; step < settings.warmup; ++step) {
      fastest = std::min(fastest, milliseconds(model.step));
    }
    if (i == 0) {
      baseline_first = fastest;
    }
    running.push_back(std::move(model));
    taking_part.push_back(i);
  }

  // Every round starts with another contender, so that none always follows the same one.
  std::vector<std::vector<double>> times(running.size());
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < settings.rounds; ++round) {
    const auto spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (round >= settings.fewest_rounds && spent > settings.seconds_per_case) {
      break;
    }
    tell("round " + std::to_string(round + 1) + " of " + std::to_string(settings.rounds));
    for (size_t i = 0; i < running.size(); ++i) {
      const auto turn = (i + size_t(round)) % running.size();
      times[turn].push_back(milliseconds(running[turn].step));
    }
  }

  for (size_t i = 0; i < running.size(); ++i) {
    const auto& contender = contenders[taking_part[i]];
    std::vector<double> ratios;
    for (size_t round = 0; round < times[i].size(); ++round) {
      ratios.push_back(times[i][round] / times[0][round]);
    }
    const auto ratio = quartiles(ratios);
    Row row{suite, case_name, contender.method, running[i].route};
    row.ms_median = quartiles(times[i]).median;
    row.ratio_median = ratio.median;
    row.ratio_q1 = ratio.q1;
    row.ratio_q3 = ratio.q3;
    row.peak_bytes = peaks[taking_part[i]];
    row.planned = contender.planned;
    if (running[i].residual) {
      tell("residual of " + contender.method);
      row.residual = running[i].residual();
    }
    rows.push_back(std::move(row));
  }
}

}  // namespace proxprop::benchmarks
