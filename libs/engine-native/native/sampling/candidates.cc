#include "candidates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace longhaul::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kBins = 4096;
constexpr double kBinsPerNat = 64.0;

size_t bin_of(double gap) {
  const double bin = -gap * kBinsPerNat;
  return bin < static_cast<double>(kBins - 1) ? static_cast<size_t>(bin) : kBins - 1;
}

}  // namespace

std::vector<Candidate> largest(const RowKernels& kernels, const float* z, size_t n, int32_t count, float z_cut) {
  std::vector<Candidate> heap;  // its front is the candidate to be dropped next
  const size_t capacity = static_cast<size_t>(count);
  heap.reserve(std::min(capacity, n));
  // -infinity is never a candidate, so the threshold starts at the lowest finite number.
  float threshold = std::max(z_cut, std::numeric_limits<float>::lowest());
  for (size_t i = kernels.next_at_least(z, 0, n, threshold); i < n;
       i = kernels.next_at_least(z, i + 1, n, threshold)) {
    if (heap.size() == capacity) {
      std::pop_heap(heap.begin(), heap.end(), ahead);
      heap.pop_back();
    }
    heap.push_back({z[i], static_cast<int32_t>(i)});
    std::push_heap(heap.begin(), heap.end(), ahead);
    // A later token ties with a higher id and loses, so it has to be strictly larger.
    if (heap.size() == capacity) threshold = std::nextafter(heap.front().z, kInfinity);
  }
  std::sort_heap(heap.begin(), heap.end(), ahead);
  return heap;
}

const float* mask_all_but_largest(const float* z, size_t n, size_t count, std::vector<float>& scratch) {
  std::vector<Candidate> all(n);
  for (size_t i = 0; i < n; ++i) all[i] = {z[i], static_cast<int32_t>(i)};
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(all.begin(), end, all.end(), ahead);
  std::vector<float> masked(n, -kInfinity);
  for (auto it = all.begin(); it != end; ++it) masked[static_cast<size_t>(it->token)] = it->z;
  scratch.swap(masked);
  return scratch.data();
}

Candidate nucleus_end(const float* z, size_t n, double target, const NoiseSearch& search) {
  const auto gap_of = [&](size_t i) {
    return (static_cast<double>(z[i]) - static_cast<double>(search.z_max)) / search.temperature;
  };
  const auto eligible = [&](size_t i) { return z[i] >= search.z_cut && z[i] > -kInfinity; };
  std::array<double, kBins> mass{};
  for (size_t i = 0; i < n; ++i) {
    if (eligible(i)) mass[bin_of(gap_of(i))] += std::exp(gap_of(i));
  }
  double before = 0;
  size_t last_bin = 0;
  while (last_bin + 1 < kBins && before + mass[last_bin] < target) before += mass[last_bin++];

  std::vector<Candidate> members;
  for (size_t i = 0; i < n; ++i) {
    if (eligible(i) && bin_of(gap_of(i)) == last_bin) members.push_back({z[i], static_cast<int32_t>(i)});
  }
  std::sort(members.begin(), members.end(), ahead);
  for (const Candidate& member : members) {
    before += std::exp((static_cast<double>(member.z) - static_cast<double>(search.z_max)) / search.temperature);
    if (before >= target) return member;
  }
  // Rounding may leave the whole mass a hair under the target: then everything is in.
  return members.empty() ? Candidate{search.z_cut, std::numeric_limits<int32_t>::max()} : members.back();
}

}  // namespace longhaul::sampling
