// The entry point that libFuzzer calls; one program per target (PROXPROP_FUZZ_TARGET).

#include "tests/fuzz/targets.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  proxprop::fuzz::PROXPROP_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
