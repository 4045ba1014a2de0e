#pragma once

#include "lab/batch/quadratic_model.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <vector>

namespace proxprop::batch {

/// The numbers of Sohl-Dickstein, Poole and Ganguli (2014).
struct SumOfFunctionsOptions {
  int64_t max_history_terms = 10;  ///< L: secant pairs kept for each function
  double max_gradient_noise =
      1;                      ///< alpha: standard error over the norm of the mean gradient at which one more is active
  double hessian_init = 1e6;  ///< of the first functions: the first steps are that short
  int64_t init_subf = 2;      ///< functions that are active in the beginning
};

/// The Sum of Functions Optimizer (Sohl-Dickstein, Poole, Ganguli, ICML 2014): F(x) = sum_i f_i(x) is modelled by
///     G(x) = sum_i [ f_i(x_i) + <f_i'(x_i), x - x_i> + (x - x_i)^T H_i (x - x_i) / 2 ],
/// x_i where f_i was evaluated last, H_i a BFGS matrix of f_i alone. Each step goes to the minimiser of G and evaluates
/// one function there: the one whose last position is farthest from x as the whole Hessian measures it. All of it lives
/// in a shared subspace, which gradients widen and which is shrunk to the last positions and gradients when it has the
/// paper's 3 N dimensions (where N is small, those that two histories take).
///
/// Only some of the functions are active, at first: one more becomes so when the standard error of the mean gradient is
/// above max_gradient_noise times its norm, or when all have been seen since the last one. Where the function at the
/// new position is above all values that it had before, the step is taken back; the model has learnt from it.
///
///     while (...) {
///       const int64_t i = sfo.next();
///       sfo.tell(f_i(sfo.position()), gradient of f_i there);
///     }
class SumOfFunctions {
 public:
  struct Function {
    bool active = false;
    at::Tensor x, df;  ///< coordinates of the last position and gradient; undefined before the first
    std::deque<SecantPair> history;
    std::deque<double> values;  ///< of the last steps that were kept, as many as there are pairs and one more
    BfgsMatrix hessian;
  };
  /// Everything that it goes on from.
  struct State {
    at::Tensor basis;  ///< [n, K], orthonormal columns
    at::Tensor x;      ///< coordinates of the position
    at::Tensor start;  ///< of the one before the last step
    std::vector<Function> functions;
    int64_t since_growth = 0;  ///< evaluations since a function became active
  };

  /// `functions` of them, at least 1, from the position `x` [n] float64.
  SumOfFunctions(const at::Tensor& x, int64_t functions, const SumOfFunctionsOptions& options);

  /// Takes a step where there is a model; which function is to be evaluated at `position`.
  int64_t next();
  at::Tensor position() const;
  /// The value and gradient [n] of that function there. Returns whether the step was kept.
  bool tell(double value, const at::Tensor& gradient);

  const State& state() const { return state_; }
  void restore(State state);

 private:
  int64_t dimensions() const { return state_.basis.size(1); }
  at::Tensor coordinates_of(const at::Tensor& gradient);
  void shrink(int64_t room);
  at::Tensor whole_hessian() const;
  void step_to_minimiser(const at::Tensor& hessian);
  int64_t farthest(const at::Tensor& hessian) const;
  void grow_active_set();
  double usual_beta() const;

  SumOfFunctionsOptions options_;
  State state_;
  int64_t told_ = -1;  // the function that next() named
};

}  // namespace proxprop::batch
