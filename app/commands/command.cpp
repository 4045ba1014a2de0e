#include "app/commands/command.h"

#include <iostream>

namespace proxprop::app {

void Session::note(const std::string& line) const {
  if (!quiet)
    std::cerr << "proxprop: " + line + "\n";
}

void Session::warning(const std::string& line) const {
  std::cerr << "proxprop: warning: " + line + "\n";
}

void Session::error(const std::string& line) const {
  std::cerr << "proxprop: error: " + line + "\n";
}

void Session::detail(const std::string& line) const {
  if (verbose)
    std::cerr << "proxprop: " + line + "\n";
}

}  // namespace proxprop::app
