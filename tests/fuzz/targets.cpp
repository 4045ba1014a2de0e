#include "tests/fuzz/targets.h"

#include <cstdio>
#include <cstdlib>

namespace proxprop::fuzz {

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"idx", read_idx_target},
      {"cifar", read_cifar_target},
      {"gzip", read_gzip_target},
      {"archive", read_archive_target},
      {"safetensors", read_safetensors_target},
      {"checkpoint", read_checkpoint_target},
      {"toml", read_toml_target},
      {"metrics", read_metrics_target},
      {"run_info", read_run_info_target}};
  return all;
}

void check_law(bool holds, const char* law) {
  if (holds)
    return;
  std::fprintf(stderr, "law broken: %s\n", law);
  std::abort();
}

}  // namespace proxprop::fuzz
