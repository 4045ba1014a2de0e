#include "app/fetch_progress.h"

#include <cstdio>
#include <iostream>

#include <unistd.h>

namespace proxprop::app {

FetchBar::FetchBar(bool quiet, const std::atomic<bool>& stop)
    : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0), stop_(stop) {}

void FetchBar::show(const train::FetchProgress& progress) {
  if (stop_) {
    clear();
    throw Interrupted("interrupted; the same command goes on where it stopped");
  }
  const bool done = progress.done == progress.total;
  const auto now = std::chrono::steady_clock::now();
  if (quiet_ || (!done && (!terminal_ || now - last_ < std::chrono::milliseconds(100))))
    return;
  last_ = now;
  char text[64];
  constexpr double megabyte = 1e6;
  const double bytes = static_cast<double>(progress.done) / megabyte;
  if (progress.total > 0) {
    std::snprintf(text, sizeof text, "%.1f of %.1f MB", bytes, static_cast<double>(progress.total) / megabyte);
  } else {
    std::snprintf(text, sizeof text, "%.1f MB", bytes);
  }
  clear();
  std::cerr << progress.file << ": " << text << (terminal_ && !done ? "" : "\n") << std::flush;
  shown_ = terminal_ && !done;
}

void FetchBar::clear() {
  if (shown_)
    std::cerr << "\r\033[K" << std::flush;
  shown_ = false;
}

}  // namespace proxprop::app
