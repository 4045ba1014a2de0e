#include "train/calibration.h"

#include "train/records/atomic_file.h"
#include "train/records/crc32c.h"
#include "train/records/posix_file.h"
#include "train/records/record_error.h"
#include "train/records/run_info.h"

#include <proxprop/version.h>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>
#include <torch/headeronly/version.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

// What the rates depend on.
Json conditions() {
  return {
      {"cpu", cpu_name()},
      {"threads", at::get_num_threads()},
      {"instruction_set", kernel_instruction_set()},
      {"proxprop", PROXPROP_VERSION},
      {"libtorch", TORCH_VERSION}};
}

// Empty where there is no home. The specification has relative paths ignored.
fs::path cache_folder() {
  const auto absolute = [](const char* variable) {
    const char* value = std::getenv(variable);
    const fs::path path = value != nullptr ? value : "";
    return path.is_absolute() ? path : fs::path();
  };
  if (const fs::path cache = absolute("XDG_CACHE_HOME"); !cache.empty())
    return cache / "proxprop";
  const fs::path home = absolute("HOME");
  return home.empty() ? fs::path() : home / ".cache" / "proxprop";
}

fs::path cache_file() {
  const fs::path folder = cache_folder();
  if (folder.empty())
    return {};
  char name[32];
  std::snprintf(name, sizeof(name), "rates-%08x.json", static_cast<unsigned>(crc32c(json_text(conditions()))));
  return folder / name;
}

std::optional<Rates> read_rates(const fs::path& file) {
  try {
    const Json json = parse_json(read_file(file), file.string());
    if (json.at("conditions") != conditions())
      return std::nullopt;
    const Rates rates = rates_from_json(json.at("rates"));
    return rates.measured ? std::optional(rates) : std::nullopt;
  } catch (const RecordError&) {
    return std::nullopt;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

bool write_rates(const fs::path& file, const Rates& rates) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error)
    return false;
  try {
    const Json json = {{"conditions", conditions()}, {"rates", rates_to_json(rates)}};
    write_file_atomically(file, json_text(json, true) + "\n");
    return true;
  } catch (const RecordError&) {
    return false;
  }
}

}  // namespace

Calibration calibrate() {
  const fs::path file = cache_file();
  if (const auto known = file.empty() ? std::nullopt : read_rates(file))
    return {*known, file, false};
  const Rates rates = measure_rates();
  const bool written = !file.empty() && write_rates(file, rates);
  return {rates, written ? file : fs::path(), true};
}

std::optional<Rates> cached_rates() {
  const fs::path file = cache_file();
  return file.empty() ? std::nullopt : read_rates(file);
}

std::map<std::string, double> named_rates(const Rates& rates) {
  std::map<std::string, double> named;
  for (size_t i = 0; i < kernel_count; ++i)
    named.emplace(to_string(Kernel(i)), rates.costs[i]);
  return named;
}

Json rates_to_json(const Rates& rates) {
  Json costs = Json::object();
  for (size_t i = 0; i < kernel_count; ++i)
    costs[to_string(Kernel(i))] = rates.costs[i];
  return {{"measured", rates.measured}, {"costs", costs}};
}

Rates rates_from_json(const Json& json) {
  Rates rates;
  rates.measured = json.at("measured").get<bool>();
  const Json& costs = json.at("costs");
  if (costs.size() != kernel_count)
    throw RecordReadError("rates of other kernels");
  for (size_t i = 0; i < kernel_count; ++i) {
    rates.costs[i] = costs.at(to_string(Kernel(i))).get<double>();
    if (!std::isfinite(rates.costs[i]) || rates.costs[i] < 0)
      throw RecordReadError("a rate must not be negative or infinite");
  }
  return rates;
}

}  // namespace proxprop::train
