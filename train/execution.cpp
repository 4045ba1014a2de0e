#include "train/execution.h"

#include "train/calibration.h"
#include "train/errors.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <charconv>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>

namespace proxprop::train {
namespace {

// The folder of the libtorch_cpu.so that this process runs with.
std::filesystem::path libtorch_folder() {
  Dl_info info;
  const auto* symbol = reinterpret_cast<const void*>(&at::globalContext);
  require<ConfigError>(
      dladdr(symbol, &info) != 0 && info.dli_fname != nullptr, "cannot find the folder of libtorch_cpu.so");
  // globalContext lives in libtorch_cpu.so, but its address may be that of a stub in the program.
  std::filesystem::path path(info.dli_fname);
  if (path.filename().string().starts_with("libtorch"))
    return path.parent_path();
  void* handle = dlopen("libtorch_cpu.so", RTLD_NOW | RTLD_NOLOAD);
  require<ConfigError>(handle != nullptr, "cannot find the folder of libtorch_cpu.so");
  const void* inside = dlsym(handle, "_ZN2at13globalContextEv");
  const bool found = inside != nullptr && dladdr(inside, &info) != 0 && info.dli_fname != nullptr;
  dlclose(handle);
  require<ConfigError>(found, "cannot find the folder of libtorch_cpu.so");
  return std::filesystem::path(info.dli_fname).parent_path();
}

// Not "unless at::hasCUDA()": torch remembers the first answer to that for good.
void load_cuda() {
  const std::filesystem::path library = libtorch_folder() / "libtorch_cuda.so";
  // Global: the library registers its operators with those of libtorch_cpu.so. It stays for the life of the process.
  if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    throw ConfigError(
        "train.device = cuda, but LibTorch's CUDA library cannot be loaded: " +
        std::string(reason != nullptr ? reason : library.string()) +
        "; use train.device = cpu, or install LibTorch with all its CUDA libraries");
  }
}

int64_t parse_index(const std::string& name) {
  if (name == "cuda")
    return 0;
  const char* begin = name.data() + std::string("cuda:").size();
  const char* end = name.data() + name.size();
  int index = 0;
  const auto [stop, error] = std::from_chars(begin, end, index);
  require<ConfigError>(
      error == std::errc() && stop == end && index >= 0 && index < 128, "train.device = ", name,
      " is not a device; use cpu, cuda or cuda:N");
  return index;
}

}  // namespace

at::Device select_device(const std::string& name) {
  if (name == "cpu")
    return at::kCPU;
  require<ConfigError>(
      name == "cuda" || name.starts_with("cuda:"), "train.device must be cpu, cuda or cuda:N, got '", name, "'");
  const int64_t index = parse_index(name);
  load_cuda();
  const int64_t count = at::detail::getCUDAHooks().deviceCount();
  require<ConfigError>(
      at::hasCUDA() && count > 0, "train.device = ", name,
      ", but no CUDA device is available (is there an "
      "NVIDIA GPU, and its driver?); use train.device = cpu");
  require<ConfigError>(index < count, "train.device = ", name, ", but the highest CUDA device is cuda:", count - 1);
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

at::ScalarType select_dtype(const std::string& name) {
  if (name == "float32")
    return at::kFloat;
  if (name == "float64")
    return at::kDouble;
  throw ConfigError("train.dtype must be float32 or float64, got '" + name + "'");
}

ExecutionScope::ExecutionScope(const TrainConfig& config)
    : threads_(at::get_num_threads()),
      deterministic_(at::globalContext().deterministicAlgorithms()),
      fill_(at::globalContext().deterministicFillUninitializedMemory()),
      rates_(rates_in_use()) {
  if (config.threads > 0)
    at::set_num_threads(static_cast<int>(config.threads));
  use_rates(config.calibrate ? calibrate().rates : Rates{});
  if (!config.deterministic)
    return;
  // cuBLAS is deterministic only with a fixed workspace, and reads this when it starts.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  // Only finds bugs, and costs a pass over every new tensor.
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

ExecutionScope::~ExecutionScope() {
  at::set_num_threads(threads_);
  use_rates(rates_);
  at::globalContext().setDeterministicAlgorithms(deterministic_, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(fill_);
}

}  // namespace proxprop::train
