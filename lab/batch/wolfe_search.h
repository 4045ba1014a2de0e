#pragma once

#include <cstdint>
#include <functional>

namespace proxprop::batch {

/// A function of one step length t: f along a line.
struct LinePoint {
  double step = 0;   ///< t
  double value = 0;  ///< phi(t)
  double slope = 0;  ///< phi'(t)
};

struct WolfeOptions {
  double decrease = 1e-4;    ///< c1, in (0, 1/2): phi(t) <= phi(0) + c1 t phi'(0)
  double curvature = 0.9;    ///< c2, in (c1, 1): |phi'(t)| <= c2 |phi'(0)|
  int64_t evaluations = 25;  ///< of phi, at most
  /// Of phi, relative to it: smaller differences of its values are not looked at. More than one rounding, as sums over
  /// records and what cancels in them are rounded at a larger scale than their result has.
  double rounding = 1.5e-8;
};

struct WolfeStep {
  LinePoint point;  ///< the last that was evaluated where `found`; else the best one, or `start` where none is lower
  bool found = false;
  int64_t evaluations = 0;
};

/// A step that meets the strong Wolfe conditions, from `start` (step 0, a negative slope) with the first trial step
/// `first`: an interval that has such a step is bracketed, then narrowed by the minimisers of cubics (Nocedal and
/// Wright, Numerical Optimization, 2nd ed. 2006, Algorithms 3.5 and 3.6). It is cut in half where a cubic does not
/// exist, where phi is not finite, and where two of them did not halve it.
///
/// Differences phi(t) - phi(s) that are below its rounding are taken from its slopes instead, (t - s) (phi'(s) +
/// phi'(t)) / 2, as by Hager and Zhang (SIAM J. Optim. 2005): near a minimum phi is flat to rounding long before its
/// slopes are.
WolfeStep strong_wolfe_step(
    const std::function<LinePoint(double step)>& phi,
    const LinePoint& start,
    double first,
    const WolfeOptions& options);

}  // namespace proxprop::batch
