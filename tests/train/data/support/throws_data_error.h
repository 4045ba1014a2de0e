#pragma once

#include "train/data/data_error.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace proxprop::train::testing {

/// Whether `action` throws a DataError of one line that holds all of `parts`.
template <typename Action>
::testing::AssertionResult throws_data_error(Action&& action, const std::vector<std::string>& parts) {
  try {
    action();
  } catch (const DataError& error) {
    const std::string message = error.what();
    for (const std::string& part : parts) {
      if (message.find(part) == std::string::npos) {
        return ::testing::AssertionFailure() << "\"" << message << "\" does not say \"" << part << "\"";
      }
    }
    if (message.find('\n') != std::string::npos) {
      return ::testing::AssertionFailure() << "\"" << message << "\" is more than one line";
    }
    return ::testing::AssertionSuccess() << message;
  }
  return ::testing::AssertionFailure() << "no DataError was thrown";
}

}  // namespace proxprop::train::testing
