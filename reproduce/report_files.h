#pragma once

#include <string_view>

namespace proxprop::reproduce::report_files {

// The files of the same names in this folder, put into a .cpp by embed_files.cmake.
extern const std::string_view report_template_html;
extern const std::string_view report_page_js;

}  // namespace proxprop::reproduce::report_files
