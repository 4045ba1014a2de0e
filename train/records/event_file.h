#pragma once

#include "train/records/posix_file.h"

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

namespace proxprop::train {

/// One TensorBoard event file: TFRecord frames (length and payload, each with a masked CRC-32C), every payload an Event
/// message. Written without a protobuf library; field numbers are those of TensorFlow's event.proto and summary.proto.
class EventFile {
 public:
  /// Creates events.out.tfevents.<seconds>.proxprop.<n> in `folder` (made if it does not exist), a name not used
  /// before.
  explicit EventFile(const std::filesystem::path& folder);

  using Scalar = std::pair<std::string_view, double>;  // tag, value
  void scalars(int64_t step, const std::vector<Scalar>& values);

  /// Markdown that TensorBoard shows under "Text".
  void text(int64_t step, std::string_view tag, std::string_view markdown);

  /// Tells TensorBoard that the run begins anew at `step`: what earlier files hold from there on is void.
  void restart(int64_t step);

  void sync();

 private:
  void write_event(int64_t step, uint32_t field, std::string_view payload);

  PosixFile file_;
};

}  // namespace proxprop::train
