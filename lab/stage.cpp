#include "lab/stage.h"

#include "lab/parameters.h"

#include <torch/nn/modules/dropout.h>

namespace proxprop::lab {
namespace {

class ActivationStage final : public Stage {
 public:
  explicit ActivationStage(ActivationPtr activation) : activation_(std::move(activation)) {}
  at::Tensor forward(const at::Tensor& input) override { return activation_->value(input); }
  const Activation* activation() const override { return activation_.get(); }
  StagePtr copy(at::ScalarType) const override { return activation_stage(activation_); }

 private:
  ActivationPtr activation_;
};

class FunctionStage final : public Stage {
 public:
  explicit FunctionStage(std::function<at::Tensor(const at::Tensor&)> function) : function_(std::move(function)) {}
  at::Tensor forward(const at::Tensor& input) override { return function_(input); }
  StagePtr copy(at::ScalarType) const override { return function_stage(function_); }

 private:
  std::function<at::Tensor(const at::Tensor&)> function_;
};

template <class... Modules>
bool is_any(const torch::nn::Module& module) {
  return ((dynamic_cast<const Modules*>(&module) != nullptr) || ...);
}

class ModuleStage final : public Stage {
 public:
  explicit ModuleStage(torch::nn::AnyModule module) : module_(std::move(module)) {}
  at::Tensor forward(const at::Tensor& input) override { return module_.forward(input); }
  std::vector<at::Tensor> parameters() const override { return trained_of(module_.ptr()->parameters()); }

  bool random() const override {
    namespace nn = torch::nn;
    const nn::Module& module = *module_.ptr();
    return module.is_training() && is_any<
                                       nn::DropoutImpl, nn::Dropout2dImpl, nn::Dropout3dImpl, nn::AlphaDropoutImpl,
                                       nn::FeatureAlphaDropoutImpl>(module);
  }

  StagePtr copy(at::ScalarType dtype) const override {
    torch::nn::AnyModule module = module_.clone();
    const auto convert = [&](at::Tensor& tensor) {
      if (tensor.is_floating_point())
        tensor.set_data(tensor.to(dtype));
    };
    for (at::Tensor& parameter : module.ptr()->parameters())
      convert(parameter);
    for (at::Tensor& buffer : module.ptr()->buffers())
      convert(buffer);
    return module_stage(std::move(module));
  }

 private:
  torch::nn::AnyModule module_;
};

}  // namespace

StagePtr activation_stage(ActivationPtr activation) {
  return std::make_shared<ActivationStage>(std::move(activation));
}

StagePtr function_stage(std::function<at::Tensor(const at::Tensor&)> function) {
  return std::make_shared<FunctionStage>(std::move(function));
}

StagePtr module_stage(torch::nn::AnyModule module) {
  return std::make_shared<ModuleStage>(std::move(module));
}

}  // namespace proxprop::lab
