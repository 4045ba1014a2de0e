#pragma once
/// Everything: the proximal step (prox/), the layers (nn/), training on many ranks (distributed/).
#include <proxprop/distributed/data_parallel.h>
#include <proxprop/distributed/process_group.h>
#include <proxprop/nn/conv.h>
#include <proxprop/nn/conv_transpose.h>
#include <proxprop/nn/functional.h>
#include <proxprop/nn/linear.h>
#include <proxprop/nn/linear_map.h>
#include <proxprop/prox/direction.h>
#include <proxprop/prox/kronecker.h>
#include <proxprop/prox/plan.h>
#include <proxprop/prox/rates.h>
#include <proxprop/prox/scratch_memory.h>
#include <proxprop/prox/transfers.h>
#include <proxprop/version.h>
