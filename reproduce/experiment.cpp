#include "reproduce/experiment.h"

namespace proxprop::reproduce {

train::Config with_seed(const Cell& cell, int64_t k) {
  train::Config config = cell.config;
  config.train.seed += static_cast<uint64_t>(k);
  return config;
}

std::string point_text(const std::vector<Coordinate>& point) {
  std::string text;
  for (const Coordinate& coordinate : point)
    text.append(text.empty() ? "" : ", ").append(coordinate.value);
  return text;
}

}  // namespace proxprop::reproduce
