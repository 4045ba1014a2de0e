#include "train/records/tensorboard.h"

#include "train/records/config_json.h"

#include <nlohmann/json.hpp>

#include <string>
#include <system_error>
#include <vector>

namespace proxprop::train {
namespace {

std::string configuration_markdown(const RunStart& start) {
  std::string table = "| key | value |\n| --- | --- |\n";
  const Json config = config_to_json(start.config);
  for (const auto& [section, members] : config.items()) {
    for (const auto& [key, value] : members.items())
      table += "| " + section + "." + key + " | " + json_text(value) + " |\n";
  }
  return table;
}

bool has_event_files(const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().starts_with("events.out.tfevents."))
      return true;
  }
  return false;
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& run_folder) : folder_(run_folder / "tensorboard") {}

void TensorBoardWriter::on_start(const RunStart& start) {
  has_validation_ = start.validation_records > 0;
  has_test_ = start.test_records > 0;
  // A run that was stopped before its first checkpoint begins anew beside the events that it had told.
  const bool begins_anew = !start.resumed && has_event_files(folder_);
  file_.emplace(folder_);
  if (start.resumed || begins_anew)
    file_->restart(begins_anew ? 0 : start.first_step + 1);
  if (!start.resumed) {
    file_->text(0, "configuration", configuration_markdown(start));
  }
}

void TensorBoardWriter::on_step(const StepEvent& step) {
  file_.value().scalars(step.step, {{"loss/batch", step.loss}, {"lr", step.lr}});
}

void TensorBoardWriter::on_epoch(const EpochEvent& epoch) {
  std::vector<EventFile::Scalar> values{{"loss/train", epoch.train_loss}, {"accuracy/train", epoch.train_accuracy}};
  if (has_validation_) {
    values.emplace_back("loss/validation", epoch.validation_loss);
    values.emplace_back("accuracy/validation", epoch.validation_accuracy);
  }
  if (has_test_) {
    values.emplace_back("loss/test", epoch.test_loss);
    values.emplace_back("accuracy/test", epoch.test_accuracy);
  }
  file_.value().scalars(epoch.step, values);
  file_.value().sync();
}

void TensorBoardWriter::on_checkpoint(int64_t) {
  file_.value().sync();
}

void TensorBoardWriter::on_end(const RunEnd&) {
  file_.value().sync();
}

}  // namespace proxprop::train
