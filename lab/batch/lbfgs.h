#pragma once

#include "lab/batch/wolfe_search.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <functional>

namespace proxprop::batch {

/// A function of a vector [n] at a point. Vectors are float64.
struct Evaluation {
  at::Tensor x;  ///< where it was evaluated: what was asked for, as the parameters' dtype can hold it
  double value = 0;
  at::Tensor gradient;
};

using Objective = std::function<Evaluation(const at::Tensor& x)>;

/// Changes of position s and of gradient y between iterates, the oldest first.
struct LbfgsHistory {
  std::deque<at::Tensor> s, y;
};

struct LbfgsOptions {
  int64_t history_size = 20;  ///< m: pairs (s, y) that are kept
  int64_t max_iter = 20;      ///< iterations
  /// First trial of the line searches; without a history yet, the length of the first step that is tried.
  double step = 1;
  double cosine = 3.6e-15;  ///< between s and y, above which a pair is kept: what is below it is rounding
  WolfeOptions line_search;
};

struct LbfgsResult {
  Evaluation last;
  int64_t iterations = 0;   ///< steps that were taken
  int64_t evaluations = 0;  ///< of the objective
};

/// -H g, with H the BFGS approximation of the inverse Hessian by the pairs, begun from <s, y> / <y, y> I of the last
/// one: the two-loop recursion (Nocedal 1980). -g without pairs.
at::Tensor lbfgs_direction(const LbfgsHistory& history, const at::Tensor& gradient);

/// Up to `max_iter` iterations of L-BFGS (Liu and Nocedal, Mathematical Programming 1989) from x, each with a strong
/// Wolfe line search. A pair is kept where <s, y> > cosine |s| |y|: no threshold depends on the scale of the function
/// or of x. Ends early where the gradient is zero, and where no step decreases the function, neither along
/// -H g nor, the history given up, along -g.
LbfgsResult lbfgs(const Objective& objective, const at::Tensor& x, const LbfgsOptions& options, LbfgsHistory& history);

}  // namespace proxprop::batch
