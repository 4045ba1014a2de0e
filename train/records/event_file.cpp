#include "train/records/event_file.h"

#include "train/records/crc32c.h"
#include "train/records/protobuf_writer.h"
#include "train/records/record_error.h"

#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <system_error>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

// Fields of Event.
constexpr uint32_t event_wall_time = 1, event_step = 2, event_file_version = 3, event_summary = 5,
                   event_session_log = 7;
// Fields of Summary and Summary.Value.
constexpr uint32_t summary_value = 1, value_tag = 1, value_simple = 2, value_tensor = 8, value_metadata = 9;
// Fields of SummaryMetadata and its PluginData.
constexpr uint32_t metadata_plugin = 1, plugin_name = 1;
// Fields of TensorProto and TensorShapeProto; DT_STRING of DataType.
constexpr uint32_t tensor_dtype = 1, tensor_shape = 2, tensor_string = 8, shape_dim = 2, dim_size = 1, dt_string = 7;
// Field of SessionLog and its value START.
constexpr uint32_t session_status = 1, session_start = 1;

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string little_endian(uint64_t value, int bytes) {
  std::string text;
  for (int byte = 0; byte < bytes; ++byte)
    text += static_cast<char>(value >> (8 * byte) & 0xFF);
  return text;
}

std::string frame(std::string_view payload) {
  const std::string length = little_endian(payload.size(), 8);
  std::string record = length + little_endian(masked_crc32c(length), 4);
  record += payload;
  return record + little_endian(masked_crc32c(payload), 4);
}

// TensorBoard reads the files of a folder in the order of their names.
PosixFile create(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw RecordError("cannot make " + folder.string() + ": " + error.message());
  const std::string stem = "events.out.tfevents." + std::to_string(std::time(nullptr)) + ".proxprop.";
  int number = 0;
  while (fs::exists(folder / (stem + std::to_string(number))))
    ++number;
  return PosixFile(folder / (stem + std::to_string(number)), O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
}

}  // namespace

EventFile::EventFile(const fs::path& folder) : file_(create(folder)) {
  write_event(0, event_file_version, "brain.Event:2");
}

void EventFile::write_event(int64_t step, uint32_t field, std::string_view payload) {
  ProtobufWriter event;
  event.float64(event_wall_time, wall_time());
  event.varint(event_step, static_cast<uint64_t>(step));
  event.bytes(field, payload);
  file_.write(frame(event.str()));
}

void EventFile::scalars(int64_t step, const std::vector<Scalar>& values) {
  ProtobufWriter summary;
  for (const auto& [tag, number] : values) {
    ProtobufWriter value;
    value.bytes(value_tag, tag);
    value.float32(value_simple, static_cast<float>(number));
    summary.bytes(summary_value, value.str());
  }
  write_event(step, event_summary, summary.str());
}

void EventFile::text(int64_t step, std::string_view tag, std::string_view markdown) {
  const std::string dim = ProtobufWriter().varint(dim_size, 1).str();
  const std::string shape = ProtobufWriter().bytes(shape_dim, dim).str();
  ProtobufWriter tensor;
  tensor.varint(tensor_dtype, dt_string);
  tensor.bytes(tensor_shape, shape);
  tensor.bytes(tensor_string, markdown);
  const std::string plugin = ProtobufWriter().bytes(plugin_name, "text").str();
  ProtobufWriter value;
  value.bytes(value_tag, tag);
  value.bytes(value_tensor, tensor.str());
  value.bytes(value_metadata, ProtobufWriter().bytes(metadata_plugin, plugin).str());
  write_event(step, event_summary, ProtobufWriter().bytes(summary_value, value.str()).str());
}

void EventFile::restart(int64_t step) {
  write_event(step, event_session_log, ProtobufWriter().varint(session_status, session_start).str());
}

void EventFile::sync() {
  file_.sync();
}

}  // namespace proxprop::train
