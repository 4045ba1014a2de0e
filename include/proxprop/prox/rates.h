#pragma once

#include <proxprop/prox/export.h>

#include <array>
#include <cstddef>

namespace proxprop {

/// The kinds of work that steps are made of. All are counted in operations (multiply and add), but where it says.
enum class Kernel {
  product,              ///< float32 products of dense matrices, by this library
  product64,            ///< float64 ones, and Grams that are summed in float64
  factor,               ///< Cholesky factors and inverses
  pivot,                ///< rows of a factor, each of which waits for the one before it
  eigenbasis,           ///< n^3 for the eigenvectors of an n x n matrix
  correlation,          ///< float32 correlations of images
  fourier,              ///< lags by Fourier transforms, as weighted there
  library_product,      ///< float32 products of dense matrices, by LibTorch
  library_convolution,  ///< convolutions and their gradients, by LibTorch
  memory,               ///< bytes that pass through memory
  wire,                 ///< bytes sent to other ranks
};
constexpr size_t kernel_count = 11;

/// "product", "product64", ... as above.
PROXPROP_API const char* to_string(Kernel kernel);

/// Amounts of work, by kernel.
class PROXPROP_API Work {
 public:
  double& operator[](Kernel kernel) { return amounts_[size_t(kernel)]; }
  double operator[](Kernel kernel) const { return amounts_[size_t(kernel)]; }
  Work& operator+=(const Work& other);
  Work& operator*=(double factor);
  bool operator==(const Work&) const = default;

 private:
  std::array<double, kernel_count> amounts_{};
};

/// What a unit of each kind of work costs.
struct PROXPROP_API Rates {
  /// By default in float32 operations at full rate, the same on every machine, so that a plan depends on nothing but
  /// sizes: a float64 operation costs two, a byte 7.5, one sent to another rank 50.
  std::array<double, kernel_count> costs{1, 2, 2, 1e6, 20, 1, 1, 1, 1, 7.5, 50};
  /// Whether `costs` are seconds, measured on this machine.
  bool measured = false;

  double of(const Work& work) const;
  bool operator==(const Rates&) const = default;
};

/// Measures the rates of this machine with the present number of threads, in less than a second. For float32 and the
/// CPU. The figures, and so a plan that is close to a tie, differ a little from one call to the next.
///
///     proxprop::use_rates(proxprop::measure_rates());
PROXPROP_API Rates measure_rates();

/// The rates that plans on the CPU go by in this process. They decide which route a step takes, and so its rounding
/// errors: use the same ones where runs are to be compared bit by bit. Default: `Rates{}`. Safe from any thread.
PROXPROP_API Rates rates_in_use();
PROXPROP_API void use_rates(const Rates& rates);

/// "AVX-512", "AVX2" or "baseline": the instruction set of the kernels, on which their rates depend.
PROXPROP_API const char* kernel_instruction_set();

}  // namespace proxprop
