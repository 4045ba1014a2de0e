#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace proxprop::train {

/// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  /// 64 lower-case hexadecimal digits. Call once, last.
  std::string hex_digest();

 private:
  std::shared_ptr<void> context_;
};

}  // namespace proxprop::train
