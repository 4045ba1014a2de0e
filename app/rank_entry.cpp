// The program as a function, for a launcher that has made a c10d process group in this process: `python -m proxprop`
// under torchrun.

#include "app/program.h"

#include <proxprop/distributed/process_group.h>

#include <exception>
#include <iostream>

extern "C" __attribute__((visibility("default"))) int proxprop_run_rank(
    int argc, char** argv, const char* process_group, int local_rank) {
  try {
    return proxprop::app::run_program(argc, argv, {proxprop::process_group_communicator(process_group), local_rank});
  } catch (const std::exception& error) {
    std::cerr << "proxprop: error: " << error.what() << "\n";
    return 1;
  }
}
