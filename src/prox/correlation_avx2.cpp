#if defined(__AVX2__)
#define PROXPROP_ISA avx2
#define PROXPROP_VECTOR_BYTES 32
#define PROXPROP_TILE_A 3
#define PROXPROP_TILE_B 4
#include "prox/correlation_kernel.h"
#endif
