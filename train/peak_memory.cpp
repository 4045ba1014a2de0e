#include "train/peak_memory.h"

#include <fstream>

#include <sys/resource.h>

namespace proxprop::train {

int64_t peak_resident_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return usage.ru_maxrss;
#else
  return int64_t{1024} * usage.ru_maxrss;
#endif
}

void restart_peak_resident_bytes() {
  std::ofstream("/proc/self/clear_refs") << '5';
}

}  // namespace proxprop::train
