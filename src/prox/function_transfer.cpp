#include <proxprop/prox/transfers.h>

namespace proxprop {

FunctionTransfer::FunctionTransfer(std::vector<std::vector<int64_t>> parameter_shapes, Apply apply, Adjoint adjoint)
    : parameter_shapes_(std::move(parameter_shapes)), apply_(std::move(apply)), adjoint_(std::move(adjoint)) {}

}  // namespace proxprop
