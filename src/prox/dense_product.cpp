#include "prox/dense_product.h"

#include "prox/kernels/kernels.h"
#include "prox/parallel_tasks.h"
#include "prox/scratch.h"

#include <ATen/ATen.h>

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <array>

namespace proxprop {

namespace {

// Terms per pass: a strip of `width` panels of this depth stays in the second-level cache.
constexpr int64_t depth_of_pass = 512;
// Rows of the left operand that one task multiplies with its strips: they stay in the second-level cache meanwhile.
constexpr int64_t rows_of_task = 128;
constexpr int64_t strips_of_task = 4;
// Rows of the left operand that are packed at a time; a multiple of `rows_of_task`.
constexpr int64_t rows_packed_at_a_time = 1024;
// Below this many multiplications threads cost more than they save.
constexpr int64_t smallest_parallel_product = int64_t(1) << 18;
// Below this many multiplications packing costs more than the faster tile saves.
constexpr int64_t smallest_own_product = int64_t(1) << 15;

// Panels are kept between calls: fresh pages would cost as much as filling them.
template <typename T>
T* panel_storage(int which, int64_t count) {
  static thread_local c10::DataPtr storage[2];
  static thread_local int64_t sizes[2] = {0, 0};
  if (sizes[which] < count) {
    storage[which].clear();
    storage[which] = c10::GetCPUAllocator()->allocate(size_t(count) * sizeof(T));
    sizes[which] = count;
  }
  return static_cast<T*>(storage[which].get());
}

// to[k * lanes + i] = sign * operand(row + i, first + k); rows beyond the last are zero.
template <typename T, typename Sum>
void pack_panel(
    const Operand<T>& operand, int64_t row, int64_t first, int64_t depth, int64_t lanes, Sum sign, Sum* to) {
  const auto count = std::min(lanes, operand.rows - row);
  const T* from = operand.data + row * operand.row_stride + first * operand.depth_stride;
  if (count < lanes) {
    std::fill(to, to + depth * lanes, Sum(0));
  }
  if (operand.row_stride == 1) {
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t i = 0; i < count; ++i) {
        to[k * lanes + i] = sign * Sum(from[k * operand.depth_stride + i]);
      }
    }
    return;
  }
  if constexpr (std::is_same_v<T, Sum>) {
    if (operand.depth_stride == 1 && count == lanes) {
      return kernels<T>().pack({from, operand.row_stride, depth, sign, to});
    }
  }
  constexpr int64_t block = 16;  // one cache line of each row at a time
  for (int64_t begin = 0; begin < depth; begin += block) {
    const auto end = std::min(depth, begin + block);
    for (int64_t i = 0; i < count; ++i) {
      const T* source = from + i * operand.row_stride;
      for (int64_t k = begin; k < end; ++k) {
        to[k * lanes + i] = sign * Sum(source[k * operand.depth_stride]);
      }
    }
  }
}

// One pass over `depth` terms of the sums.
template <typename Sum>
struct Pass {
  const Sum* a;
  const Sum* b;
  int64_t panel_stride;
  int64_t depth;
  int64_t rows, columns;
  Sum* out;
  int64_t out_stride;
  bool accumulate;
  Part part;

  // Rows [row, last_row) by columns [column, column + strip), one strip of panels.
  void strip(int64_t row, int64_t last_row, int64_t column) const {
    const auto& kernel = kernels<Sum>();
    const int64_t lanes = kernel.lanes, height = kernel.dense_shape.height;
    const auto width = kernel.dense_shape.width * lanes;
    for (; row < last_row; row += height) {
      if (part == Part::lower && column > row + height - 1) {
        continue;
      }
      DenseTile<Sum> tile{
          a + row / lanes * panel_stride + row % lanes,
          b + column / lanes * panel_stride,
          panel_stride,
          depth,
          out + row * out_stride + column,
          out_stride,
          accumulate};
      const bool whole = row + height <= rows && column + width <= columns;
      const bool across_diagonal = part == Part::lower && column + width - 1 > row;
      if (whole && !across_diagonal) {
        kernel.dense(tile);
      } else {
        const auto first_row_width = across_diagonal ? row + 1 - column : width;
        at_the_edge(tile, std::min(height, rows - row), std::min(width, columns - column), first_row_width);
      }
    }
  }

 private:
  // A tile of which only `height` x `width` entries are wanted, of those only `first_row_width` in the first row, one
  // more in the next and so on.
  void at_the_edge(DenseTile<Sum> tile, int64_t height, int64_t width, int64_t first_row_width) const {
    constexpr int64_t largest = 8 * 3 * 16;
    Sum whole[largest];
    Sum* target = tile.out;
    tile.out = whole;
    tile.out_stride = kernels<Sum>().dense_shape.width * kernels<Sum>().lanes;
    tile.accumulate = false;
    kernels<Sum>().dense(tile);
    for (int64_t i = 0; i < height; ++i) {
      for (int64_t j = 0; j < std::min(width, first_row_width + i); ++j) {
        Sum& entry = target[i * out_stride + j];
        entry = whole[i * tile.out_stride + j] + (accumulate ? entry : Sum(0));
      }
    }
  }
};

template <typename T>
Operand<T> operand_of(const at::Tensor& matrix, int64_t row_dimension) {
  const auto depth_dimension = 1 - row_dimension;
  return {
      matrix.const_data_ptr<T>(), matrix.size(row_dimension), matrix.size(depth_dimension),
      matrix.stride(row_dimension), matrix.stride(depth_dimension)};
}

template <typename T, typename Sum>
at::Tensor product_of_tensors(const at::Tensor& a, const at::Tensor& b) {
  constexpr bool wide = sizeof(Sum) == sizeof(double);
  const std::array<int64_t, 2> sizes{a.size(0), b.size(1)};
  auto out = wide ? scratch(sizes) : at::empty(sizes, a.options());
  dense_product<T, Sum>(operand_of<T>(a, 0), operand_of<T>(b, 1), out.template mutable_data_ptr<Sum>(), b.size(1));
  return out;
}

}  // namespace

template <typename T, typename Sum>
void dense_product(const Operand<T>& a, const Operand<T>& b, Sum* out, int64_t out_stride, Part part, Write write) {
  const auto& kernel = kernels<Sum>();
  const int64_t lanes = kernel.lanes;
  const auto width = kernel.dense_shape.width * lanes;
  const bool subtract = write == Write::subtract;
  const bool same = !subtract && a.data == b.data && a.rows == b.rows && a.row_stride == b.row_stride;
  const bool threaded = a.rows * b.rows * a.depth >= smallest_parallel_product;
  const auto passes = std::max<int64_t>(1, (a.depth + depth_of_pass - 1) / depth_of_pass);
  const auto largest_depth = (a.depth + passes - 1) / passes;
  const auto panel_stride = largest_depth * lanes;
  // Whole strips: the tiles read panels beyond the last row.
  const auto b_panels = round_up(b.rows, width) / lanes;
  const auto block_rows = same ? a.rows : std::min(a.rows, rows_packed_at_a_time);
  Sum* const b_storage = panel_storage<Sum>(0, b_panels * panel_stride);
  Sum* const a_storage = same ? b_storage : panel_storage<Sum>(1, round_up(block_rows, lanes) / lanes * panel_stride);

  const auto strips = (b.rows + width - 1) / width;
  const auto strips_per_task = part == Part::lower ? 1 : strips_of_task;
  const auto strip_tasks = (strips + strips_per_task - 1) / strips_per_task;
  for (int64_t pass = 0; pass < passes; ++pass) {
    const auto first = pass * largest_depth;
    const auto depth = std::min(largest_depth, a.depth - first);
    in_parallel(b_panels, threaded, [&](int64_t panel) {
      pack_panel(b, std::min(panel * lanes, b.rows), first, depth, lanes, Sum(1), b_storage + panel * panel_stride);
    });
    for (int64_t block = 0; block < a.rows; block += block_rows) {
      const auto last_row = std::min(a.rows, block + block_rows);
      if (!same) {
        in_parallel((last_row - block + lanes - 1) / lanes, threaded, [&](int64_t panel) {
          pack_panel(
              a, block + panel * lanes, first, depth, lanes, Sum(subtract ? -1 : 1), a_storage + panel * panel_stride);
        });
      }
      const Pass<Sum> multiply{
          a_storage - block / lanes * panel_stride, b_storage, panel_stride, depth, a.rows, b.rows, out, out_stride,
          write != Write::overwrite || pass > 0,    part};
      const auto row_tasks = (last_row - block + rows_of_task - 1) / rows_of_task;
      in_parallel(row_tasks * strip_tasks, threaded, [&](int64_t task) {
        const auto row = block + task / strip_tasks * rows_of_task;
        const auto first_strip = task % strip_tasks * strips_per_task;
        for (auto strip = first_strip; strip < std::min(strips, first_strip + strips_per_task); ++strip) {
          multiply.strip(row, std::min(last_row, row + rows_of_task), strip * width);
        }
      });
    }
  }
}

template void dense_product(const Operand<float>&, const Operand<float>&, float*, int64_t, Part, Write);
template void dense_product(const Operand<float>&, const Operand<float>&, double*, int64_t, Part, Write);
template void dense_product(const Operand<double>&, const Operand<double>&, double*, int64_t, Part, Write);

at::Tensor matrix_product(const at::Tensor& a, const at::Tensor& b) {
  const bool own = a.is_cpu() && b.is_cpu() && a.scalar_type() == b.scalar_type() &&
                   instruction_set() != InstructionSet::baseline && a.numel() * b.size(1) >= smallest_own_product &&
                   a.size(1) > 0;
  if (own && a.scalar_type() == at::kFloat) {
    return product_of_tensors<float, float>(a, b);
  }
  if (own && a.scalar_type() == at::kDouble) {
    return product_of_tensors<double, double>(a, b);
  }
  return at::mm(a, b);
}

at::Tensor batched_product(const at::Tensor& a, const at::Tensor& b) {
  return a.size(0) == 1 ? matrix_product(a[0], b[0]).unsqueeze(0) : at::bmm(a, b);
}

at::Tensor accurate_product(const at::Tensor& a, const at::Tensor& b) {
  if (!a.is_cpu() || a.size(1) == 0) {
    return at::mm(a.to(at::kDouble), b.to(at::kDouble));
  }
  return a.scalar_type() == at::kFloat ? product_of_tensors<float, double>(a, b) : matrix_product(a, b);
}

}  // namespace proxprop
