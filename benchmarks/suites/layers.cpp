// Single layers by every route, so that the planner's choice can be judged, and how they scale.

#include "benchmarks/suites/suites.h"

#include <proxprop/proxprop.h>

#include <torch/torch.h>

#include <algorithm>
#include <map>

namespace proxprop::benchmarks {

namespace {

struct LinearCase {
  int64_t rows, in, out;
  std::string name() const {
    return "linear S=" + std::to_string(rows) + " " + std::to_string(in) + "-" + std::to_string(out);
  }
};

struct ConvCase {
  int64_t batch, in, out, size, kernel;
  int64_t stride = 1, dilation = 1, groups = 1;
  std::string name() const {
    auto text = "conv2d N=" + std::to_string(batch) + " " + std::to_string(in) + "-" + std::to_string(out) + " k" +
                std::to_string(kernel) + " at " + std::to_string(size) + "x" + std::to_string(size);
    text += stride > 1 ? " stride " + std::to_string(stride) : "";
    text += dilation > 1 ? " dilation " + std::to_string(dilation) : "";
    return text + (groups > 1 ? " groups " + std::to_string(groups) : "");
  }
};

// Forward and backward of one layer; the gradient of its output is given, the input's gradient is wanted.
template <typename Layer>
std::function<void()> step_of(Layer layer, const at::Tensor& input, const at::Tensor& grad_output) {
  return [layer, input, grad_output]() mutable {
    for (const auto& parameter : layer->parameters()) {
      parameter.mutable_grad().reset();
    }
    input.mutable_grad().reset();
    layer->forward(input).backward(grad_output);
  };
}

template <typename Layer>
Running proximal(
    Layer layer,
    const at::Tensor& input,
    const at::Tensor& grad_output,
    std::shared_ptr<LinearTransfer> transfer,
    const ProximalOptions& options) {
  const auto route = std::make_shared<std::string>();
  layer->set_step_observer([route](const StepSummary& summary) { *route = to_string(summary.route); });
  Running running;
  running.step = step_of(layer, input, grad_output);
  running.step();
  running.route = *route;
  running.residual = [layer, grad_output, transfer, options]() {
    std::vector<at::Tensor> direction;
    for (const auto& parameter : layer->parameters()) {
      direction.push_back(parameter.grad());
    }
    return relative_residual(*transfer, grad_output, direction, options);
  };
  return running;
}

Running linear_step(const LinearCase& c, std::optional<ProximalOptions> options) {
  at::manual_seed(0);
  const auto input = at::rand({c.rows, c.in}).requires_grad_();
  const auto grad_output = at::randn({c.rows, c.out}) / double(c.rows);
  if (!options) {
    return {step_of(torch::nn::Linear(c.in, c.out), input, grad_output), {}, "gradient"};
  }
  nn::Linear layer(c.in, c.out);
  layer->set_proximal_options(*options);
  const auto transfer = std::make_shared<DenseTransfer>(input.detach(), c.out, Trained{});
  return proximal(layer, input, grad_output, transfer, *options);
}

Running conv_step(const ConvCase& c, std::optional<ProximalOptions> options) {
  at::manual_seed(0);
  const auto input = at::rand({c.batch, c.in, c.size, c.size}).requires_grad_();
  const auto padding = c.dilation * (c.kernel - 1) / 2;
  torch::nn::Conv2d plain(torch::nn::Conv2dOptions(c.in, c.out, c.kernel)
                              .stride(c.stride)
                              .padding(padding)
                              .dilation(c.dilation)
                              .groups(c.groups));
  at::Tensor like;
  {
    const torch::NoGradGuard no_grad;
    like = plain->forward(input);
  }
  const auto grad_output = at::randn_like(like) / double(c.batch);
  if (!options) {
    return {step_of(plain, input, grad_output), {}, "gradient"};
  }
  nn::Conv2d layer(nn::Conv2dOptions(c.in, c.out, c.kernel)
                       .stride(c.stride)
                       .padding(torch::ExpandingArray<2>(padding))
                       .dilation(c.dilation)
                       .groups(c.groups));
  layer->set_proximal_options(*options);
  const ConvGeometry geometry{
      c.out, {c.kernel, c.kernel}, {c.stride, c.stride}, {padding, padding}, {c.dilation, c.dilation}, c.groups};
  const auto transfer = std::make_shared<ConvTransfer>(input.detach(), geometry, Trained{});
  return proximal(layer, input, grad_output, transfer, *options);
}

// Bytes of the largest matrix that a forced route is allowed to make.
constexpr double largest_gram_bytes = 2e9;

template <typename Case>
void measure_routes(
    const Case& c,
    int64_t rows_of_case,
    int64_t columns_of_case,
    const std::function<Running(const Case&, std::optional<ProximalOptions>)>& make,
    const Settings& settings,
    std::vector<Row>& rows) {
  const auto fits = [](double side) { return 8 * side * side <= largest_gram_bytes; };
  for (const Solver& solver : {Solver(Cholesky{}), Solver(ConjugateGradient{3})}) {
    std::vector<Contender> contenders{{"backprop", false, [=] { return make(c, std::nullopt); }}};
    contenders.push_back({to_string(solver), true, [=] { return make(c, ProximalOptions{1.0, solver}); }});
    for (const auto route : {Route::sample_gram, Route::feature_gram, Route::matrix_free}) {
      const bool exact = std::holds_alternative<Cholesky>(solver);
      const bool possible = route == Route::sample_gram    ? fits(double(rows_of_case))
                            : route == Route::feature_gram ? fits(double(columns_of_case))
                                                           : !exact;
      if (possible) {
        contenders.push_back({to_string(solver), false, [=] {
                                return make(c, ProximalOptions{1.0, solver, Scaling::sum, route});
                              }});
      }
    }
    auto quiet = settings;
    quiet.memory = false;
    measure("layers", c.name(), contenders, quiet, rows);
  }
}

}  // namespace

void run_layers(const Settings& settings, std::vector<Row>& rows) {
  for (const auto& c : std::vector<LinearCase>{
           {32, 512, 512},
           {128, 784, 512},
           {500, 3072, 4000},
           {500, 4000, 1000},
           {500, 1000, 4000},
           {500, 512, 512},
           {1000, 1000, 1000},
           {2048, 256, 256},
           {4096, 768, 768},
           {4096, 768, 3072},
           {128, 2048, 10}}) {
    measure_routes<LinearCase>(c, c.rows, c.in + 1, linear_step, settings, rows);
  }
  for (const auto& c : std::vector<ConvCase>{
           {500, 3, 16, 32, 5},
           {500, 16, 20, 16, 5},
           {500, 20, 20, 8, 5},
           {128, 64, 64, 32, 3},
           {128, 64, 128, 32, 3, 2},
           {128, 128, 128, 16, 3},
           {128, 256, 256, 8, 3},
           {32, 512, 512, 4, 3},
           {128, 64, 128, 32, 1, 2},
           {128, 64, 64, 16, 3, 1, 2},
           {128, 64, 64, 16, 3, 1, 1, 64}}) {
    const auto out = (c.size + c.stride - 1) / c.stride;
    measure_routes<ConvCase>(
        c, c.batch * out * out, c.in / c.groups * c.kernel * c.kernel + 1, conv_step, settings, rows);
  }
}

void run_scaling(const Settings& settings, std::vector<Row>& rows) {
  const auto methods = [](const auto& make, const auto& c) {
    std::vector<Contender> contenders{{"backprop", false, [=] { return make(c, std::nullopt); }}};
    for (const Solver& solver : {Solver(Cholesky{}), Solver(ConjugateGradient{3})}) {
      contenders.push_back({to_string(solver), true, [=] { return make(c, ProximalOptions{1.0, solver}); }});
    }
    return contenders;
  };
  for (const int64_t batch : {1, 8, 64, 512, 2048, 8192}) {
    const LinearCase c{batch, 1024, 1024};
    measure("scaling", c.name(), methods(linear_step, c), settings, rows);
  }
  for (const int64_t width : {64, 256, 1024, 4096, 8192}) {
    const LinearCase c{500, width, width};
    measure("scaling", c.name(), methods(linear_step, c), settings, rows);
  }
  for (const int64_t channels : {1, 3, 16, 64, 256}) {
    const ConvCase c{64, channels, channels, 16, 3};
    measure("scaling", c.name(), methods(conv_step, c), settings, rows);
  }
  for (const int64_t kernel : {1, 3, 5, 7, 11}) {
    const ConvCase c{64, 16, 16, 32, kernel};
    measure("scaling", c.name(), methods(conv_step, c), settings, rows);
  }
}

std::vector<std::string> planner_misses(const std::vector<Row>& rows, double margin) {
  std::map<std::string, std::pair<const Row*, const Row*>> cases;  // planned, best
  for (const auto& row : rows) {
    if (row.suite != "layers" || row.method == "backprop") {
      continue;
    }
    auto& [planned, best] = cases[row.case_name + ", " + row.method];
    if (row.planned) {
      planned = &row;
    }
    if (best == nullptr || row.ratio_median < best->ratio_median) {
      best = &row;
    }
  }
  std::vector<std::string> lines;
  for (const auto& [name, found] : cases) {
    const auto& [planned, best] = found;
    if (planned != nullptr && planned->route != best->route && planned->ratio_median > margin * best->ratio_median) {
      lines.push_back(
          name + ": planned " + planned->route + " at " + std::to_string(planned->ratio_median) + ", best " +
          best->route + " at " + std::to_string(best->ratio_median));
    }
  }
  return lines;
}

const std::vector<Suite>& suites() {
  static const std::vector<Suite> all{
      {"paper", "training steps of the paper's MLP and ConvNet, batch 500", run_paper},
      {"layers", "single layers by every route, and the planner's choice", run_layers},
      {"scaling", "batch sizes, widths, channels and kernel sizes", run_scaling},
      {"resnet18", "training steps of ResNet-18 for CIFAR, batch 128", run_resnet18}};
  return all;
}

}  // namespace proxprop::benchmarks
