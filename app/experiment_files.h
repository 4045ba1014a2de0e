#pragma once

#include <string_view>

namespace proxprop::app::experiment_files {

// The files of experiments/ that `proxprop reproduce` knows by name, put into a .cpp by embed_files.cmake.
extern const std::string_view fig2_toml;
extern const std::string_view fig3_toml;
extern const std::string_view hessian_toml;
extern const std::string_view relatives_toml;
extern const std::string_view relatives_convnet_toml;
extern const std::string_view relatives_mlp_toml;
extern const std::string_view released_toml;
extern const std::string_view table1_toml;
extern const std::string_view tuning_toml;

}  // namespace proxprop::app::experiment_files
