#pragma once

namespace proxprop {

enum class InstructionSet { baseline, avx2, avx512 };

/// The best one of this processor and of this build: AVX-512 (F, VL, DQ), AVX2 with FMA, or the compiler's baseline.
/// The environment variable PROXPROP_INSTRUCTION_SET (avx512, avx2 or baseline) caps it, for tests and measurements.
InstructionSet instruction_set();

/// "AVX-512", "AVX2" or "baseline"; for reports.
const char* to_string(InstructionSet set);

}  // namespace proxprop
