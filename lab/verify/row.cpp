#include "lab/verify/row.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace proxprop::verify {
namespace {

double relative(double difference, double rhs) {
  return difference == 0 ? 0 : difference / std::abs(rhs);
}

// std::max(0, NaN) would be 0: what is not a number misses by infinity.
double missed_by(double excess, double rhs) {
  if (std::isnan(excess) || std::isnan(rhs))
    return std::numeric_limits<double>::infinity();
  return relative(std::max(excess, 0.0), rhs);
}

}  // namespace

const char* to_string(Relation relation) {
  switch (relation) {
    case Relation::equal: return "=";
    case Relation::at_most: return "<=";
    case Relation::at_least: return ">=";
    case Relation::less: return "<";
    case Relation::greater: return ">";
  }
  return "";
}

void Rows::add(
    const std::string& case_name, double lhs, double rhs, Relation relation, double error, double tolerance) {
  rows_.push_back({proposition_, case_name, lhs, rhs, relation, error, tolerance, error <= tolerance});
}

void Rows::equal(const std::string& case_name, const at::Tensor& lhs, const at::Tensor& rhs, double tolerance) {
  const auto norm = rhs.norm().item<double>();
  add(case_name, lhs.norm().item<double>(), norm, Relation::equal, relative((lhs - rhs).norm().item<double>(), norm),
      tolerance);
}

void Rows::at_most(const std::string& case_name, double lhs, double rhs, double tolerance) {
  add(case_name, lhs, rhs, Relation::at_most, missed_by(lhs - rhs, rhs), tolerance);
}

void Rows::at_least(const std::string& case_name, double lhs, double rhs, double tolerance) {
  add(case_name, lhs, rhs, Relation::at_least, missed_by(rhs - lhs, rhs), tolerance);
}

void Rows::less(const std::string& case_name, double lhs, double rhs) {
  add(case_name, lhs, rhs, Relation::less, missed_by(lhs - rhs, rhs), 0);
  rows_.back().holds = lhs < rhs;
}

void Rows::greater(const std::string& case_name, double lhs, double rhs) {
  add(case_name, lhs, rhs, Relation::greater, missed_by(rhs - lhs, rhs), 0);
  rows_.back().holds = lhs > rhs;
}

bool all_hold(const std::vector<Row>& rows) {
  return !rows.empty() && std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.holds; });
}

}  // namespace proxprop::verify
