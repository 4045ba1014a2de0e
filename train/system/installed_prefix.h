#pragma once

#include <dlfcn.h>
#include <filesystem>
#include <system_error>

namespace proxprop::train {

/// The folder whose bin/ or lib/ holds this code, wherever the installation was moved to: the program, or the library
/// that ranks of a launcher run in a program of its own. Empty where that cannot be found.
inline std::filesystem::path installed_prefix() {
  Dl_info info;
  std::filesystem::path file;
  if (dladdr(reinterpret_cast<const void*>(&installed_prefix), &info) != 0 && info.dli_fname != nullptr)
    file = info.dli_fname;
  if (file.extension() != ".so") {  // a program is known by the name that it was called by
    std::error_code error;
    file = std::filesystem::read_symlink("/proc/self/exe", error);
  }
  return file.parent_path().parent_path();
}

}  // namespace proxprop::train
