#include "train/records/html_page.h"

#include "train/records/plotly_path.h"
#include "train/records/posix_file.h"

namespace proxprop::train {
namespace {

// Inside a JavaScript string "<\/" is the same as "</".
std::string for_script_element(std::string script) {
  for (size_t at = 0; (at = script.find("</script", at)) != std::string::npos;)
    script.replace(at, 2, "<\\/");
  return script;
}

}  // namespace

std::string fill_page(std::string_view text, std::map<std::string_view, std::string_view> values) {
  const std::string plotly = for_script_element(read_file(plotly_path()));
  values.emplace("plotly", plotly);
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

}  // namespace proxprop::train
