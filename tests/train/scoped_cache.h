#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace proxprop::train {

/// Points $XDG_CACHE_HOME elsewhere for as long as it lives.
class ScopedCache {
 public:
  explicit ScopedCache(const std::filesystem::path& folder) {
    if (const char* before = std::getenv("XDG_CACHE_HOME"))
      before_ = before;
    setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  }
  ~ScopedCache() {
    if (before_) {
      setenv("XDG_CACHE_HOME", before_->c_str(), 1);
    } else {
      unsetenv("XDG_CACHE_HOME");
    }
  }
  ScopedCache(const ScopedCache&) = delete;
  ScopedCache& operator=(const ScopedCache&) = delete;

 private:
  std::optional<std::string> before_;
};

}  // namespace proxprop::train
