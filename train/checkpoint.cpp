#include "train/checkpoint.h"

#include "train/calibration.h"
#include "train/checkpoint_file.h"
#include "train/errors.h"
#include "train/records/atomic_file.h"
#include "train/records/config_json.h"
#include "train/records/posix_file.h"
#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace proxprop::train {
namespace {

const std::string kFormat = "proxprop checkpoint";
const std::string kVersion = "1";

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

double number(const Json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

Json state_to_json(const Checkpoint& checkpoint) {
  return {
      {"step", checkpoint.step},
      {"sampler_epoch", checkpoint.sampler.epoch},
      {"sampler_batch", checkpoint.sampler.batch},
      {"evaluated_epoch", checkpoint.evaluated_epoch},
      {"evaluated_step", checkpoint.evaluated_step},
      {"lr_factor", checkpoint.lr_factor},
      {"refused_in_a_row", checkpoint.refused_in_a_row},
      {"seconds", checkpoint.seconds},
      {"evaluations", checkpoint.evaluations},
      {"train_records", checkpoint.train_records},
      {"rates", rates_to_json(checkpoint.rates)},
      {"best_epoch", checkpoint.best.epoch},
      {"best_step", checkpoint.best.step},
      {"best_validation_accuracy", number(checkpoint.best.validation_accuracy)},
      {"best_test_accuracy", number(checkpoint.best.test_accuracy)}};
}

void state_from_json(const Json& json, Checkpoint& checkpoint) {
  const auto integer = [&](const char* key) { return integer_from_json(json.at(key), key); };
  checkpoint.step = integer("step");
  checkpoint.sampler.epoch = integer("sampler_epoch");
  checkpoint.sampler.batch = integer("sampler_batch");
  checkpoint.evaluated_epoch = integer("evaluated_epoch");
  if (json.contains("evaluated_step"))  // older checkpoints end at whole epochs
    checkpoint.evaluated_step = integer("evaluated_step");
  if (json.contains("lr_factor")) {  // older ones know no steps that are not taken
    checkpoint.lr_factor = json.at("lr_factor").get<double>();
    checkpoint.refused_in_a_row = integer("refused_in_a_row");
  }
  checkpoint.seconds = json.at("seconds").get<double>();
  if (json.contains("evaluations"))  // older ones do not count them
    checkpoint.evaluations = json.at("evaluations").get<double>();
  checkpoint.train_records = integer("train_records");
  if (const auto rates = json.find("rates"); rates != json.end())
    checkpoint.rates = rates_from_json(*rates);
  checkpoint.best.epoch = integer("best_epoch");
  checkpoint.best.step = integer("best_step");
  checkpoint.best.validation_accuracy = number(json.at("best_validation_accuracy"));
  checkpoint.best.test_accuracy = number(json.at("best_test_accuracy"));
  require<RecordReadError>(checkpoint.step >= 0, "step must be at least 0, got ", checkpoint.step);
}

void add(TensorMap& all, const std::string& prefix, const TensorMap& part) {
  for (const auto& [name, tensor] : part)
    all.emplace(prefix + name, tensor);
}

TensorMap take(const TensorMap& all, const std::string& prefix) {
  TensorMap part;
  for (auto entry = all.lower_bound(prefix); entry != all.end() && entry->first.starts_with(prefix); ++entry) {
    part.emplace(entry->first.substr(prefix.size()), entry->second);
  }
  return part;
}

std::string file_name(int64_t step) {
  const std::string digits = std::to_string(step);
  return "step-" + std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0') + digits + ".safetensors";
}

Checkpoint from_content(const Safetensors& content, const std::string& origin) {
  const auto entry = [&](const std::string& key) {
    const auto found = content.metadata.find(key);
    require<CheckpointError>(found != content.metadata.end(), origin, ": not a checkpoint, ", key, " is missing");
    return found->second;
  };
  require<CheckpointError>(entry("format") == kFormat, origin, ": not a checkpoint but a ", entry("format"));
  require<CheckpointError>(
      entry("version") == kVersion, origin, ": its format version is ", entry("version"),
      ", this program reads version ", kVersion);
  Checkpoint checkpoint;
  checkpoint.model = take(content.tensors, "model.");
  checkpoint.optimizer = take(content.tensors, "optimizer.");
  checkpoint.solvers = take(content.tensors, "solver.");
  checkpoint.generators = take(content.tensors, "generator.");
  try {
    state_from_json(parse_json(entry("state"), "state"), checkpoint);
    checkpoint.config = config_from_json(parse_json(entry("config"), "config"));
  } catch (const RecordError& error) {
    throw CheckpointError(origin + ": " + error.what());
  } catch (const nlohmann::json::exception& error) {
    throw CheckpointError(origin + ": its state cannot be read: " + error.what());
  }
  return checkpoint;
}

}  // namespace

std::filesystem::path save_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint) {
  Safetensors content;
  add(content.tensors, "model.", checkpoint.model);
  add(content.tensors, "optimizer.", checkpoint.optimizer);
  add(content.tensors, "solver.", checkpoint.solvers);
  add(content.tensors, "generator.", checkpoint.generators);
  content.metadata = {
      {"format", kFormat},
      {"version", kVersion},
      {"state", json_text(state_to_json(checkpoint))},
      {"config", json_text(config_to_json(checkpoint.config))}};
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require<RecordError>(!error, "cannot make the folder ", folder.string(), ": ", error.message());
  const std::filesystem::path path = folder / file_name(checkpoint.step);
  write_file_atomically(path, to_checksummed_safetensors(std::move(content)));
  return path;
}

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  return from_content(parse_checksummed_safetensors(read_file(path), path.string()), path.string());
}

}  // namespace proxprop::train
