// A network of torch::nn with proximal layers, trained by a torch optimizer. The three lines that differ from plain
// LibTorch are marked. Prints the loss every 10 steps; the last line reads
//
//     loss after 50 steps: below 0.05
#include <proxprop/proxprop.h>
#include <torch/torch.h>

#include <cstdio>

int main() {
  torch::manual_seed(0);
  // Points on two spirals, 100 on each arm.
  const auto t = torch::linspace(0.5, 3.5, 100);
  const auto arm = torch::stack({t * torch::cos(3 * t), t * torch::sin(3 * t)}, 1);
  const auto points = torch::cat({arm, -arm});
  const auto labels = torch::cat({torch::zeros(100, torch::kLong), torch::ones(100, torch::kLong)});

  torch::nn::Sequential model(
      proxprop::nn::Linear(proxprop::nn::LinearOptions(2, 64).tau_theta(1.0)),  // was torch::nn::Linear(2, 64)
      torch::nn::Tanh(),
      proxprop::nn::Linear(proxprop::nn::LinearOptions(64, 64).tau_theta(1.0)),  // was torch::nn::Linear(64, 64)
      torch::nn::Tanh(), torch::nn::Linear(64, 2));  // the output layer stays explicit, as in the paper
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(0.02));

  double loss_value = 0;
  for (int step = 1; step <= 50; ++step) {
    optimizer.zero_grad();
    const auto loss = torch::nn::functional::cross_entropy(model->forward(points), labels);
    loss.backward();  // proximal layers leave the proximal direction in .grad
    optimizer.step();
    loss_value = loss.item<double>();
    if (step % 10 == 0) {
      std::printf("step %2d  loss %.4f\n", step, loss_value);
    }
  }
  std::printf("loss after 50 steps: %s 0.05\n", loss_value < 0.05 ? "below" : "above");
  return loss_value < 0.05 ? 0 : 1;
}
