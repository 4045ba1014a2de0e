#include "train/records/report.h"

#include "train/records/atomic_file.h"
#include "train/records/html_page.h"
#include "train/records/json.h"
#include "train/records/record_error.h"
#include "train/records/report_data.h"
#include "train/records/report_files.h"
#include "train/records/run_record.h"

#include <nlohmann/json.hpp>

#include <string>

namespace proxprop::train {
void write_report(const std::vector<std::filesystem::path>& run_folders, const std::filesystem::path& html) {
  if (run_folders.empty())
    throw RecordError("a report needs at least one run folder");
  const std::string data = json_text_for_html(report_data(read_runs(run_folders)));
  write_file_atomically(
      html, fill_page(
                report_files::report_template_html, {{"style", report_files::report_style_css},
                                                     {"elements", report_files::page_elements_js},
                                                     {"common", report_files::report_common_js},
                                                     {"page", report_files::report_page_js},
                                                     {"curves", report_files::report_curves_js},
                                                     {"data", data}}));
}

}  // namespace proxprop::train
