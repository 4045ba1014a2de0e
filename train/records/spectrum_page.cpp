#include "train/records/spectrum_page.h"

#include "train/records/atomic_file.h"
#include "train/records/html_page.h"
#include "train/records/report_files.h"

#include <nlohmann/json.hpp>

namespace proxprop::train {

void write_spectrum_page(const Json& hessian, const std::filesystem::path& html) {
  const std::string data = json_text_for_html(hessian);
  write_file_atomically(
      html, fill_page(
                report_files::spectrum_template_html, {{"style", report_files::report_style_css},
                                                       {"elements", report_files::page_elements_js},
                                                       {"page", report_files::spectrum_page_js},
                                                       {"data", data}}));
}

}  // namespace proxprop::train
