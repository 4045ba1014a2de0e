#include "app/config_keys.h"

#include "app/key_members.h"
#include "app/relative_keys.h"
#include "app/suggest.h"

#include <algorithm>
#include <cctype>

namespace proxprop::app {
namespace {

std::vector<Key> data_keys() {
  using train::DataConfig;
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
  };
}

std::vector<Key> model_keys() {
  using train::ModelConfig;
  return {
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
  };
}

std::vector<Key> method_keys() {
  using train::MethodConfig;
  return {
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
  };
}

std::vector<Key> optimizer_keys() {
  using train::OptimizerConfig;
  return {
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
       "of adam and adamw, and of muon's Adam [0.999; muon: 0.95]",
       {},
       fraction()},
      {"optimizer",
       "eps",
       optimizer<&OptimizerConfig::eps>(),
       "of adam, adamw, rmsprop, adagrad and muon's Adam [1e-8; muon: 1e-10]",
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
  };
}

std::vector<Key> schedule_keys() {
  using train::ScheduleConfig;
  return {
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
  };
}

std::vector<Key> train_keys() {
  using train::TrainConfig;
  return {
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

std::vector<Key> make_keys() {
  std::vector<Key> keys;
  for (const auto& part :
       {data_keys(), model_keys(), method_keys(), relative_method_keys(), optimizer_keys(), relative_optimizer_keys(),
        schedule_keys(), train_keys()})
    keys.insert(keys.end(), part.begin(), part.end());
  return keys;
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
