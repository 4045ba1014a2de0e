#include "train/records/config_json.h"

#include "train/records/record_error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace proxprop::train {
namespace {

// The members of each section, once for both directions. `Section` is const when written, mutable when read.
template <class Section, class Type>
concept Is = std::is_same_v<std::remove_const_t<Section>, Type>;

template <Is<DataConfig> Section, class Visit>
void visit_members(Section& data, Visit&& visit) {
  visit("name", data.name);
  visit("dir", data.dir);
  visit("train_size", data.train_size);
  visit("validation_size", data.validation_size);
  visit("normalization", data.normalization);
}

template <Is<ModelConfig> Section, class Visit>
void visit_members(Section& model, Visit&& visit) {
  visit("name", model.name);
  visit("hidden", model.hidden);
  visit("activation", model.activation);
  visit("layers", model.layers);
}

template <Is<MethodConfig> Section, class Visit>
void visit_members(Section& method, Visit&& visit) {
  visit("name", method.name);
  visit("tau_theta", method.tau_theta);
  visit("cg_iterations", method.cg_iterations);
  visit("cg_tolerance", method.cg_tolerance);
  visit("update_every", method.update_every);
  visit("gram_decay", method.gram_decay);
  visit("coupling", method.coupling);
  visit("scaling", method.scaling);
  visit("step_z", method.step_z);
  visit("step_a", method.step_a);
  visit("step_last", method.step_last);
  visit("step_theta", method.step_theta);
  visit("penalty_rho", method.penalty_rho);
  visit("penalty_gamma", method.penalty_gamma);
  visit("foof_lambda", method.foof_lambda);
  visit("foof_m", method.foof_m);
  visit("foof_s", method.foof_s);
  visit("foof_t", method.foof_t);
  visit("isaac_lambda", method.isaac_lambda);
  visit("kfac_lambda", method.kfac_lambda);
  visit("kfac_epsilon", method.kfac_epsilon);
  visit("kfac_t_cov", method.kfac_t_cov);
  visit("kfac_t_inv", method.kfac_t_inv);
  visit("kfac_fisher", method.kfac_fisher);
  visit("locoprop_t", method.locoprop_t);
  visit("locoprop_gamma", method.locoprop_gamma);
  visit("locoprop_eta", method.locoprop_eta);
  visit("locoprop_lr", method.locoprop_lr);
  visit("hf_gradient_batch", method.hf_gradient_batch);
  visit("hf_curvature_batch", method.hf_curvature_batch);
  visit("hf_lambda", method.hf_lambda);
  visit("hf_zeta", method.hf_zeta);
  visit("hf_cg_iterations", method.hf_cg_iterations);
  visit("hf_epsilon", method.hf_epsilon);
  visit("hf_alpha", method.hf_alpha);
  visit("sfo_max_history_terms", method.sfo_max_history_terms);
  visit("sfo_max_gradient_noise", method.sfo_max_gradient_noise);
  visit("sfo_hessian_init", method.sfo_hessian_init);
  visit("sfo_init_subf", method.sfo_init_subf);
  visit("mac_mu", method.mac_mu);
  visit("mac_growth", method.mac_growth);
  visit("mac_steps", method.mac_steps);
  visit("mac_cg_iterations", method.mac_cg_iterations);
  visit("admm_beta", method.admm_beta);
  visit("admm_gamma", method.admm_gamma);
  visit("admm_warm_up", method.admm_warm_up);
  visit("admm_loss", method.admm_loss);
  visit("admm_start", method.admm_start);
}

template <Is<OptimizerConfig> Section, class Visit>
void visit_members(Section& optimizer, Visit&& visit) {
  visit("name", optimizer.name);
  visit("lr", optimizer.lr);
  visit("momentum", optimizer.momentum);
  visit("weight_decay", optimizer.weight_decay);
  visit("beta1", optimizer.beta1);
  visit("beta2", optimizer.beta2);
  visit("eps", optimizer.eps);
  visit("alpha", optimizer.alpha);
  visit("lbfgs_history_size", optimizer.lbfgs_history_size);
  visit("lbfgs_max_iter", optimizer.lbfgs_max_iter);
  visit("muon_ns_steps", optimizer.muon_ns_steps);
  visit("muon_adam_lr", optimizer.muon_adam_lr);
  visit("entropy_l", optimizer.entropy_l);
  visit("entropy_eta", optimizer.entropy_eta);
  visit("entropy_gamma0", optimizer.entropy_gamma0);
  visit("entropy_gamma1", optimizer.entropy_gamma1);
  visit("entropy_alpha", optimizer.entropy_alpha);
  visit("entropy_eps", optimizer.entropy_eps);
}

template <Is<ScheduleConfig> Section, class Visit>
void visit_members(Section& schedule, Visit&& visit) {
  visit("name", schedule.name);
  visit("warmup_epochs", schedule.warmup_epochs);
  visit("step_epochs", schedule.step_epochs);
  visit("gamma", schedule.gamma);
  visit("decay", schedule.decay);
}

template <Is<TrainConfig> Section, class Visit>
void visit_members(Section& train, Visit&& visit) {
  visit("epochs", train.epochs);
  visit("batch_size", train.batch_size);
  visit("max_steps", train.max_steps);
  visit("seed", train.seed);
  visit("device", train.device);
  visit("dtype", train.dtype);
  visit("threads", train.threads);
  visit("deterministic", train.deterministic);
  visit("calibrate", train.calibrate);
  visit("save_every", train.save_every);
  visit("keep", train.keep);
  visit("on_nonfinite", train.on_nonfinite);
  visit("check_residuals", train.check_residuals);
  visit("record_energies", train.record_energies);
}

template <Is<Config> Whole, class Visit>
void visit_sections(Whole& config, Visit&& visit) {
  visit("data", config.data);
  visit("model", config.model);
  visit("method", config.method);
  visit("optimizer", config.optimizer);
  visit("schedule", config.schedule);
  visit("train", config.train);
}

[[noreturn]] void wrong_type(const std::string& key, const char* expected) {
  throw RecordReadError(key + " must be " + expected);
}

void read(const Json& json, const std::string& key, int64_t& value) {
  value = integer_from_json(json, key);
}

// nlohmann::json would wrap -1 to 2^64 - 1.
void read(const Json& json, const std::string& key, uint64_t& value) {
  if (!json.is_number_unsigned() && !(json.is_number_integer() && json.get<int64_t>() >= 0)) {
    wrong_type(key, "a non-negative integer");
  }
  value = json.get<uint64_t>();
}

void read(const Json& json, const std::string& key, double& value) {
  if (!json.is_number())
    wrong_type(key, "a number");
  value = json.get<double>();
}

void read(const Json& json, const std::string& key, bool& value) {
  if (!json.is_boolean())
    wrong_type(key, "true or false");
  value = json.get<bool>();
}

void read(const Json& json, const std::string& key, std::string& value) {
  if (!json.is_string())
    wrong_type(key, "a string");
  value = json.get<std::string>();
}

template <class T>
void read(const Json& json, const std::string& key, std::vector<T>& values) {
  if (!json.is_array())
    wrong_type(key, "a list");
  values.clear();
  for (const Json& element : json) {
    const std::string place = key + "[" + std::to_string(values.size()) + "]";
    read(element, place, values.emplace_back());
  }
}

void check_keys(const Json& object, const std::set<std::string>& known, const std::string& prefix) {
  for (const auto& [key, value] : object.items()) {
    if (!known.contains(key))
      throw RecordReadError("unknown key " + prefix + key);
  }
}

template <class Section>
void read_section(const Json& json, const std::string& name, Section& section) {
  if (!json.is_object())
    wrong_type(name, "an object");
  std::set<std::string> known;
  visit_members(section, [&](const char* member, auto& value) {
    known.insert(member);
    if (const auto found = json.find(member); found != json.end())
      read(*found, name + "." + member, value);
  });
  check_keys(json, known, name + ".");
}

}  // namespace

Json config_to_json(const Config& config) {
  Json json = Json::object();
  visit_sections(config, [&](const char* name, const auto& section) {
    Json& object = json[name] = Json::object();
    visit_members(section, [&](const char* member, const auto& value) { object[member] = value; });
  });
  return json;
}

Config config_from_json(const Json& json) {
  if (!json.is_object())
    wrong_type("the configuration", "an object");
  Config config;
  std::set<std::string> known;
  visit_sections(config, [&](const char* name, auto& section) {
    known.insert(name);
    if (const auto found = json.find(name); found != json.end())
      read_section(*found, name, section);
  });
  check_keys(json, known, "");
  return config;
}

}  // namespace proxprop::train
