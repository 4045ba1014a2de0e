// The paper suite's training steps as functions of a shared library, so that a Python process takes turns with them:
// one heap, one pool of threads (comparative/python_overhead.py).

#include "benchmarks/suites/suites.h"

#include <exception>
#include <iostream>

#define PROXPROP_EXPORTED extern "C" __attribute__((visibility("default")))

/// The step of `method` ("backprop", "exact", "cg3", ..) of a case, "mlp" or "convnet"; null, and a word on standard
/// error, where there is none. The caller keeps it until the process ends.
PROXPROP_EXPORTED void* proxprop_paper_step(const char* case_name, const char* method) {
  using namespace proxprop::benchmarks;
  try {
    for (const auto& contender : paper_contenders(case_name)) {
      if (contender.method == method) {
        return new Running(contender.build());
      }
    }
    std::cerr << "no method " << method << " in " << case_name << "\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
  }
  return nullptr;
}

/// Takes one step: forward, loss, backward. Returns 0; 1, and a word on standard error, where it fails.
PROXPROP_EXPORTED int proxprop_take_step(void* step) {
  try {
    static_cast<proxprop::benchmarks::Running*>(step)->step();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
