#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace proxprop::fuzz {

/// A reader of foreign bytes. `read` takes any bytes: it either reads them or refuses them with the exception that the
/// reader's header promises. Anything else - another exception, a crash, a broken law - is a bug.
struct Target {
  std::string name;  ///< of the corpus folder and of the fuzzer
  void (*read)(std::string_view bytes);
};

const std::vector<Target>& targets();

// data_targets.cpp
void read_idx_target(std::string_view bytes);
void read_cifar_target(std::string_view bytes);
void read_gzip_target(std::string_view bytes);
void read_archive_target(std::string_view bytes);
// tensor_targets.cpp
void read_safetensors_target(std::string_view bytes);
void read_checkpoint_target(std::string_view bytes);
// text_targets.cpp
void read_toml_target(std::string_view bytes);
void read_metrics_target(std::string_view bytes);
void read_run_info_target(std::string_view bytes);

/// Ends the process with the message unless the law holds.
void check_law(bool holds, const char* law);

}  // namespace proxprop::fuzz
