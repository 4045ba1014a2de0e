#include "train/safetensors_dtype.h"

#include <array>
#include <utility>

namespace proxprop::train {
namespace {

constexpr std::array<std::pair<at::ScalarType, std::string_view>, 15> kNames = {{
    {at::ScalarType::Bool, "BOOL"},
    {at::ScalarType::Byte, "U8"},
    {at::ScalarType::Char, "I8"},
    {at::ScalarType::Short, "I16"},
    {at::ScalarType::Int, "I32"},
    {at::ScalarType::Long, "I64"},
    {at::ScalarType::UInt16, "U16"},
    {at::ScalarType::UInt32, "U32"},
    {at::ScalarType::UInt64, "U64"},
    {at::ScalarType::Half, "F16"},
    {at::ScalarType::BFloat16, "BF16"},
    {at::ScalarType::Float, "F32"},
    {at::ScalarType::Double, "F64"},
    {at::ScalarType::Float8_e4m3fn, "F8_E4M3"},
    {at::ScalarType::Float8_e5m2, "F8_E5M2"},
}};

}  // namespace

std::string_view safetensors_dtype(at::ScalarType type) {
  for (const auto& [scalar_type, name] : kNames) {
    if (scalar_type == type)
      return name;
  }
  return {};
}

std::optional<at::ScalarType> scalar_type_of(std::string_view safetensors_dtype) {
  for (const auto& [scalar_type, name] : kNames) {
    if (name == safetensors_dtype)
      return scalar_type;
  }
  return std::nullopt;
}

}  // namespace proxprop::train
