#if defined(__AVX2__)
#define PROXPROP_ISA avx2
#define PROXPROP_VECTOR_BYTES 32
#define PROXPROP_REGISTERS 16
#include "prox/kernels/kernels_body.h"
#endif
