#pragma once
// The keys of methods and optimizers by other authors (docs/relatives.md, docs/relatives-batch.md), which keep the
// names of their own papers.

#include "app/config_keys.h"

#include <vector>

namespace proxprop::app {

/// Of [method]: foof, isaac, kfac, locoprop_s, hessian_free, sfo, mac, admm.
std::vector<Key> relative_method_keys();

/// Of [optimizer]: muon, entropy_sgd.
std::vector<Key> relative_optimizer_keys();

}  // namespace proxprop::app
