#include "app/program.h"

#include <cstdlib>
#include <limits>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

// A step frees its activations and allocates them anew. glibc hands such memory back to the system, and the page faults
// of getting it again take a quarter of the time of a step of the paper's convolutional network. Keep it, unless the
// environment says how.
void keep_freed_memory() {
#ifdef __GLIBC__
  if (std::getenv("MALLOC_TRIM_THRESHOLD_") == nullptr && std::getenv("MALLOC_MMAP_MAX_") == nullptr) {
    mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
    mallopt(M_MMAP_MAX, 0);
  }
#endif
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  return proxprop::app::run_program(argc, argv, {});
}
