#if defined(__AVX512F__)
#define PROXPROP_ISA avx512
#define PROXPROP_VECTOR_BYTES 64
#define PROXPROP_REGISTERS 32
#include "prox/kernels/kernels_body.h"
#endif
