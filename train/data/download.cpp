#include "train/data/download.h"

#include "train/data/data_error.h"
#include "train/data/http.h"
#include "train/data/output_file.h"

#include <system_error>

namespace proxprop::train {
namespace {

namespace fs = std::filesystem;

constexpr int kMostTries = 8;

/// Requests bytes until the server has sent all of them.
void complete_part(const std::string& url, OutputFile& part, int64_t max_bytes, const TransferProgress& progress) {
  using Status = HttpResult::Status;
  for (int attempt = 1;; ++attempt) {
    const int64_t before = part.size();
    const HttpResult result = http_get(url, part, max_bytes, progress);
    if (result.status == Status::complete) {
      return;
    }
    if (result.status == Status::range_refused && before > 0) {
      part.clear();
      continue;  // the next request has no range
    }
    if (result.status == Status::cut && part.size() > before && attempt < kMostTries) {
      continue;
    }
    const bool again = result.status == Status::cut;
    throw DataError(
        url + ": the download failed (" + result.message + ") after " + std::to_string(part.size()) + " bytes; " +
        (again ? "check the network and run the command again, it goes on from there"
               : "check the address, or put the file into the data folder by hand"));
  }
}

/// Removes a .part in which nothing has arrived.
class RemoveIfEmpty {
 public:
  explicit RemoveIfEmpty(const OutputFile& part) : part_(part) {}
  ~RemoveIfEmpty() {
    std::error_code ignored;
    if (part_.size() == 0) {
      fs::remove(part_.path(), ignored);
    }
  }
  RemoveIfEmpty(const RemoveIfEmpty&) = delete;
  RemoveIfEmpty& operator=(const RemoveIfEmpty&) = delete;

 private:
  const OutputFile& part_;
};

}  // namespace

void download_file(
    const std::string& url,
    const Checksum& checksum,
    const fs::path& file,
    const FetchCallback& progress,
    int64_t max_bytes) {
  const auto is_right = [&](const fs::path& path) { return file_checksum(path, checksum.algorithm) == checksum.hex; };
  std::error_code error;
  if (fs::is_regular_file(file, error) && is_right(file)) {
    return;
  }
  TransferProgress report;
  if (progress) {
    report = [&, name = file.filename().string()](int64_t done, int64_t total) { progress({name, done, total}); };
  }

  OutputFile part(file.string() + ".part", OutputFile::Mode::append);
  const RemoveIfEmpty cleaner(part);
  bool from_start = part.size() == 0;
  while (from_start || !is_right(part.path())) {  // an earlier try may have been stopped right before the end
    complete_part(url, part, max_bytes, report);
    if (is_right(part.path())) {
      break;
    }
    const std::string found = file_checksum(part.path(), checksum.algorithm);
    part.clear();
    if (from_start) {
      throw DataError(
          file.string() + ": expected the " + to_string(checksum.algorithm) + " checksum " + checksum.hex + ", found " +
          found + "; " + url + " does not hold the right file, fetch it again later");
    }
    from_start = true;
  }
  part.sync();
  if (report) {
    report(part.size(), part.size());
  }
  fs::rename(part.path(), file, error);
  if (error) {
    throw DataError(
        file.string() + ": cannot be put in place (" + error.message() + "); check the folder's permissions");
  }
}

}  // namespace proxprop::train
