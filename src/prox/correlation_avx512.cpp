#if defined(__AVX512F__)
#define PROXPROP_ISA avx512
#define PROXPROP_VECTOR_BYTES 64
#define PROXPROP_TILE_A 4
#define PROXPROP_TILE_B 5
#include "prox/correlation_kernel.h"
#endif
