#include "tests/train/records/scene.h"
#include "train/records/crc32c.h"
#include "train/records/tensorboard.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;
using scene::Play;

// A decoder of its own, written from the format and not from the encoder.

template <class Number>
Number take(std::string_view& bytes) {
  if (bytes.size() < sizeof(Number))
    throw std::runtime_error("cut off");
  Number number;
  std::memcpy(&number, bytes.data(), sizeof(Number));
  bytes.remove_prefix(sizeof(Number));
  return number;
}

uint64_t take_varint(std::string_view& bytes) {
  uint64_t number = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = take<unsigned char>(bytes);
    number |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80)
      return number;
  }
}

std::string_view take_bytes(std::string_view& bytes, size_t count) {
  if (bytes.size() < count)
    throw std::runtime_error("cut off");
  const std::string_view taken = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return taken;
}

// One message: raw values of each field number; numbers as their little-endian bytes or as decimal text for varints.
using Message = std::map<uint64_t, std::vector<std::string>>;
Message decode(std::string_view bytes) {
  Message message;
  while (!bytes.empty()) {
    const uint64_t key = take_varint(bytes);
    std::string value;
    switch (key & 7) {
      case 0: value = std::to_string(take_varint(bytes)); break;
      case 1: value = take_bytes(bytes, 8); break;
      case 2: value = take_bytes(bytes, take_varint(bytes)); break;
      case 5: value = take_bytes(bytes, 4); break;
      default: throw std::runtime_error("unknown wire type");
    }
    message[key >> 3].push_back(value);
  }
  return message;
}

uint32_t unmasked(uint32_t masked) {
  const uint32_t rotated = masked - 0xa282ead8u;
  return rotated >> 17 | rotated << 15;
}

std::vector<Message> events_in(const fs::path& path) {
  const std::string text = scene::content(path);
  std::vector<Message> events;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view length_bytes = rest.substr(0, 8);
    const auto length = take<uint64_t>(rest);
    EXPECT_EQ(unmasked(take<uint32_t>(rest)), crc32c(length_bytes));
    const std::string_view payload = take_bytes(rest, length);
    EXPECT_EQ(unmasked(take<uint32_t>(rest)), crc32c(payload));
    events.push_back(decode(payload));
  }
  return events;
}

std::vector<fs::path> files_of(const TemporaryFolder& folder) {
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder.path() / "tensorboard"))
    files.insert(entry.path());
  return {files.begin(), files.end()};
}

// (tag, step) -> value
std::map<std::pair<std::string, int64_t>, float> scalars_in(const std::vector<Message>& events) {
  std::map<std::pair<std::string, int64_t>, float> scalars;
  for (const Message& event : events) {
    if (!event.contains(5))
      continue;
    const Message summary = decode(event.at(5).at(0));
    for (const std::string& encoded : summary.at(1)) {
      Message value = decode(encoded);
      if (!value.contains(2))
        continue;
      std::string_view bytes = value[2].at(0);
      scalars[{value[1].at(0), std::stoll(event.at(2).at(0))}] = take<float>(bytes);
    }
  }
  return scalars;
}

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

TEST(TensorBoard, TheFileBeginsWithItsVersion) {
  const TemporaryFolder folder;
  TensorBoardWriter writer(folder.path());
  Play().tell(writer);
  EXPECT_EQ(events_in(files_of(folder).at(0)).at(0).at(3).at(0), "brain.Event:2");
}

TEST(TensorBoard, ScalarsLieAtTheirSteps) {
  const TemporaryFolder folder;
  const Play play;
  TensorBoardWriter writer(folder.path());
  play.tell(writer);
  const auto scalars = scalars_in(events_in(files_of(folder).at(0)));
  EXPECT_EQ(scalars.at({"loss/train", 0}), 2.0f);
  EXPECT_EQ(scalars.at({"loss/train", 8}), 0.5f);
  EXPECT_EQ(scalars.at({"loss/validation", 8}), 0.6f);
  EXPECT_EQ(scalars.at({"accuracy/validation", 8}), 0.7f);
  EXPECT_EQ(scalars.at({"accuracy/test", 12}), 0.7f);
  EXPECT_EQ(scalars.at({"loss/batch", 4}), 1.0f);
  EXPECT_EQ(scalars.at({"lr", 12}), 0.1f);
  EXPECT_EQ(scalars.size(), 4u * 6 + 12u * 2);
}

TEST(TensorBoard, SetsThatAreNotThereHaveNoCurve) {
  const TemporaryFolder folder;
  TensorBoardWriter writer(folder.path());
  RunStart start = Play().start();
  start.validation_records = 0;
  writer.on_start(start);
  writer.on_epoch(Play().epoch(1));
  EXPECT_FALSE(scalars_in(events_in(files_of(folder).at(0))).contains({"loss/validation", 4}));
}

TEST(TensorBoard, ResumingVoidsWhatCameAfterTheCheckpoint) {
  const TemporaryFolder folder;
  const Play play;
  TensorBoardWriter first(folder.path());
  play.tell(first, 0, 9);
  TensorBoardWriter second(folder.path());
  play.tell(second, 6, 12);
  const auto files = files_of(folder);
  ASSERT_EQ(files.size(), 2u);
  const auto events = events_in(files[1]);
  EXPECT_EQ(decode(events.at(1).at(7).at(0)).at(1).at(0), "1");  // SessionLog.START
  EXPECT_EQ(events.at(1).at(2).at(0), "7");
}

TEST(TensorBoard, BeginningAnewVoidsAllThatAnEarlierProcessTold) {
  const TemporaryFolder folder;
  const Play play;
  TensorBoardWriter first(folder.path());
  play.tell(first, 0, 3);  // killed before its first checkpoint
  TensorBoardWriter second(folder.path());
  play.tell(second);
  const auto files = files_of(folder);
  ASSERT_EQ(files.size(), 2u);
  EXPECT_FALSE(events_in(files[0]).at(1).contains(7));
  const auto events = events_in(files[1]);
  EXPECT_EQ(decode(events.at(1).at(7).at(0)).at(1).at(0), "1");  // SessionLog.START
  EXPECT_EQ(events.at(1).at(2).at(0), "0");
}

TEST(TensorBoard, TheConfigurationIsText) {
  const TemporaryFolder folder;
  TensorBoardWriter writer(folder.path());
  Play().tell(writer);
  const auto events = events_in(files_of(folder).at(0));
  const Message value = decode(decode(events.at(1).at(5).at(0)).at(1).at(0));
  EXPECT_EQ(value.at(1).at(0), "configuration");
  EXPECT_NE(decode(value.at(8).at(0)).at(8).at(0).find("| method.tau_theta | 0.05 |"), std::string::npos);
}

}  // namespace
}  // namespace proxprop::train
