#pragma once

#include "tests/train/temporary_folder.h"

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::train::testing {

/// range_server.py as a child process on 127.0.0.1, which serves the files of folder(). Ends with this object, or with
/// the test's process.
class HttpServer {
 public:
  HttpServer();
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  const std::filesystem::path& folder() const { return folder_.path(); }

  /// Address of a path such as "plain/file" (see range_server.py).
  std::string url(const std::string& path) const;

  /// The lines "PATH RANGE" of the requests so far.
  std::vector<std::string> requests() const;

  /// Kills the server; later requests are refused by the system.
  void stop();

 private:
  TemporaryFolder folder_, log_folder_;
  pid_t process_ = -1;
  std::string port_;
};

}  // namespace proxprop::train::testing
