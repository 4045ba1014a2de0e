#include "scoped_cache.h"
#include "temporary_folder.h"
#include "train/calibration.h"
#include "train/records/atomic_file.h"
#include "train/records/posix_file.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <fstream>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

TEST(Calibration, IsMeasuredOnceAndThenRead) {
  const TemporaryFolder folder;
  const ScopedCache cache(folder.path());
  EXPECT_FALSE(cached_rates());
  const Calibration first = calibrate(), second = calibrate();
  EXPECT_TRUE(first.measured_now);
  EXPECT_FALSE(second.measured_now);
  EXPECT_EQ(first.file.parent_path(), folder.path() / "proxprop");
  EXPECT_EQ(first.file, second.file);
  EXPECT_EQ(first.rates, second.rates);
  EXPECT_EQ(cached_rates(), first.rates);
}

TEST(Calibration, EveryRateIsPositiveAndFinite) {
  const Rates rates = measure_rates();
  EXPECT_TRUE(rates.measured);
  for (size_t i = 0; i < kernel_count; ++i) {
    EXPECT_TRUE(std::isfinite(rates.costs[i])) << to_string(Kernel(i));
    EXPECT_GE(rates.costs[i], 0) << to_string(Kernel(i));
    EXPECT_TRUE(rates.costs[i] > 0 || Kernel(i) == Kernel::pivot) << to_string(Kernel(i));
  }
}

TEST(Calibration, BrokenAndForeignFilesAreReplaced) {
  const TemporaryFolder folder;
  const ScopedCache cache(folder.path());
  const fs::path file = calibrate().file;
  const std::string good = read_file(file);
  Json other_machine = parse_json(good, "");
  other_machine["conditions"]["cpu"] = "another";
  Json negative = parse_json(good, "");
  negative["rates"]["costs"]["product"] = -1;
  Json fewer = parse_json(good, "");
  fewer["rates"]["costs"].erase("memory");
  Json text = parse_json(good, "");
  text["rates"] = "fast";
  for (const std::string& bad :
       {std::string(), std::string("{"), good.substr(0, good.size() / 2), json_text(other_machine), json_text(negative),
        json_text(fewer), json_text(text), std::string("[]")}) {
    write_file_atomically(file, bad);
    EXPECT_FALSE(cached_rates()) << bad;
    EXPECT_TRUE(calibrate().measured_now) << bad;
    EXPECT_FALSE(calibrate().measured_now) << bad;
  }
}

TEST(Calibration, OtherNumbersOfThreadsHaveFilesOfTheirOwn) {
  const TemporaryFolder folder;
  const ScopedCache cache(folder.path());
  const int threads = at::get_num_threads();
  const fs::path file = calibrate().file;
  at::set_num_threads(threads + 1);
  EXPECT_FALSE(cached_rates());
  at::set_num_threads(threads);
  EXPECT_TRUE(cached_rates());
}

TEST(Calibration, WorksWithoutAPlaceToKeepIt) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "not a folder";
  const ScopedCache cache(folder.path() / "file");
  const Calibration calibration = calibrate();
  EXPECT_TRUE(calibration.measured_now);
  EXPECT_TRUE(calibration.file.empty());
  EXPECT_TRUE(calibration.rates.measured);
}

TEST(Calibration, DrawsNoRandomNumbers) {
  at::manual_seed(3);
  const auto expected = at::rand({4});
  at::manual_seed(3);
  measure_rates();
  EXPECT_TRUE(at::rand({4}).equal(expected));
}

}  // namespace
}  // namespace proxprop::train
