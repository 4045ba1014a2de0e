#include "lab/spectrum/flat_vector.h"

#include <ATen/ATen.h>

namespace proxprop::spectrum {

int64_t flat_size(const std::vector<at::Tensor>& parameters) {
  int64_t size = 0;
  for (const at::Tensor& parameter : parameters)
    size += parameter.numel();
  return size;
}

std::vector<at::Tensor> unflatten(const at::Tensor& v, const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> parts;
  int64_t begin = 0;
  for (const at::Tensor& parameter : parameters) {
    parts.push_back(v.narrow(0, begin, parameter.numel()).to(parameter.options()).view(parameter.sizes()));
    begin += parameter.numel();
  }
  return parts;
}

void add_flattened(at::Tensor& v, const std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& parameters) {
  int64_t begin = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const int64_t size = parameters[i].numel();
    if (tensors[i].defined())
      v.narrow(0, begin, size).add_(tensors[i].detach().reshape({-1}).to(v.options()));
    begin += size;
  }
}

}  // namespace proxprop::spectrum
