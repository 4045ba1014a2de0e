# Writes app/git_describe.h, at every build, and touches it only when the state of the sources has changed.
# Needs -DOUTPUT=, -DSOURCE_DIR=
cmake_minimum_required(VERSION 3.25)
execute_process(
  COMMAND git -C ${SOURCE_DIR} describe --always --dirty --tags
  OUTPUT_VARIABLE _describe OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET RESULT_VARIABLE _result)
if(NOT _result EQUAL 0)
  set(_describe "")
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT
  "#pragma once\n\nnamespace proxprop::app {\n\ninline constexpr const char* git_describe = \"@_describe@\";\n\n}  // namespace proxprop::app\n"
  @ONLY)
