#pragma once

#include "train/data/output_file.h"

#include <cstdint>
#include <functional>
#include <string>

namespace proxprop::train {

/// Bytes there are so far and bytes there will be (-1: the server did not say). Called about once a second or more
/// often. May throw to give up; the exception comes out of http_get.
using TransferProgress = std::function<void(int64_t done, int64_t total)>;

struct HttpResult {
  enum class Status {
    complete,       ///< the server sent everything it announced
    cut,            ///< the connection failed, was cut or stalled: trying again may help
    range_refused,  ///< the server has no bytes from where `output` ends
    refused         ///< an answer that trying again does not change, e.g. 404
  };
  Status status = Status::complete;
  std::string message;  ///< why, unless complete
};

/// One GET over HTTP or HTTPS (redirections are followed), which goes on where `output` ends: asks for the bytes after
/// output.size() and appends them. A server that ignores ranges sends everything; then `output` is emptied first.
/// Throws DataError when `output` cannot be written or would grow past `max_bytes`.
HttpResult http_get(const std::string& url, OutputFile& output, int64_t max_bytes, const TransferProgress& progress);

}  // namespace proxprop::train
