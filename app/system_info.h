#pragma once

#include "train/records/json.h"

#include <string>

namespace proxprop::app {

std::string program_version();
std::string libtorch_version();
/// State of the sources this was built from, "" where it is not known.
std::string source_version();

/// Versions, devices, processor, threads: what `proxprop info` tells.
train::Json system_info();

/// Throws MissingDeviceError when `device` ("cpu", "cuda", "cuda:N") is not here, train::ConfigError when it is no
/// device.
void require_device(const std::string& device);

/// "cpu", or the name of the GPU.
std::string device_name(const std::string& device);

}  // namespace proxprop::app
