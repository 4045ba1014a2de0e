#include "lab/batch/wolfe_search.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace proxprop::batch {
namespace {

class Search {
 public:
  Search(const std::function<LinePoint(double)>& phi, const LinePoint& start, const WolfeOptions& options)
      : phi_(phi), start_(start), options_(options) {}

  WolfeStep run(double first) {
    LinePoint before = start_;
    LinePoint trial = evaluate(first);
    while (true) {
      if (!decreases(trial) || (before.step > 0 && change(before, trial) >= 0))
        return narrow(before, trial);
      if (flat(trial))
        return {trial, true, evaluations_};
      if (trial.slope >= 0)
        return narrow(trial, before);
      if (evaluations_ == options_.evaluations)
        return {trial, false, evaluations_};
      const double gap = trial.step - before.step;
      const double guess = cubic_minimiser(before, trial);
      const double most = trial.step + 9 * gap;
      before = trial;
      trial = evaluate(guess > trial.step ? std::clamp(guess, trial.step + gap, most) : most);
    }
  }

 private:
  LinePoint evaluate(double step) {
    ++evaluations_;
    LinePoint point = phi_(step);
    point.step = step;
    if (!std::isfinite(point.value) || !std::isfinite(point.slope))
      point.value = std::numeric_limits<double>::infinity();
    return point;
  }

  bool same_to_rounding(const LinePoint& a, const LinePoint& b) const {
    return std::abs(b.value - a.value) <= options_.rounding * std::max(std::abs(a.value), std::abs(b.value)) &&
           std::isfinite(a.value + b.value);
  }

  // phi(b) - phi(a)
  double change(const LinePoint& a, const LinePoint& b) const {
    return same_to_rounding(a, b) ? (b.step - a.step) * (a.slope + b.slope) / 2 : b.value - a.value;
  }

  bool decreases(const LinePoint& point) const {
    return change(start_, point) <= options_.decrease * point.step * start_.slope;
  }
  bool flat(const LinePoint& point) const { return std::abs(point.slope) <= options_.curvature * -start_.slope; }

  // Of the cubic with the values and slopes of two points; not a number where it has none.
  double cubic_minimiser(const LinePoint& a, const LinePoint& b) const {
    const double d1 = a.slope + b.slope - 3 * change(a, b) / (b.step - a.step);
    const double d2 = std::copysign(std::sqrt(d1 * d1 - a.slope * b.slope), b.step - a.step);
    return b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  }

  // Between `best`, which decreases phi sufficiently and slopes down towards `other`, and `other` there is such a step.
  WolfeStep narrow(LinePoint best, LinePoint other) {
    double width_before = std::numeric_limits<double>::infinity(), width_before_that = width_before;
    while (evaluations_ < options_.evaluations) {
      const auto [low, high] = std::minmax({best.step, other.step});
      const double width = high - low;
      if (width <= 4 * std::numeric_limits<double>::epsilon() * high)
        break;
      const double guess = cubic_minimiser(best, other);
      const bool slow = width > width_before_that / 2;
      const double step =
          slow || !std::isfinite(guess) ? low + width / 2 : std::clamp(guess, low + width / 10, high - width / 10);
      width_before_that = width_before;
      width_before = width;
      const LinePoint trial = evaluate(step);
      if (!decreases(trial) || change(best, trial) >= 0) {
        other = trial;
        continue;
      }
      if (flat(trial))
        return {trial, true, evaluations_};
      if (trial.slope * (other.step - best.step) >= 0)
        other = best;
      best = trial;
    }
    return {same_to_rounding(start_, best) ? start_ : best, false, evaluations_};
  }

  const std::function<LinePoint(double)>& phi_;
  const LinePoint start_;
  const WolfeOptions options_;
  int64_t evaluations_ = 0;
};

}  // namespace

WolfeStep strong_wolfe_step(
    const std::function<LinePoint(double step)>& phi,
    const LinePoint& start,
    double first,
    const WolfeOptions& options) {
  TORCH_CHECK(start.slope < 0, "proxprop: the line must go down, got slope ", start.slope);
  TORCH_CHECK(first > 0 && std::isfinite(first), "proxprop: the first step must be positive, got ", first);
  return Search(phi, {0, start.value, start.slope}, options).run(first);
}

}  // namespace proxprop::batch
