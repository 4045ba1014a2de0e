// Preloaded into the program under test (LD_PRELOAD): its file calls below a folder are numbered, and one of them
// fails, kills the process, or cuts the power.
//
//     PROXPROP_FAULT_FOLDER  the folder
//     PROXPROP_FAULT         ACTION:N, at the N-th call; nothing where it is not set
//     PROXPROP_FAULT_TRACE   a file that gets the name of each call, one a line, before it is made
//
// ACTION is kill | power (kill, and what was not fsynced is lost) | eio | enospc (this call fails) | full (every call
// from this one on that needs space fails) | short (a write takes half) | eintr (a write is interrupted).

#include "unsynced_files.h"

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using proxprop::test::UnsyncedFiles;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Plan {
  std::string folder = variable("PROXPROP_FAULT_FOLDER");
  std::string action;
  long call = 0;
  int trace = -1;

  Plan() {
    const std::string fault = variable("PROXPROP_FAULT");
    const size_t colon = fault.find(':');
    action = fault.substr(0, colon);
    if (colon != std::string::npos)
      call = std::strtol(fault.c_str() + colon + 1, nullptr, 10);
    const std::string path = variable("PROXPROP_FAULT_TRACE");
    if (!path.empty())
      trace = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  }
};

// Never destroyed: files are written until the very end of a process.
const Plan& plan() {
  static const Plan& instance = *new Plan();
  return instance;
}

UnsyncedFiles& unsynced_files() {
  static UnsyncedFiles& instance = *new UnsyncedFiles();
  return instance;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool concerns(const char* path) {
  return path != nullptr && !plan().folder.empty() && std::string_view(path).starts_with(plan().folder);
}

// The path of an open file; empty for pipes and the like.
std::string path_of(int descriptor) {
  char target[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  return length > 0 && target[0] == '/' ? std::string(target, static_cast<size_t>(length)) : std::string();
}

bool concerns(int descriptor) {
  return !plan().folder.empty() && concerns(path_of(descriptor).c_str());
}

enum class Call { open, write, fsync, close, rename, remove, mkdir, read };

// Whether a full disk refuses it.
bool needs_space(Call call) {
  return call == Call::open || call == Call::write || call == Call::mkdir;
}

/// What is to become of the call: 0, or the error that it fails with; -1: a write takes half. Does not return from a
/// kill.
int fault_of(Call call, const char* name, const std::string& path) {
  static std::atomic<long> calls{0};
  const long number = ++calls;
  if (plan().trace >= 0) {
    const std::string line = std::string(name) + " " + path.substr(std::min(path.size(), plan().folder.size())) + "\n";
    ::syscall(SYS_write, plan().trace, line.data(), line.size());
  }
  const std::string& action = plan().action;
  if (action == "full" && number >= plan().call && needs_space(call))
    return ENOSPC;
  if (number != plan().call)
    return 0;
  if (action == "power")
    unsynced_files().lose(/*half=*/number % 2 == 1);
  if (action == "kill" || action == "power")
    ::kill(::getpid(), SIGKILL);
  if (action == "eio")
    return EIO;
  if (action == "enospc")
    return ENOSPC;
  if (action == "eintr" && call == Call::write)
    return EINTR;
  return action == "short" && call == Call::write ? -1 : 0;
}

int failure(int error) {
  errno = error;
  return -1;
}

int open_file(const char* symbol, const char* path, int flags, mode_t mode) {
  static auto* const real = next<int(const char*, int, ...)>(symbol);
  if (!concerns(path))
    return real(path, flags, mode);
  if (const int error = fault_of(Call::open, "open", path); error > 0)
    return failure(error);
  const int descriptor = real(path, flags, mode);
  if (descriptor >= 0 && (flags & O_ACCMODE) != O_RDONLY)
    unsynced_files().opened(descriptor);
  return descriptor;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_file("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return open_file("open64", path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  if (!concerns(descriptor))
    return real(descriptor, bytes, count);
  const int error = fault_of(Call::write, "write", path_of(descriptor));
  if (error > 0)
    return failure(error);
  return real(descriptor, bytes, error < 0 ? (count + 1) / 2 : count);
}

ssize_t read(int descriptor, void* bytes, size_t count) {
  static auto* const real = next<ssize_t(int, void*, size_t)>("read");
  if (!concerns(descriptor))
    return real(descriptor, bytes, count);
  if (const int error = fault_of(Call::read, "read", path_of(descriptor)); error > 0)
    return failure(error);
  return real(descriptor, bytes, count);
}

int fsync(int descriptor) {
  static auto* const real = next<int(int)>("fsync");
  if (!concerns(descriptor))
    return real(descriptor);
  if (const int error = fault_of(Call::fsync, "fsync", path_of(descriptor)); error > 0)
    return failure(error);
  // The disk of the test does not have to spin: what would be lost without the call is what counts.
  unsynced_files().synced(descriptor);
  return 0;
}

int close(int descriptor) {
  static auto* const real = next<int(int)>("close");
  if (!concerns(descriptor))
    return real(descriptor);
  const int error = fault_of(Call::close, "close", path_of(descriptor));
  const int result = real(descriptor);
  return error > 0 ? failure(error) : result;
}

int rename(const char* from, const char* to) {
  static auto* const real = next<int(const char*, const char*)>("rename");
  if (!concerns(to))
    return real(from, to);
  if (const int error = fault_of(Call::rename, "rename", to); error > 0)
    return failure(error);
  return real(from, to);
}

int remove(const char* path) {
  static auto* const real = next<int(const char*)>("remove");
  if (!concerns(path))
    return real(path);
  if (const int error = fault_of(Call::remove, "remove", path); error > 0)
    return failure(error);
  return real(path);
}

int mkdir(const char* path, mode_t mode) {
  static auto* const real = next<int(const char*, mode_t)>("mkdir");
  if (!concerns(path))
    return real(path, mode);
  if (const int error = fault_of(Call::mkdir, "mkdir", path); error > 0)
    return failure(error);
  return real(path, mode);
}

}  // extern "C"
