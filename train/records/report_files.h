#pragma once

#include <string_view>

namespace proxprop::train::report_files {

// The files of the same names in this folder, put into a .cpp by embed_files.cmake.
extern const std::string_view report_template_html;
extern const std::string_view report_style_css;
extern const std::string_view page_elements_js;
extern const std::string_view report_common_js;
extern const std::string_view report_page_js;
extern const std::string_view report_curves_js;
extern const std::string_view spectrum_template_html;
extern const std::string_view spectrum_page_js;

}  // namespace proxprop::train::report_files
