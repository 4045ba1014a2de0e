#include "prox/kernels/kernels.h"

namespace proxprop {

#define PROXPROP_DECLARE_KERNELS(isa)      \
  namespace isa {                          \
  const Kernels<float>& float_kernels();   \
  const Kernels<double>& double_kernels(); \
  const DiagonalKernel& diagonal_kernel(); \
  }
PROXPROP_DECLARE_KERNELS(baseline)
#if defined(__x86_64__)
PROXPROP_DECLARE_KERNELS(avx2)
PROXPROP_DECLARE_KERNELS(avx512)
#endif
#undef PROXPROP_DECLARE_KERNELS

namespace {

template <typename Table>
const Table& choose(const Table& (*avx512_table)(), const Table& (*avx2_table)(), const Table& (*baseline_table)()) {
  switch (instruction_set()) {
    case InstructionSet::avx512: return avx512_table();
    case InstructionSet::avx2: return avx2_table();
    case InstructionSet::baseline: break;
  }
  return baseline_table();
}

}  // namespace

#if defined(__x86_64__)
#define PROXPROP_CHOOSE(table) choose(avx512::table, avx2::table, baseline::table)
#else
#define PROXPROP_CHOOSE(table) choose(baseline::table, baseline::table, baseline::table)
#endif

template <>
const Kernels<float>& kernels<float>() {
  return PROXPROP_CHOOSE(float_kernels);
}

template <>
const Kernels<double>& kernels<double>() {
  return PROXPROP_CHOOSE(double_kernels);
}

const DiagonalKernel& diagonal_kernel() {
  return PROXPROP_CHOOSE(diagonal_kernel);
}

}  // namespace proxprop
