#include "app/config_keys.h"

#include "app/suggest.h"

#include <algorithm>
#include <cctype>

namespace proxprop::app {
namespace {

using train::Config;

template <class Class, class Type>
Type type_of(Type Class::*);

/// The accessor of config.*section.*member.
template <auto section, auto member>
AnyMember member_of() {
  using Type = decltype(type_of(member));
  return Member<Type>([](Config& config) -> Type& { return config.*section.*member; });
}

template <auto member>
AnyMember data() {
  return member_of<&Config::data, member>();
}
template <auto member>
AnyMember model() {
  return member_of<&Config::model, member>();
}
template <auto member>
AnyMember method() {
  return member_of<&Config::method, member>();
}
template <auto member>
AnyMember optimizer() {
  return member_of<&Config::optimizer, member>();
}
template <auto member>
AnyMember schedule() {
  return member_of<&Config::schedule, member>();
}
template <auto member>
AnyMember training() {
  return member_of<&Config::train, member>();
}

Bounds at_least(double low) {
  return {.low = low};
}
Bounds positive() {
  return {.low = 0, .low_excluded = true};
}
Bounds fraction() {
  return {.low = 0, .high = 1, .high_excluded = true};
}

std::vector<Key> make_keys() {
  using train::DataConfig, train::ModelConfig, train::MethodConfig, train::OptimizerConfig, train::ScheduleConfig,
      train::TrainConfig;
  return {
      {"data", "name", data<&DataConfig::name>(), "data set; `proxprop data list` tells which there are"},
      {"data", "dir", data<&DataConfig::dir>(), "folder with its files [$PROXPROP_DATA, then the embedded data set]"},
      {"data",
       "train_size",
       data<&DataConfig::train_size>(),
       "train on the first N records; 0: all but those that validate",
       {},
       at_least(0)},
      {"data",
       "validation_size",
       data<&DataConfig::validation_size>(),
       "validate on the last N training records; -1: the data set's own split",
       {},
       at_least(-1)},
      {"data",
       "normalization",
       data<&DataConfig::normalization>(),
       "pixels as they are between 0 and 1; less the training records' mean of each channel; also divided by their "
       "standard deviation",
       {"none", "center", "standardize"}},

      {"model", "name", model<&ModelConfig::name>(), "the paper's two networks", {"mlp", "convnet"}},
      {"model",
       "hidden",
       model<&ModelConfig::hidden>(),
       "widths of the hidden layers of mlp [4000,1000,4000]",
       {},
       at_least(1)},
      {"model",
       "activation",
       model<&ModelConfig::activation>(),
       "between the layers",
       {"relu", "leaky_relu", "sigmoid", "tanh"}},
      {"model", "layers", model<&ModelConfig::layers>(),
       "a model as a list of layers in place of `name`: \"conv 16 5 padding=2,relu,max_pool 2,flatten,linear "
       "100,relu\""},

      {"method",
       "name",
       method<&MethodConfig::name>(),
       "how the layers' parameter step is found; cgN: cg with N iterations; amortized: exact to 1e-4, from an earlier "
       "step's factor where that is less work; running_gram: inexact, by an average of past Grams; released-...: the "
       "arithmetic of the authors' released code, for comparison; lab: the paper's algorithms by the step rules below; "
       "foof, isaac, kfac, locoprop_s: relatives by other authors, with their own settings; hessian_free, sfo, mac, "
       "admm: whole steps in the place of backpropagation and optimizer [exact; lab where a step rule is given]",
       {"backprop", "exact", "cg", "amortized", "running_gram", "released-exact", "released-cg", "lab", "foof", "isaac",
        "kfac", "locoprop_s", "hessian_free", "sfo", "mac", "admm"}},
      {"method",
       "tau_theta",
       method<&MethodConfig::tau_theta>(),
       "step size of the proximal mapping [0.05; 1 with convolutions]",
       {},
       positive()},
      {"method",
       "cg_iterations",
       method<&MethodConfig::cg_iterations>(),
       "conjugate gradient iterations of cg",
       {},
       at_least(1)},
      {"method",
       "cg_tolerance",
       method<&MethodConfig::cg_tolerance>(),
       "relative residual at which cg stops early; 0: never",
       {},
       fraction()},
      {"method",
       "update_every",
       method<&MethodConfig::update_every>(),
       "amortized, running_gram: steps from one factor or inverse to the next",
       {},
       at_least(1)},
      {"method",
       "gram_decay",
       method<&MethodConfig::gram_decay>(),
       "running_gram: weight of the average so far when a batch's Gram is added",
       {},
       fraction()},
      {"method",
       "coupling",
       method<&MethodConfig::coupling>(),
       "systems that cg solves: one per output or one in all",
       {"auto", "per_output", "joint"}},
      {"method",
       "scaling",
       method<&MethodConfig::scaling>(),
       "Gram matrix of a batch: the sum (paper) or the mean",
       {"sum", "mean"}},
      {"method",
       "step_z",
       method<&MethodConfig::step_z>(),
       "lab: step of the pre-activations z; implicit: a proximal step where one activation stands between two layers",
       {"explicit", "implicit", "bregman"}},
      {"method", "step_a", method<&MethodConfig::step_a>(), "lab: step of the activations a", {"explicit", "implicit"}},
      {"method",
       "step_last",
       method<&MethodConfig::step_last>(),
       "lab: step of the last layer; implicit: its input takes a proximal step; moreau: by the loss's Moreau envelope",
       {"explicit", "implicit", "moreau"}},
      {"method",
       "step_theta",
       method<&MethodConfig::step_theta>(),
       "lab: step of the parameters theta; cgN: cg with N iterations",
       {"explicit", "exact", "cg"}},
      {"method",
       "penalty_rho",
       method<&MethodConfig::penalty_rho>(),
       "lab: penalties rho on |phi(theta, a) - z|^2 of the hidden layers, or one for all, in units of 1 / learning "
       "rate; not in the exact and cg steps of theta",
       {},
       positive()},
      {"method",
       "penalty_gamma",
       method<&MethodConfig::penalty_gamma>(),
       "lab: penalties gamma on |sigma(z) - a|^2, as rho",
       {},
       positive()},
      {"method",
       "foof_lambda",
       method<&MethodConfig::foof_lambda>(),
       "foof (Benzing 2022): damping lambda of the mean Gram",
       {},
       positive()},
      {"method",
       "foof_m",
       method<&MethodConfig::foof_m>(),
       "foof: m, weight of the average so far when a batch's Gram is added",
       {},
       fraction()},
      {"method",
       "foof_s",
       method<&MethodConfig::foof_s>(),
       "foof: S, so many steps before each inversion add their Gram; at most T",
       {},
       at_least(1)},
      {"method",
       "foof_t",
       method<&MethodConfig::foof_t>(),
       "foof: T, steps from one inversion to the next",
       {},
       at_least(1)},
      {"method",
       "isaac_lambda",
       method<&MethodConfig::isaac_lambda>(),
       "isaac (Petersen et al. 2023): damping lambda of the mean Gram",
       {},
       positive()},
      {"method",
       "kfac_lambda",
       method<&MethodConfig::kfac_lambda>(),
       "kfac (Martens and Grosse 2015): damping lambda; gamma of the two factors is its square root",
       {},
       positive()},
      {"method",
       "kfac_epsilon",
       method<&MethodConfig::kfac_epsilon>(),
       "kfac: epsilon, largest weight of the average so far when a batch's factors are added",
       {},
       fraction()},
      {"method",
       "kfac_t_cov",
       method<&MethodConfig::kfac_t_cov>(),
       "kfac: steps from one update of the factors to the next",
       {},
       at_least(1)},
      {"method",
       "kfac_t_inv",
       method<&MethodConfig::kfac_t_inv>(),
       "kfac: T3, steps from one inversion of the factors to the next",
       {},
       at_least(1)},
      {"method",
       "kfac_fisher",
       method<&MethodConfig::kfac_fisher>(),
       "kfac: labels for the factor of the output gradients, drawn from the model's distribution (one more backward "
       "pass) or the data's",
       {"sampled", "empirical"}},
      {"method",
       "locoprop_t",
       method<&MethodConfig::locoprop_t>(),
       "locoprop_s (Amid et al. 2022): T, local iterations",
       {},
       at_least(1)},
      {"method",
       "locoprop_gamma",
       method<&MethodConfig::locoprop_gamma>(),
       "locoprop_s: gamma, activation learning rate",
       {},
       positive()},
      {"method",
       "locoprop_eta",
       method<&MethodConfig::locoprop_eta>(),
       "locoprop_s: eta of the regularizer |W - W_0|^2 / (2 eta)",
       {},
       positive()},
      {"method",
       "locoprop_lr",
       method<&MethodConfig::locoprop_lr>(),
       "locoprop_s: learning rate of the local iterations",
       {},
       positive()},
      {"method",
       "hf_gradient_batch",
       method<&MethodConfig::hf_gradient_batch>(),
       "hessian_free: records behind a step's gradient and losses; 0: all",
       {},
       at_least(0)},
      {"method",
       "hf_curvature_batch",
       method<&MethodConfig::hf_curvature_batch>(),
       "hessian_free: those of them behind the Gauss-Newton products; 0: all of them",
       {},
       at_least(0)},
      {"method",
       "hf_lambda",
       method<&MethodConfig::hf_lambda>(),
       "hessian_free: damping of the first step",
       {},
       positive()},
      {"method",
       "hf_zeta",
       method<&MethodConfig::hf_zeta>(),
       "hessian_free: decay of the last solution, from which conjugate gradients start",
       {},
       {.low = 0, .high = 1}},
      {"method",
       "hf_cg_iterations",
       method<&MethodConfig::hf_cg_iterations>(),
       "hessian_free: conjugate gradient iterations at most",
       {},
       at_least(1)},
      {"method",
       "hf_epsilon",
       method<&MethodConfig::hf_epsilon>(),
       "hessian_free: relative progress per iteration at which conjugate gradients stop",
       {},
       fraction()},
      {"method",
       "hf_alpha",
       method<&MethodConfig::hf_alpha>(),
       "hessian_free: exponent of the preconditioner of conjugate gradients; 0: none",
       {},
       {.low = 0, .high = 1}},
      {"method",
       "sfo_max_history_terms",
       method<&MethodConfig::sfo_max_history_terms>(),
       "sfo: secant pairs kept for each batch",
       {},
       at_least(1)},
      {"method",
       "sfo_max_gradient_noise",
       method<&MethodConfig::sfo_max_gradient_noise>(),
       "sfo: standard error over norm of the mean gradient at which one more batch is active",
       {},
       at_least(0)},
      {"method",
       "sfo_hessian_init",
       method<&MethodConfig::sfo_hessian_init>(),
       "sfo: Hessian of the first batches, times the identity",
       {},
       positive()},
      {"method",
       "sfo_init_subf",
       method<&MethodConfig::sfo_init_subf>(),
       "sfo: batches that are active in the beginning",
       {},
       at_least(1)},
      {"method", "mac_mu", method<&MethodConfig::mac_mu>(), "mac: penalty of the first iteration", {}, positive()},
      {"method",
       "mac_growth",
       method<&MethodConfig::mac_growth>(),
       "mac: factor on the penalty from one iteration to the next",
       {},
       at_least(1)},
      {"method",
       "mac_steps",
       method<&MethodConfig::mac_steps>(),
       "mac: Gauss-Newton steps of each half iteration",
       {},
       at_least(1)},
      {"method",
       "mac_cg_iterations",
       method<&MethodConfig::mac_cg_iterations>(),
       "mac: conjugate gradient iterations of each Gauss-Newton step",
       {},
       at_least(1)},
      {"method", "admm_beta", method<&MethodConfig::admm_beta>(), "admm: penalty of |z - W a|^2", {}, positive()},
      {"method", "admm_gamma", method<&MethodConfig::admm_gamma>(), "admm: penalty of |a - h(z)|^2", {}, positive()},
      {"method",
       "admm_warm_up",
       method<&MethodConfig::admm_warm_up>(),
       "admm: iterations before the multiplier is updated",
       {},
       at_least(0)},
      {"method",
       "admm_loss",
       method<&MethodConfig::admm_loss>(),
       "admm: what the outputs are fitted by",
       {"cross_entropy", "hinge", "squared"}},
      {"method",
       "admm_start",
       method<&MethodConfig::admm_start>(),
       "admm: a and z at first: what the network says, or random numbers",
       {"forward", "random"}},

      {"optimizer",
       "name",
       optimizer<&OptimizerConfig::name>(),
       "first-order optimizer that takes the step",
       {"sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "lbfgs", "adagrad", "muon", "entropy_sgd"}},
      {"optimizer",
       "lr",
       optimizer<&OptimizerConfig::lr>(),
       "learning rate [1 with exact and cg, 0.05 with backprop, foof, isaac, kfac; adam, adamw, rmsprop: 0.001; lbfgs, "
       "entropy_sgd: 1; adagrad: 0.01; muon: 0.02]",
       {},
       positive()},
      {"optimizer",
       "momentum",
       optimizer<&OptimizerConfig::momentum>(),
       "of momentum, nesterov, rmsprop and muon",
       {},
       fraction()},
      {"optimizer", "weight_decay", optimizer<&OptimizerConfig::weight_decay>(), "as torch.optim's", {}, at_least(0)},
      {"optimizer",
       "beta1",
       optimizer<&OptimizerConfig::beta1>(),
       "of adam and adamw, and of muon's Adam",
       {},
       fraction()},
      {"optimizer",
       "beta2",
       optimizer<&OptimizerConfig::beta2>(),
       "of adam and adamw, and of muon's Adam",
       {},
       fraction()},
      {"optimizer",
       "eps",
       optimizer<&OptimizerConfig::eps>(),
       "of adam, adamw, rmsprop, adagrad and muon's Adam",
       {},
       at_least(0)},
      {"optimizer", "alpha", optimizer<&OptimizerConfig::alpha>(), "smoothing of rmsprop", {}, fraction()},
      {"optimizer",
       "lbfgs_history_size",
       optimizer<&OptimizerConfig::lbfgs_history_size>(),
       "lbfgs: pairs of changes of position and gradient that are kept",
       {},
       at_least(1)},
      {"optimizer",
       "lbfgs_max_iter",
       optimizer<&OptimizerConfig::lbfgs_max_iter>(),
       "lbfgs: iterations of a step, each with a line search",
       {},
       at_least(1)},
      {"optimizer",
       "muon_ns_steps",
       optimizer<&OptimizerConfig::muon_ns_steps>(),
       "muon (Jordan et al. 2024): Newton-Schulz iterations",
       {},
       at_least(1)},
      {"optimizer",
       "muon_adam_lr",
       optimizer<&OptimizerConfig::muon_adam_lr>(),
       "muon: learning rate of Adam for biases and the output layer",
       {},
       positive()},
      {"optimizer",
       "entropy_l",
       optimizer<&OptimizerConfig::entropy_l>(),
       "entropy_sgd (Chaudhari et al. 2017): L, Langevin iterations, of one batch each, to a step of the parameters; "
       "divides the batches of an epoch",
       {},
       at_least(1)},
      {"optimizer",
       "entropy_eta",
       optimizer<&OptimizerConfig::entropy_eta>(),
       "entropy_sgd: eta', step size of the Langevin iterations",
       {},
       positive()},
      {"optimizer",
       "entropy_gamma0",
       optimizer<&OptimizerConfig::entropy_gamma0>(),
       "entropy_sgd: scope gamma = gamma0 (1 + gamma1)^t at the t-th step of the parameters",
       {},
       at_least(0)},
      {"optimizer",
       "entropy_gamma1",
       optimizer<&OptimizerConfig::entropy_gamma1>(),
       "entropy_sgd: see gamma0",
       {},
       at_least(0)},
      {"optimizer",
       "entropy_alpha",
       optimizer<&OptimizerConfig::entropy_alpha>(),
       "entropy_sgd: weight of the average so far of the Langevin iterates",
       {},
       fraction()},
      {"optimizer",
       "entropy_eps",
       optimizer<&OptimizerConfig::entropy_eps>(),
       "entropy_sgd: thermal noise epsilon",
       {},
       at_least(0)},

      {"schedule",
       "name",
       schedule<&ScheduleConfig::name>(),
       "factor on the learning rate",
       {"constant", "step", "cosine", "inverse"}},
      {"schedule",
       "warmup_epochs",
       schedule<&ScheduleConfig::warmup_epochs>(),
       "linear warm-up before the schedule",
       {},
       at_least(0)},
      {"schedule",
       "step_epochs",
       schedule<&ScheduleConfig::step_epochs>(),
       "step: multiply by gamma every N epochs",
       {},
       at_least(1)},
      {"schedule", "gamma", schedule<&ScheduleConfig::gamma>(), "factor of step", {}, positive()},
      {"schedule", "decay", schedule<&ScheduleConfig::decay>(), "inverse: 1 / (1 + decay * step)", {}, at_least(0)},

      {"train", "epochs", training<&TrainConfig::epochs>(), "passes over the training records", {}, at_least(0)},
      {"train",
       "batch_size",
       training<&TrainConfig::batch_size>(),
       "records per step; lbfgs, hessian_free, mac, admm: per pass of a step over more of them",
       {},
       at_least(1)},
      {"train",
       "max_steps",
       training<&TrainConfig::max_steps>(),
       "stop after so many steps; 0: no limit",
       {},
       at_least(0)},
      {"train", "seed", training<&TrainConfig::seed>(), "of the initialisation and the batches"},
      {"train", "device", training<&TrainConfig::device>(), "cpu, cuda or cuda:N"},
      {"train", "dtype", training<&TrainConfig::dtype>(), "of parameters and inputs", {"float32", "float64"}},
      {"train", "threads", training<&TrainConfig::threads>(), "0: LibTorch's default", {}, at_least(0)},
      {"train", "deterministic", training<&TrainConfig::deterministic>(), "only deterministic kernels"},
      {"train", "calibrate", training<&TrainConfig::calibrate>(),
       "plan by rates measured on this machine, once, in place of fixed weights"},
      {"train",
       "save_every",
       training<&TrainConfig::save_every>(),
       "epochs between checkpoints; 0: only at the end and on a signal",
       {},
       at_least(0)},
      {"train",
       "keep",
       training<&TrainConfig::keep>(),
       "newest checkpoints kept; that of the best epoch is kept besides",
       {},
       at_least(1)},
      {"train",
       "on_nonfinite",
       training<&TrainConfig::on_nonfinite>(),
       "when the loss or a direction is NaN or infinite: end training; leave the step out; leave it out and halve the "
       "learning rate",
       {"stop", "skip", "reduce"}},
      {"train",
       "check_residuals",
       training<&TrainConfig::check_residuals>(),
       "exact, cg: compute and record each layer's true residual every N steps; 0: never",
       {},
       at_least(0)},
      {"train",
       "record_energies",
       training<&TrainConfig::record_energies>(),
       "lab: record the penalty energy around each block update, every N steps; 0: never",
       {},
       at_least(0)},
  };
}

}  // namespace

std::string Key::path() const {
  return section + "." + name;
}

std::string Key::flag() const {
  std::string word = "--";
  word += name == "name" ? section : name == "dir" ? section + "-dir" : name;
  std::replace(word.begin(), word.end(), '_', '-');
  return word;
}

std::string Key::environment() const {
  std::string word = "PROXPROP_" + section + "_" + name;
  for (char& c : word)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return word;
}

const char* Key::type_name() const {
  constexpr const char* names[] = {"TEXT", "N", "N", "X", "BOOL", "N,N,..", "X,X,..", "TEXT,.."};
  return names[member.index()];
}

const std::vector<Key>& config_keys() {
  static const std::vector<Key> keys = make_keys();
  return keys;
}

const std::vector<std::string>& config_sections() {
  static const std::vector<std::string> sections = {"data", "model", "method", "optimizer", "schedule", "train"};
  return sections;
}

const Key* find_key(std::string_view path) {
  const auto& keys = config_keys();
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.path() == path; });
  return found == keys.end() ? nullptr : &*found;
}

std::string suggest_key(std::string_view path) {
  std::vector<std::string> paths;
  for (const Key& key : config_keys()) {
    if (key.name == path || key.flag().substr(2) == path)
      return " (did you mean " + key.path() + "?)";
    paths.push_back(key.path());
  }
  return did_you_mean(path, paths);
}

}  // namespace proxprop::app
