#include "app/system_info.h"

#include "app/exit_codes.h"
#include "app/git_describe.h"
#include "train/errors.h"
#include "train/execution.h"
#include "train/records/run_info.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <nlohmann/json.hpp>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

namespace proxprop::app {
namespace {

/// Why no CUDA device can be used, or "". LibTorch's CUDA half is loaded for the answer.
const std::string& cuda_problem() {
  static const std::string problem = [] {
    try {
      train::select_device("cuda");
      return std::string();
    } catch (const train::ConfigError& error) {
      const std::string reason = error.what();
      return reason.substr(0, reason.find("; use "));
    }
  }();
  return problem;
}

/// The GPUs' names as the NVIDIA driver gives them, in the order of their bus addresses (CUDA's own with
/// CUDA_DEVICE_ORDER=PCI_BUS_ID); LibTorch tells names only to programs that are built with a CUDA toolkit.
std::vector<std::string> gpu_names() {
  namespace fs = std::filesystem;
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/driver/nvidia/gpus", error))
    folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  std::vector<std::string> names;
  for (const fs::path& folder : folders) {
    std::ifstream stream(folder / "information");
    for (std::string line; std::getline(stream, line);) {
      const std::string start = "Model:";
      if (line.starts_with(start))
        names.push_back(line.substr(line.find_first_not_of(" \t", start.size())));
    }
  }
  return names;
}

/// The index of "cuda" or "cuda:N", unset for anything else.
std::optional<int64_t> cuda_index(const std::string& device) {
  const std::string_view start = "cuda:";
  if (device == "cuda")
    return 0;
  if (!device.starts_with(start))
    return std::nullopt;
  int64_t index = -1;
  const char* last = device.data() + device.size();
  const auto [end, error] = std::from_chars(device.data() + start.size(), last, index);
  if (error != std::errc{} || end != last || index < 0)
    return std::nullopt;
  return index;
}

}  // namespace

std::string program_version() {
  return PROXPROP_VERSION;
}
std::string libtorch_version() {
  return TORCH_VERSION;
}
std::string source_version() {
  return git_describe;
}

void require_device(const std::string& device) {
  if (device == "cpu")
    return;
  if (!cuda_index(device))
    throw train::ConfigError("train.device must be cpu, cuda or cuda:N, not '" + device + "'");
  try {
    train::select_device(device);
  } catch (const train::ConfigError& error) {
    throw MissingDeviceError(error.what());
  }
}

std::string device_name(const std::string& device) {
  const std::optional<int64_t> index = cuda_index(device);
  if (!index)
    return device;
  const std::vector<std::string> names = gpu_names();
  return *index < static_cast<int64_t>(names.size()) ? names[static_cast<std::size_t>(*index)] : device;
}

train::Json system_info() {
  train::Json devices = train::Json::array({"cpu"});
  const int64_t count = cuda_problem().empty() ? at::detail::getCUDAHooks().deviceCount() : 0;
  for (int64_t i = 0; i < count; ++i)
    devices.push_back("cuda:" + std::to_string(i));
  train::Json names = train::Json::array({train::cpu_name()});
  for (std::size_t i = 1; i < devices.size(); ++i)
    names.push_back(device_name(devices[i]));
  train::Json info;
  info["proxprop"] = program_version();
  info["sources"] = source_version();
  info["libtorch"] = libtorch_version();
  info["compiler"] = PROXPROP_COMPILER;
  info["build_type"] = PROXPROP_BUILD_TYPE;
  info["devices"] = devices;
  info["device_names"] = names;
  info["cuda"] = cuda_problem().empty() ? "available" : cuda_problem();
  info["cpu_capability"] = at::get_cpu_capability();
  info["threads"] = at::get_num_threads();
  info["lapack"] = at::globalContext().hasLAPACK();
  info["mkl"] = at::globalContext().hasMKL();
  return info;
}

}  // namespace proxprop::app
