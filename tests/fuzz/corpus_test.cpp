// Plays what the fuzzers have found interesting, and what once broke a reader, without a fuzzer.

#include "tests/fuzz/targets.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace proxprop::fuzz {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, IsReadOrRefusedAsPromised) {
  int inputs = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(PROXPROP_FUZZ_CORPUS) / GetParam().name)) {
    SCOPED_TRACE(entry.path().filename().string());
    EXPECT_NO_THROW(GetParam().read(content(entry.path())));
    ++inputs;
  }
  EXPECT_GT(inputs, 0);
}

// Every beginning of a valid file, and the file with one byte changed.
TEST_P(Corpus, CutOffOrDamagedItIsReadOrRefusedAsPromised) {
  for (const auto& entry : fs::directory_iterator(fs::path(PROXPROP_FUZZ_CORPUS) / GetParam().name)) {
    if (!entry.path().filename().string().starts_with("valid"))
      continue;
    SCOPED_TRACE(entry.path().filename().string());
    const std::string bytes = content(entry.path());
    const size_t stride = bytes.size() / 60 + 1;
    for (size_t at = 0; at < bytes.size(); at += stride) {
      EXPECT_NO_THROW(GetParam().read(std::string_view(bytes).substr(0, at)));
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
      EXPECT_NO_THROW(GetParam().read(damaged));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, Corpus, testing::ValuesIn(targets()), [](const auto& target) {
  return target.param.name;
});

}  // namespace
}  // namespace proxprop::fuzz
