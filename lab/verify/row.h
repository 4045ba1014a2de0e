#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace proxprop::verify {

enum class Relation { equal, at_most, at_least, less, greater };

/// "=", "<=", ">=", "<", ">".
const char* to_string(Relation relation);

/// Both sides of one equality or inequality, and whether it holds.
struct Row {
  std::string proposition;  ///< "1" to "5", "stochastic", "stability"
  std::string case_name;    ///< network, weights, layer, and what is compared
  double lhs = 0;           ///< of an equality of vectors: the norm of the left side
  double rhs = 0;
  Relation relation = Relation::equal;
  double error = 0;      ///< by how much the relation is missed, relative to the right side; |lhs - rhs| / |rhs| of "="
  double tolerance = 0;  ///< what rounding may miss it by
  bool holds = false;    ///< error <= tolerance; never with NaN on either side
};

/// Collects the rows of one proposition.
class Rows {
 public:
  explicit Rows(std::string proposition) : proposition_(std::move(proposition)) {}

  /// Vectors: the sides are their norms, the error is the norm of the difference, relative to the right side's norm.
  void equal(const std::string& case_name, const at::Tensor& lhs, const at::Tensor& rhs, double tolerance);
  /// lhs <= rhs and lhs >= rhs, up to rounding.
  void at_most(const std::string& case_name, double lhs, double rhs, double tolerance = 0);
  void at_least(const std::string& case_name, double lhs, double rhs, double tolerance = 0);
  /// Strictly.
  void less(const std::string& case_name, double lhs, double rhs);
  void greater(const std::string& case_name, double lhs, double rhs);

  std::vector<Row> take() { return std::move(rows_); }

 private:
  void add(const std::string& case_name, double lhs, double rhs, Relation relation, double error, double tolerance);

  std::string proposition_;
  std::vector<Row> rows_;
};

/// Whether all of them hold; false of none.
bool all_hold(const std::vector<Row>& rows);

}  // namespace proxprop::verify
