#include "support/http_server.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace proxprop::train::testing {

HttpServer::HttpServer() {
  setenv("no_proxy", "127.0.0.1", 1);  // a proxy of the user's must not come between
  const std::string log = (log_folder_ / "requests").string();
  int ends[2];
  if (pipe(ends) != 0) {
    throw std::runtime_error("no pipe");
  }
  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl(PROXPROP_TEST_PYTHON, PROXPROP_TEST_PYTHON, PROXPROP_TEST_SERVER, folder().c_str(), log.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  FILE* lines = fdopen(ends[0], "r");
  char port[16] = {};
  const bool started = std::fscanf(lines, "%15[0-9]", port) == 1;
  std::fclose(lines);
  if (!started) {
    stop();
    throw std::runtime_error("the test's HTTP server did not start");
  }
  port_ = port;
}

HttpServer::~HttpServer() {
  stop();
}

std::string HttpServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + port_ + "/" + path;
}

std::vector<std::string> HttpServer::requests() const {
  std::ifstream stream(log_folder_ / "requests");
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

void HttpServer::stop() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = -1;
  }
}

}  // namespace proxprop::train::testing
