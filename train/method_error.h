#pragma once

#include "train/config.h"
#include "train/errors.h"

#include <c10/util/Exception.h>

#include <string>

namespace proxprop::train {

/// make(), whose complaint about a model or a number becomes a ConfigError that names the method.
template <class Make>
auto for_method(const MethodConfig& method, Make&& make) {
  try {
    return make();
  } catch (const c10::Error& error) {
    throw ConfigError("method.name = " + method.name + ": " + error.what_without_backtrace());
  }
}

}  // namespace proxprop::train
