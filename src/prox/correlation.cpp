#include "prox/correlation.h"

namespace proxprop {

namespace {

enum class InstructionSet { baseline, avx2, avx512 };

InstructionSet detect() {
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

InstructionSet instruction_set() {
  static const InstructionSet detected = detect();
  return detected;
}

template <typename T>
void run(const CorrelationTask<T>& task) {
  switch (instruction_set()) {
#if defined(__x86_64__)
    case InstructionSet::avx512: return avx512::correlate(task);
    case InstructionSet::avx2: return avx2::correlate(task);
#endif
    default: return baseline::correlate(task);
  }
}

}  // namespace

void correlate(const CorrelationTask<float>& task) {
  run(task);
}
void correlate(const CorrelationTask<double>& task) {
  run(task);
}

const char* correlation_instruction_set() {
  switch (instruction_set()) {
    case InstructionSet::avx512: return "AVX-512";
    case InstructionSet::avx2: return "AVX2";
    case InstructionSet::baseline: return "baseline";
  }
  return "";
}

}  // namespace proxprop
