#include "train/records/report.h"

#include "train/records/atomic_file.h"
#include "train/records/json.h"
#include "train/records/plotly_path.h"
#include "train/records/posix_file.h"
#include "train/records/record_error.h"
#include "train/records/report_data.h"
#include "train/records/report_files.h"
#include "train/records/run_record.h"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <string_view>

namespace proxprop::train {
namespace {

// Replaces each {{name}} once; what is put in is not looked at again, so no content can pose as a placeholder.
std::string fill(std::string_view text, const std::map<std::string_view, std::string_view>& values) {
  std::string filled;
  for (;;) {
    const size_t open = text.find("{{");
    const size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos)
      return filled += text;
    filled += text.substr(0, open);
    filled += values.at(text.substr(open + 2, close - open - 2));
    text.remove_prefix(close + 2);
  }
}

// Plotly.js stands inside a <script> element: inside a JavaScript string "<\/" is the same as "</".
std::string for_script_element(std::string script) {
  for (size_t at = 0; (at = script.find("</script", at)) != std::string::npos;)
    script.replace(at, 2, "<\\/");
  return script;
}

}  // namespace

void write_report(const std::vector<std::filesystem::path>& run_folders, const std::filesystem::path& html) {
  if (run_folders.empty())
    throw RecordError("a report needs at least one run folder");
  const std::string data = json_text_for_html(report_data(read_runs(run_folders)));
  const std::string plotly = for_script_element(read_file(plotly_path()));
  write_file_atomically(
      html, fill(
                report_files::report_template_html, {{"style", report_files::report_style_css},
                                                     {"common", report_files::report_common_js},
                                                     {"page", report_files::report_page_js},
                                                     {"curves", report_files::report_curves_js},
                                                     {"plotly", plotly},
                                                     {"data", data}}));
}

}  // namespace proxprop::train
