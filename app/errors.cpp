#include "app/errors.h"

#include "app/exit_codes.h"
#include "app/fetch_progress.h"
#include "train/data/data_error.h"
#include "train/errors.h"
#include "train/records/record_error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <string_view>

namespace proxprop::app {
namespace {

int report(const char* message, ExitCode code) {
  // Errors of LibTorch go on with a stack trace; what happened is in the first line.
  const std::string text = message;
  std::cerr << "proxprop: error: " + text.substr(0, text.find('\n')) + "\n";
  return code;
}

int report_out_of_memory(const c10::Error& error) {
  const std::string reason = error.what_without_backtrace();
  const std::size_t begin = std::min(reason.find("you tried to allocate"), reason.size());
  const std::string amount = reason.substr(begin, reason.find_first_of(".\n", begin) - begin);
  const std::string message = "out of memory" + (amount.empty() ? amount : " (" + amount + ")") +
                              ": choose a smaller model (--hidden, --layers) or a smaller --batch-size";
  return report(message.c_str(), exit_failure);
}

}  // namespace

int report_current_exception() {
  try {
    throw;
  } catch (const UsageError& error) {
    return report(error.what(), exit_usage);
  } catch (const MissingDeviceError& error) {
    return report(error.what(), exit_missing_device);
  } catch (const Interrupted& error) {
    return report(error.what(), exit_interrupted);
  } catch (const train::ConfigError& error) {
    return report(error.what(), exit_configuration);
  } catch (const train::DataError& error) {
    return report(error.what(), exit_configuration);
  } catch (const train::CheckpointError& error) {
    return report(error.what(), exit_configuration);
  } catch (const train::RecordReadError& error) {
    return report(error.what(), exit_configuration);
  } catch (const train::DivergedError& error) {
    return report(error.what(), exit_diverged);
  } catch (const std::bad_alloc&) {
    return report("out of memory", exit_failure);
  } catch (const c10::OutOfMemoryError& error) {
    return report_out_of_memory(error);
  } catch (const c10::Error& error) {
    const bool of_memory =
        std::string_view(error.what_without_backtrace()).find("can't allocate memory") != std::string_view::npos;
    return of_memory ? report_out_of_memory(error) : report(error.what_without_backtrace(), exit_failure);
  } catch (const std::exception& error) {
    return report(error.what(), exit_failure);
  }
}

}  // namespace proxprop::app
