#include "app/dataset_list.h"

#include "app/text_table.h"
#include "train/data/dataset.h"

#include <nlohmann/json.hpp>

namespace proxprop::app {

train::Json dataset_list(const std::filesystem::path& dir) {
  train::Json list = train::Json::array();
  for (const train::DatasetInfo& info : train::known_datasets()) {
    const std::string found = train::find_dataset(info.name, dir).string();
    list.push_back(
        {{"name", info.name},
         {"description", info.description},
         {"classes", info.classes},
         {"channels", info.channels},
         {"height", info.height},
         {"width", info.width},
         {"train_records", info.train_records},
         {"test_records", info.test_records},
         {"validation_records", info.default_validation},
         {"available", !found.empty() || info.files.empty()},
         {"folder", found}});
  }
  return list;
}

std::string dataset_table(const std::filesystem::path& dir) {
  std::vector<std::vector<std::string>> rows = {{"name", "training", "test", "classes", "size", "found in", "what"}};
  for (const train::DatasetInfo& info : train::known_datasets()) {
    const std::string folder = train::find_dataset(info.name, dir).string();
    const std::string size =
        std::to_string(info.channels) + "x" + std::to_string(info.height) + "x" + std::to_string(info.width);
    rows.push_back(
        {info.name, std::to_string(info.train_records), std::to_string(info.test_records), std::to_string(info.classes),
         size,
         !folder.empty()      ? folder
         : info.files.empty() ? "(needs no files)"
                              : "(not found)",
         info.description});
  }
  return text_table(rows, {1, 2, 3});
}

}  // namespace proxprop::app
