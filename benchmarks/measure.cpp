#include "benchmarks/measure.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <atomic>
#include <chrono>

namespace proxprop::benchmarks {

namespace {

constexpr int steps_for_memory = 3;

double milliseconds(const std::function<void()>& step) {
  const auto start = std::chrono::steady_clock::now();
  step();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// Counts the bytes of tensors and of the core's workspaces, which come from the same allocator. The libraries' own
// scratch memory (MKL, oneDNN) is not in it.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* base) : base_(base) {}

  c10::DataPtr allocate(size_t bytes) override {
    auto whole = base_->allocate(bytes + sizeof(Header));
    const auto now = live_ += int64_t(bytes);
    for (auto peak = peak_.load(); peak < now && !peak_.compare_exchange_weak(peak, now);) {
    }
    const auto device = whole.device();
    auto* header = new (whole.get()) Header{this, int64_t(bytes), std::move(whole)};
    void* data = header + 1;
    return {data, data, &release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { base_->copy_data(to, from, bytes); }

  int64_t live() const { return live_; }
  int64_t peak() const { return peak_; }
  void restart_peak() { peak_ = live_.load(); }

 private:
  // In front of the data, whose alignment it keeps.
  struct alignas(64) Header {
    CountingAllocator* owner;
    int64_t bytes;
    c10::DataPtr whole;
  };
  static void release(void* data) {
    auto* header = static_cast<Header*>(data) - 1;
    header->owner->live_ -= header->bytes;
    const auto whole = std::move(header->whole);
    header->~Header();
  }

  c10::Allocator* base_;
  std::atomic<int64_t> live_{0};
  std::atomic<int64_t> peak_{0};
};

// Installed once and for good: tensors outlive the measurement that made them.
CountingAllocator& counting_allocator() {
  static auto* const allocator = [] {
    auto* counting = new CountingAllocator(c10::GetCPUAllocator());
    c10::SetCPUAllocator(counting, /*priority=*/100);
    return counting;
  }();
  return *allocator;
}

// What building and running a contender takes beyond what was held before.
int64_t peak_of(const Contender& contender) {
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
