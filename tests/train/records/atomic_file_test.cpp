#include "tests/train/records/scene.h"
#include "train/records/atomic_file.h"
#include "train/records/posix_file.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <iterator>
#include <string>
#include <sys/resource.h>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

// Within its scope no file may grow beyond `bytes`: the nearest thing to a full disk that needs no disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(AtomicFile, HoldsExactlyTheNewBytes) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "run.json";
  const std::string binary("a\0b\xff\n", 5);
  write_file_atomically(path, "a much longer text that was there before");
  write_file_atomically(path, binary);
  EXPECT_EQ(scene::content(path), binary);
  EXPECT_EQ(read_file(path), binary);
}

TEST(AtomicFile, LeavesOldContentWhenWritingFails) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "run.json";
  write_file_atomically(path, "old");
  const std::string error = scene::error_of([&] {
    const FileSizeLimit full(4096);
    write_file_atomically(path, std::string(100000, 'x'));
  });
  EXPECT_NE(error.find("cannot write " + path.string()), std::string::npos) << error;
  EXPECT_EQ(scene::content(path), "old");
}

TEST(AtomicFile, LeavesNoTemporaryFileBehind) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "a", "1");
  fs::create_directory(folder.path() / "occupied");
  scene::put(folder.path() / "occupied" / "file", "");
  EXPECT_NE(scene::error_of([&] { write_file_atomically(folder.path() / "occupied", "2"); }), "");
  scene::error_of([&] {
    const FileSizeLimit full(10);
    write_file_atomically(folder.path() / "b", std::string(100, 'x'));
  });
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
}

TEST(AtomicFile, NamesFileAndReasonInOneLine) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "missing" / "run.json";
  EXPECT_EQ(
      scene::error_of([&] { write_file_atomically(path, "x"); }),
      "cannot write " + path.string() + ": No such file or directory");
  EXPECT_EQ(scene::error_of([&] { read_file(path); }), "cannot read " + path.string() + ": No such file or directory");
}

TEST(PosixFile, ReportsAFullDisk) {
  if (!fs::exists("/dev/full"))
    GTEST_SKIP() << "no /dev/full";
  PosixFile file("/dev/full", O_WRONLY);
  EXPECT_EQ(scene::error_of([&] { file.write("x"); }), "cannot write /dev/full: No space left on device");
}

}  // namespace
}  // namespace proxprop::train
