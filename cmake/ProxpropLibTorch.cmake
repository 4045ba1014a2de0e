# Imported target proxprop::libtorch from a LibTorch tree: the `torch` folder of the PyPI wheel, or an unpacked LibTorch.
#
# TorchConfig.cmake is not used: the wheel's one fails where no CUDA toolkit is installed. Only PROXPROP_TORCH_DIR is
# looked at, so that a LibTorch of the system (Debian ships 1.13) is never picked up. libtorch_cuda.so is not linked: the
# program loads it at run time when a CUDA device is asked for.

if(TARGET proxprop::libtorch)
  return()
endif()

# A wheel is built against the torch of the Python that builds it, which may be another one when the same build folder is
# used again.
if(SKBUILD AND (NOT EXISTS "${PROXPROP_TORCH_DIR}/lib/libtorch_cpu.so" OR PROXPROP_TORCH_DIR STREQUAL PROXPROP_TORCH_DIR_OF_PYTHON))
  include(ProxpropPythonPackage)
  proxprop_python_package(_proxprop_torch_dir torch)
  set(PROXPROP_TORCH_DIR "${_proxprop_torch_dir}" CACHE PATH "LibTorch tree with include/ and lib/ (the wheel's torch folder)" FORCE)
  set(PROXPROP_TORCH_DIR_OF_PYTHON "${_proxprop_torch_dir}" CACHE INTERNAL "PROXPROP_TORCH_DIR where Python gave it")
endif()

if(NOT PROXPROP_TORCH_DIR)
  file(GLOB _proxprop_torch_dirs LIST_DIRECTORIES true
    "${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages/torch"
    "${PROXPROP_TORCH_DIR_HINT}")
  foreach(_dir IN LISTS _proxprop_torch_dirs)
    if(EXISTS "${_dir}/lib/libtorch_cpu.so")
      set(PROXPROP_TORCH_DIR "${_dir}" CACHE PATH "LibTorch tree with include/ and lib/ (the wheel's torch folder)" FORCE)
      break()
    endif()
  endforeach()
endif()

if(NOT EXISTS "${PROXPROP_TORCH_DIR}/lib/libtorch_cpu.so")
  message(FATAL_ERROR
    "proxprop: no LibTorch found (PROXPROP_TORCH_DIR is '${PROXPROP_TORCH_DIR}'). Run scripts/setup.sh, which installs the "
    "pinned PyPI wheel into .venv, or pass -DPROXPROP_TORCH_DIR=<folder with include/ and lib/libtorch_cpu.so>.")
endif()

file(STRINGS "${PROXPROP_TORCH_DIR}/include/torch/headeronly/version.h" _proxprop_torch_version
  REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9;]" "" _proxprop_torch_version "${_proxprop_torch_version}")
string(REPLACE ";" "." PROXPROP_TORCH_VERSION "${_proxprop_torch_version}")

add_library(proxprop::libtorch INTERFACE IMPORTED)
set_target_properties(proxprop::libtorch PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES
    "${PROXPROP_TORCH_DIR}/include;${PROXPROP_TORCH_DIR}/include/torch/csrc/api/include"
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES
    "${PROXPROP_TORCH_DIR}/include;${PROXPROP_TORCH_DIR}/include/torch/csrc/api/include"
  INTERFACE_LINK_LIBRARIES
    "${PROXPROP_TORCH_DIR}/lib/libtorch_cpu.so;${PROXPROP_TORCH_DIR}/lib/libc10.so"
  INTERFACE_COMPILE_FEATURES cxx_std_20)
if(NOT SKBUILD)  # a wheel names the torch folder beside it, not the one that it was built against
  set_target_properties(proxprop::libtorch PROPERTIES INTERFACE_LINK_OPTIONS "-Wl,-rpath,${PROXPROP_TORCH_DIR}/lib")
endif()
