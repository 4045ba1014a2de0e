#define PROXPROP_ISA baseline
#define PROXPROP_VECTOR_BYTES 16
#define PROXPROP_REGISTERS 16
#include "prox/kernels/kernels_body.h"
