#include "app/errors.h"

#include "app/exit_codes.h"
#include "app/fetch_progress.h"
#include "train/data/data_error.h"
#include "train/errors.h"
#include "train/records/record_error.h"

#include <exception>
#include <iostream>
#include <new>
#include <string>

namespace proxprop::app {
namespace {

int report(const char* message, ExitCode code) {
  // Errors of LibTorch go on with a stack trace; what happened is in the first line.
  const std::string text = message;
  std::cerr << "proxprop: error: " + text.substr(0, text.find('\n')) + "\n";
  return code;
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
  } catch (const std::exception& error) {
    return report(error.what(), exit_failure);
  }
}

}  // namespace proxprop::app
