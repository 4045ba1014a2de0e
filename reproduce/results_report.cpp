#include "reproduce/results_report.h"

#include "reproduce/report_files.h"
#include "train/records/atomic_file.h"
#include "train/records/html_page.h"
#include "train/records/report_files.h"

namespace proxprop::reproduce {

void write_results_report(const train::Json& results, const std::filesystem::path& html) {
  const std::string data = train::json_text_for_html(results);
  train::write_file_atomically(
      html, train::fill_page(
                report_files::report_template_html, {{"style", train::report_files::report_style_css},
                                                     {"elements", train::report_files::page_elements_js},
                                                     {"page", report_files::report_page_js},
                                                     {"data", data}}));
}

}  // namespace proxprop::reproduce
