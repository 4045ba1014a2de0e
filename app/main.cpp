#include "app/program.h"

int main(int argc, char** argv) {
  return proxprop::app::run_program(argc, argv, {});
}
