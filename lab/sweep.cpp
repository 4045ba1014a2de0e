#include "lab/sweep.h"

#include "lab/a_rules.h"
#include "lab/chain_pass.h"
#include "lab/last_rules.h"
#include "lab/theta_rules.h"
#include "lab/z_rules.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace proxprop::lab {
namespace {

// One run through the algorithm; its steps in their order are in sweep() below.
class SweepRun {
 public:
  SweepRun(const Network& network, const StepRules& rules, const SweepOptions& options, const BlockObserver& observer)
      : network_(network),
        rules_(rules),
        tau_(options.tau),
        penalties_(options.checked_penalties(network.hidden_count())),
        observer_(observer) {
    TORCH_CHECK(
        rules.z && rules.a && rules.last && rules.theta,
        "proxprop: a sweep needs a rule for each of z, a, last and theta; algorithm_1() and algorithm_2() have all");
    const auto layers = static_cast<size_t>(network_.layer_count());
    result_.a_displacement.resize(layers);
    result_.z_displacement.resize(layers - 1);
    result_.directions.resize(layers);
    result_.stage_directions.resize(layers);
    result_.summaries.resize(layers);
  }

  void forward(const Batch& batch, const Loss& loss) {
    auto& [a, z] = result_.activations;
    passes_.emplace_back(network_.chain(0), batch.input);
    for (int64_t l = 0; l < network_.layer_count(); ++l) {
      a.push_back(passes_.back().output());
      z.push_back(network_.layer(l).apply(a.back()));
      if (l < network_.hidden_count())
        passes_.emplace_back(network_.chain(l + 1), z.back());
    }
    result_.loss = loss.value(z.back(), batch.targets);
  }

  // (a): theta_{L-1} and a_{L-2}.
  void update_last(const Batch& batch, const Loss& loss) {
    const int64_t l = network_.hidden_count();
    const auto& [a, z] = result_.activations;
    const Layer& layer = network_.layer(l);
    const double gamma = l > 0 ? penalties_.gamma[l - 1] : 0;
    const LastProblem problem{loss, z[l], batch.targets, layer, a[l], gamma, tau_};
    const at::Tensor gradient = rules_.last->output_gradient(problem);
    if (!layer.parameters().empty())
      result_.directions[l] = layer.parameter_transfer(a[l])->adjoint(gradient);
    tell(Block::last, l);
    if (l == 0) {  // a is the data; stages before the layer may want the gradient
      result_.a_displacement[l] = tau_ * layer.input_adjoint(a[l], gradient);
      return;
    }
    result_.a_displacement[l] = rules_.last->a_displacement(problem, gradient);
    tell(Block::a, l);
  }

  // (b), first half.
  void update_z(int64_t l) {
    const double rho = penalties_.rho[l], gamma = penalties_.gamma[l];
    const auto step = [&](const Activation& activation, const at::Tensor& z, const at::Tensor& displacement) {
      return rules_.z->displacement({activation, z, displacement, rho, gamma, tau_});
    };
    result_.z_displacement[l] = passes_[l + 1].back(result_.a_displacement[l + 1], step);
    result_.stage_directions[l + 1] = passes_[l + 1].parameter_gradients(gamma, tau_);
    tell(Block::z, l);
  }

  // (c)
  void update_theta(int64_t l) {
    const Layer& layer = network_.layer(l);
    if (layer.parameters().empty())
      return;
    const auto transfer = layer.parameter_transfer(result_.activations.a[l]);
    ThetaStep step =
        rules_.theta->step({*transfer, result_.z_displacement[l], penalties_.rho[l], tau_, layer.default_coupling()});
    if (step.summary.status != Status::ok) {
      TORCH_WARN_ONCE("proxprop: the theta step of layer ", l, " is ", to_string(step.summary.status));
    }
    for (const at::Tensor& displacement : step.displacement)
      result_.directions[l].push_back(displacement / tau_);
    result_.summaries[l] = step.summary;
    tell(Block::theta, l);
  }

  // (b), second half.
  void update_a(int64_t l) {
    result_.a_displacement[l] = rules_.a->displacement(
        {network_.layer(l), result_.activations.a[l], result_.z_displacement[l], penalties_.rho[l],
         penalties_.gamma[l - 1], tau_});
    tell(Block::a, l);
  }

  // The data take no step, but stages before the first layer may have parameters: they take the explicit one.
  void update_first_chain() {
    const auto& chain = network_.chain(0);
    const bool trained =
        std::any_of(chain.begin(), chain.end(), [](const StagePtr& stage) { return !stage->parameters().empty(); });
    if (trained) {
      const at::Tensor displacement =
          network_.hidden_count() == 0
              ? result_.a_displacement[0]
              : tau_ * penalties_.rho[0] *
                    network_.layer(0).input_adjoint(result_.activations.a[0], result_.z_displacement[0]);
      const auto chain_rule = [](const Activation& activation, const at::Tensor& z, const at::Tensor& a) {
        return activation.derivative(z) * a;
      };
      passes_[0].back(displacement, chain_rule);
      result_.stage_directions[0] = passes_[0].parameter_gradients(1 / tau_, tau_);
    }
    result_.a_displacement[0] = at::Tensor();
  }

  Sweep take() { return std::move(result_); }

 private:
  void tell(Block block, int64_t layer) const {
    if (observer_)
      observer_(block, layer, result_);
  }

  const Network& network_;
  const StepRules& rules_;
  double tau_;
  Penalties penalties_;
  const BlockObserver& observer_;
  std::vector<ChainPass> passes_;
  Sweep result_;
};

void set_gradients(const std::vector<at::Tensor>& parameters, const std::vector<at::Tensor>& directions) {
  TORCH_INTERNAL_ASSERT(parameters.size() == directions.size());
  for (size_t i = 0; i < parameters.size(); ++i)
    parameters[i].mutable_grad() = directions[i];
}

}  // namespace

Penalties SweepOptions::checked_penalties(int64_t hidden_layers) const {
  TORCH_CHECK(tau > 0 && std::isfinite(tau), "proxprop: tau must be positive and finite, got ", tau);
  const bool by_default = penalties.rho.empty() && penalties.gamma.empty();
  const Penalties result = by_default ? Penalties::uniform(hidden_layers, 1 / tau) : penalties;
  check(result, hidden_layers);
  return result;
}

StepRules algorithm_1() {
  return {
      std::make_shared<ExplicitZ>(), std::make_shared<ExplicitA>(), std::make_shared<ExplicitLast>(),
      std::make_shared<ExplicitTheta>()};
}

StepRules algorithm_2(const ProximalOptions& options) {
  StepRules rules = algorithm_1();
  rules.theta = std::make_shared<ProximalTheta>(options);
  return rules;
}

const char* to_string(Block block) {
  switch (block) {
    case Block::last: return "last";
    case Block::z: return "z";
    case Block::a: return "a";
    case Block::theta: return "theta";
  }
  return "";
}

Sweep sweep(
    const Network& network,
    const Batch& batch,
    const Loss& loss,
    const StepRules& rules,
    const SweepOptions& options,
    const BlockObserver& observer) {
  at::NoGradGuard no_grad;
  network.check_complete();
  SweepRun run(network, rules, options, observer);
  run.forward(batch, loss);
  run.update_last(batch, loss);
  for (int64_t l = network.hidden_count() - 1; l >= 0; --l) {
    run.update_z(l);
    run.update_theta(l);
    if (l > 0)
      run.update_a(l);
  }
  run.update_first_chain();
  return run.take();
}

void set_gradients(const Network& network, const Sweep& sweep) {
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    set_gradients(network.layer(l).parameters(), sweep.directions[l]);
    std::vector<at::Tensor> parameters;
    for (const StagePtr& stage : network.chain(l)) {
      for (const at::Tensor& parameter : stage->parameters())
        parameters.push_back(parameter);
    }
    set_gradients(parameters, sweep.stage_directions[l]);
  }
}

}  // namespace proxprop::lab
