#define PROXPROP_ISA baseline
#define PROXPROP_VECTOR_BYTES 16
#define PROXPROP_TILE_A 3
#define PROXPROP_TILE_B 3
#include "prox/correlation_kernel.h"
