#include "app/commands/hessian.h"

#include "app/exit_codes.h"
#include "app/out_folder.h"
#include "app/run.h"
#include "lab/spectrum/first_layer.h"
#include "lab/spectrum/loss_hessian.h"
#include "train/data/batch.h"
#include "train/data/normalization.h"
#include "train/errors.h"
#include "train/execution.h"
#include "train/model.h"
#include "train/model_state.h"

#include <torch/torch.h>

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace proxprop::app {
namespace {

constexpr int64_t chunk_size = 1000;

struct Subject {
  train::LabelledImages records;
  torch::nn::Sequential model;
  int64_t chunks() const { return (records.records() + chunk_size - 1) / chunk_size; }
};

/// The configured model in plain torch::nn layers, float64 and evaluation mode, at the weights of the seed or of the
/// file.
Subject make_subject(const train::Config& config, const std::string& weights, const Session& session) {
  train::Dataset dataset = train::normalized(load_data(config, session), config.data.normalization);
  const train::Shape input = dataset.train.images.sizes().slice(1).vec();
  train::MethodConfig backprop = config.method;
  backprop.name = "backprop";
  torch::manual_seed(config.train.seed);
  Subject subject{
      dataset.train, train::build_model(train::model_layers(config.model, input, dataset.classes), backprop)};
  if (!weights.empty())
    train::load_model_state(*subject.model, train::load_safetensors(weights).tensors);
  train::convert(*subject.model, at::kCPU, at::kDouble);
  subject.model->eval();
  return subject;
}

std::pair<at::Tensor, at::Tensor> chunk(const Subject& subject, int64_t index) {
  const int64_t begin = index * chunk_size, end = std::min(begin + chunk_size, subject.records.records());
  return train::to_batch(subject.records, at::arange(begin, end, at::kLong), at::kDouble, at::kCPU);
}

/// The keys that change a Hessian, and how it is computed.
bool has_use(const Key& key) {
  const std::string path = key.path();
  return key.section == "data" || key.section == "model" || path == "method.scaling" || path == "train.seed" ||
         path == "train.threads" || path == "train.deterministic";
}

/// The first layer's Gram matrix. Throws ConfigError for a model whose first layer has none.
spectrum::FirstLayerHessian first_layer_hessian(const Subject& subject, bool bias) {
  spectrum::FirstLayerHessian hessian(subject.model, bias);
  for (int64_t i = 0; i < subject.chunks(); ++i) {
    try {
      hessian.add(chunk(subject, i).first);
    } catch (const c10::ValueError& error) {
      throw train::ConfigError(std::string("--of first-layer: ") + error.what_without_backtrace());
    }
  }
  return hessian;
}

/// Lanczos keeps its vectors: refuses what the memory cannot hold.
void check_memory(int64_t dimension, int64_t steps) {
  const double needed = 8.0 * double(dimension) * double(std::min(steps, dimension));
  const double memory = double(sysconf(_SC_PHYS_PAGES)) * double(sysconf(_SC_PAGE_SIZE));
  train::require<train::ConfigError>(
      needed < memory / 2, "the Lanczos vectors of ", dimension, " parameters would take ", std::int64_t(needed / 1e6),
      " MB; give fewer --steps, or a smaller model");
}

}  // namespace

HessianCommand::HessianCommand(CLI::App& root)
    : Command(root.add_subcommand("hessian", "largest eigenvalues and spectrum of the Hessians that training meets")),
      config_flags_(*app, has_use) {
  app->footer(
      "\nfirst-layer: of 1/2 |phi(theta, X) - z|^2 for the first layer and all training records (paper, eq. 4): the "
      "Gram "
      "matrix,\na sum or, with --scaling mean, divided by its rows. network: of the mean loss over the training "
      "records, "
      "in all parameters. Computed in float64.\n\nExamples:\n  proxprop hessian --data cifar10 --data-dir DIR "
      "--no-bias\n"
      "  proxprop hessian --of network --hidden 32 --train-size 1000 --weights runs/a/checkpoints/model.safetensors\n"
      "  proxprop hessian --normalization standardize --out runs/hessian");
  app->add_option("--of", matrices_, "which Hessians, comma-separated")
      ->delimiter(',')
      ->check(CLI::IsMember({"first-layer", "network"}))
      ->capture_default_str();
  app->add_flag("--no-bias", no_bias_, "first-layer: without the column of ones");
  app->add_option("--weights", weights_, "network: at these weights (model.safetensors of a run) [those of the seed]")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  app->add_option("--steps", steps_, "Lanczos steps of each probe")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app->add_option("--probes", probes_, "random starting vectors")->check(CLI::Range(1, 1000))->capture_default_str();
  auto* out = app->add_option("--out", out_, "also write hessian.json and hessian.html here")->type_name("DIR");
  app->add_flag("--force", force_, "replace those in --out")->needs(out);
  app->add_flag("--json", json_, "print one JSON object");
}

spectrum::SpectrumOptions HessianCommand::options(
    const Session& session, const std::string& name, uint64_t seed) const {
  return {steps_, probes_, seed, [&session, name, this](int64_t probe) {
            session.detail(name + ": probe " + std::to_string(probe + 1) + " of " + std::to_string(probes_));
          }};
}

NamedSpectrum HessianCommand::first_layer(const train::Config& config, const Session& session) const {
  const spectrum::FirstLayerHessian hessian = first_layer_hessian(make_subject(config, "", session), !no_bias_);
  const bool mean = config.method.scaling == "mean";
  const at::Tensor matrix = mean ? hessian.matrix() / double(hessian.rows()) : hessian.matrix();
  check_memory(matrix.size(0), steps_);
  const std::string name =
      std::string("first layer, ") + (mean ? "mean" : "sum") + (no_bias_ ? ", without bias" : ", with bias");
  return {
      name, hessian.rows(),
      spectrum::spectrum(
          [&](const at::Tensor& v) { return at::mv(matrix, v); }, matrix.size(0),
          options(session, name, config.train.seed))};
}

NamedSpectrum HessianCommand::network(const train::Config& config, const Session& session) const {
  Subject subject = make_subject(config, weights_, session);
  const int64_t records = subject.records.records();
  const spectrum::LossHessian hessian(subject.model->parameters(), subject.chunks(), [&](int64_t i) {
    const auto [input, labels] = chunk(subject, i);
    return at::cross_entropy_loss(subject.model->forward(input), labels, {}, at::Reduction::Sum) / double(records);
  });
  check_memory(hessian.dimension(), steps_);
  const std::string name = "network's loss";
  return {name, records, spectrum::spectrum(hessian, hessian.dimension(), options(session, name, config.train.seed))};
}

/// Flags that say nothing of the chosen Hessians are mistakes.
void HessianCommand::check_flags() const {
  const auto chosen = [this](const char* name) {
    return std::find(matrices_.begin(), matrices_.end(), name) != matrices_.end();
  };
  if (!weights_.empty() && !chosen("network"))
    throw UsageError("--weights is for --of network: the first layer's Hessian does not depend on weights");
  for (const auto& [flag, given] :
       {std::pair("--no-bias", no_bias_), std::pair("--scaling", config_flags_.given("method.scaling"))}) {
    if (given && !chosen("first-layer"))
      throw UsageError(std::string(flag) + " is for --of first-layer");
  }
}

int HessianCommand::run(const Session& session) {
  check_flags();
  const ConfigSources sources = config_flags_.sources();
  refuse_scoped_sets(sources);
  train::Config config = sources.resolve().config;
  config.train.dtype = "float64";  // of all that is computed here
  app::check_config(config);
  if (!out_.empty())
    check_out_folder(
        out_, force_ ? train::ExistingFolder::replace : train::ExistingFolder::refuse, "hessian.json",
        /*can_resume=*/false);
  const train::ExecutionScope execution(config.train);
  std::vector<NamedSpectrum> spectra;
  for (const std::string& matrix : matrices_)
    spectra.push_back(matrix == "network" ? network(config, session) : first_layer(config, session));
  if (!out_.empty()) {
    make_folder(out_);
    write_hessian_files(out_, config, spectra);
  }
  print_hessian(config, spectra, json_);
  return exit_ok;
}

}  // namespace proxprop::app
