#include "support.h"
#include "train/checkpoint_file.h"
#include "train/errors.h"
#include "train/safetensors.h"
#include "train/safetensors_dtype.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstring>

namespace proxprop::train {
namespace {

const std::vector<std::string> kDtypes = {"BOOL", "U8",  "I8",   "I16", "I32", "I64",     "U16",    "U32",
                                          "U64",  "F16", "BF16", "F32", "F64", "F8_E4M3", "F8_E5M2"};

// Any bytes are a tensor of any type, NaN payloads included; Booleans are 0 or 1.
at::Tensor any_tensor() {
  const at::ScalarType type = *scalar_type_of(*rc::gen::elementOf(kDtypes));
  const auto shape = *rc::gen::resize(4, rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(0, 4)));
  at::Tensor tensor = at::empty(shape, type);
  auto* bytes = static_cast<uint8_t*>(tensor.mutable_data_ptr());
  for (size_t i = 0; i < tensor.nbytes(); ++i)
    bytes[i] = *rc::gen::inRange(0, type == at::kBool ? 2 : 256);
  return tensor;
}

std::string any_name() {
  static const std::vector<std::string> letters = {"a", "b", ".", "_", "\"", "\\", "\n", "{", "ä", "层", " "};
  std::string name;
  for (const std::string& letter : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(letters)))
    name += letter;
  return name;
}

Safetensors any_content() {
  Safetensors content;
  const int tensors = *rc::gen::inRange(0, 6);
  for (int i = 0; i < tensors; ++i)
    content.tensors.insert_or_assign(any_name(), any_tensor());
  const int entries = *rc::gen::inRange(0, 4);
  for (int i = 0; i < entries; ++i)
    content.metadata.insert_or_assign(any_name(), any_name());
  return content;
}

bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         (a.nbytes() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0);
}

bool same(const Safetensors& a, const Safetensors& b) {
  if (a.metadata != b.metadata || a.tensors.size() != b.tensors.size())
    return false;
  for (const auto& [name, tensor] : a.tensors) {
    if (!b.tensors.contains(name) || !same(tensor, b.tensors.at(name)))
      return false;
  }
  return true;
}

std::string with_header(const std::string& header, const std::string& data = {}) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header + data;
}

std::string complaint(const std::string& bytes) {
  return message_of<CheckpointError>([&] { parse_safetensors(bytes, "file"); });
}

Safetensors small_content() {
  return {
      {{"weight", at::arange(6, at::kFloat).reshape({2, 3})}, {"count", at::scalar_tensor(5, at::kLong)}},
      {{"key", "value"}}};
}

RC_GTEST_PROP(Safetensors, RoundTrip, ()) {
  const Safetensors content = any_content();
  RC_ASSERT(same(parse_safetensors(to_safetensors(content), "file"), content));
}

RC_GTEST_PROP(Safetensors, AFileThatIsCutOffIsRefused, ()) {
  const std::string bytes = to_safetensors(small_content());
  RC_ASSERT(complaint(bytes.substr(0, *rc::gen::inRange<size_t>(0, bytes.size()))) != "");
}

RC_GTEST_PROP(Safetensors, AnyChangedBytesAreRefusedOrReadButNeverTrusted, ()) {
  std::string bytes = to_safetensors(small_content());
  const int changes = *rc::gen::inRange(1, 4);
  for (int i = 0; i < changes; ++i)
    bytes[*rc::gen::inRange<size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
  complaint(bytes);  // under the sanitizers: no crash, no other exception
}

RC_GTEST_PROP(ChecksummedFile, AnyChangedByteIsNoticed, ()) {
  std::string bytes = to_checksummed_safetensors(small_content());
  RC_ASSERT(same(parse_checksummed_safetensors(bytes, "file"), small_content()));
  const auto position = *rc::gen::inRange<size_t>(0, bytes.size());
  bytes[position] = static_cast<char>(bytes[position] ^ *rc::gen::inRange(1, 256));
  RC_ASSERT(message_of<CheckpointError>([&] { parse_checksummed_safetensors(bytes, "file"); }) != "");
}

TEST(Safetensors, LayoutAndDeviceOfTheTensorDoNotMatter) {
  const at::Tensor transposed = at::arange(6, at::kFloat).reshape({2, 3}).t();
  const Safetensors read = parse_safetensors(to_safetensors({{{"a", transposed}}, {}}), "file");
  EXPECT_TRUE(read.tensors.at("a").equal(transposed));
}

TEST(Safetensors, EveryTensorIsAligned) {
  const std::string bytes = to_safetensors({{{"a", at::ones({3}, at::kBool)}, {"b", at::ones({1}, at::kDouble)}}, {}});
  const size_t begin = bytes.find("\"b\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}");
  EXPECT_NE(begin, std::string::npos);
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  EXPECT_EQ(header % 8, 0u);
}

TEST(Safetensors, HostileHeadersAreRefused) {
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return "{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
  };
  const std::string four(4, '\0');
  EXPECT_EQ(complaint(with_header(tensor("\"F32\"", "[1]", "[0,4]"), four)), "");

  EXPECT_NE(complaint(""), "");
  EXPECT_NE(complaint(std::string(8, '\xff')), "");                              // a header of 2^64 - 1 bytes
  EXPECT_NE(complaint(std::string("\x00\xe1\xf5\x05\x00\x00\x00\x00", 8)), "");  // one of 100 MB, not there
  EXPECT_NE(complaint(with_header("")), "");
  EXPECT_NE(complaint(with_header("[]")), "");
  EXPECT_NE(complaint(with_header("{")), "");
  EXPECT_NE(complaint(with_header("{\"a\":1}")), "");
  EXPECT_NE(complaint(with_header("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}")), "");
  EXPECT_NE(complaint(with_header("{\"__metadata__\":{\"a\":1}}")), "");
  EXPECT_NE(complaint(with_header("{\"a\xff\":{}}")), "");
  EXPECT_NE(complaint(with_header(tensor("\"F31\"", "[1]", "[0,4]"), four)).find("unknown dtype"), std::string::npos);
  EXPECT_NE(complaint(with_header(tensor("32", "[1]", "[0,4]"), four)), "");
  EXPECT_NE(complaint(with_header(tensor("\"F32\"", "[-1]", "[0,4]"), four)), "");
  EXPECT_NE(complaint(with_header(tensor("\"F32\"", "[1.0]", "[0,4]"), four)), "");
  EXPECT_NE(complaint(with_header(tensor("\"F32\"", "[2]", "[0,4]"), four)).find("need 8"), std::string::npos);
  EXPECT_NE(complaint(with_header(tensor("\"F32\"", "[1]", "[4,0]"), four)), "");
  EXPECT_NE(complaint(with_header(tensor("\"F32\"", "[2]", "[0,8]"), four)).find("do not lie in"), std::string::npos);
  EXPECT_NE(complaint(with_header(tensor("\"F32\"", "[1]", "[0,18446744073709551615]"), four)), "");
  EXPECT_NE(
      complaint(with_header(tensor("\"F32\"", "[4611686018427387904,4,1]", "[0,0]"))).find("too large"),
      std::string::npos);
  EXPECT_NE(
      complaint(with_header(tensor("\"F32\"", "[4611686018427387905]", "[0,4]"), four)),
      "");  // times 4 is 4, modulo 2^64
  EXPECT_NE(complaint(with_header(tensor("\"F32\"", "[0,9223372036854775807,9223372036854775807]", "[0,0]"))), "");
  EXPECT_NE(
      complaint(with_header(tensor("\"F32\"", "[1]", "[0,4]"), four + four)).find("unused bytes at the end"),
      std::string::npos);
  EXPECT_NE(
      complaint(with_header(tensor("\"F32\"", "[1]", "[4,8]"), four + four)).find("unused bytes before"),
      std::string::npos);
}

TEST(Safetensors, OverlappingTensorsAreRefused) {
  const std::string header =
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_"
      "offsets\":[1,4]}}";
  EXPECT_NE(complaint(with_header(header, std::string(4, '\0'))).find("overlaps"), std::string::npos);
}

TEST(Safetensors, ANameThatStandsTwiceIsRefused) {
  const std::string entry = "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}";
  EXPECT_NE(complaint(with_header("{" + entry + "," + entry + "}", "x")).find("twice"), std::string::npos);
}

TEST(Safetensors, WhatTheFormatCannotHoldIsRefused) {
  EXPECT_THROW(to_safetensors({{{"a", at::zeros({1}, at::kComplexFloat)}}, {}}), CheckpointError);
  EXPECT_THROW(to_safetensors({{{"__metadata__", at::zeros({1})}}, {}}), CheckpointError);
  EXPECT_THROW(to_safetensors({{{"\xff", at::zeros({1})}}, {}}), CheckpointError);
}

TEST(Safetensors, AFileIsReadAsItWasWritten) {
  const TemporaryFolder folder;
  save_safetensors(folder.path() / "a.safetensors", small_content());
  EXPECT_TRUE(same(load_safetensors(folder.path() / "a.safetensors"), small_content()));
}

}  // namespace
}  // namespace proxprop::train
