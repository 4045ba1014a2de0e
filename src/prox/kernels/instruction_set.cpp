#include "prox/kernels/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace proxprop {

namespace {

InstructionSet of_this_processor() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return InstructionSet::avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return InstructionSet::avx2;
  }
#endif
  return InstructionSet::baseline;
}

InstructionSet cap() {
  const char* value = std::getenv("PROXPROP_INSTRUCTION_SET");
  const std::string_view name = value != nullptr ? value : "";
  if (name == "baseline") {
    return InstructionSet::baseline;
  }
  return name == "avx2" ? InstructionSet::avx2 : InstructionSet::avx512;
}

}  // namespace

InstructionSet instruction_set() {
  static const InstructionSet chosen = std::min(of_this_processor(), cap());
  return chosen;
}

const char* to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx512: return "AVX-512";
    case InstructionSet::avx2: return "AVX2";
    case InstructionSet::baseline: return "baseline";
  }
  return "";
}

}  // namespace proxprop
