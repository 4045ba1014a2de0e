#include "app/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace proxprop::app {

int stdout_width(int otherwise) {
  winsize size = {};
  const bool known = ::isatty(STDOUT_FILENO) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : otherwise;
}

}  // namespace proxprop::app
