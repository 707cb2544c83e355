// Scorers of attention policies alone, and as the share that scoring and choosing have in attention that reads a part of the
// keys: XAttention's antidiagonals before prefill, bounds of keys before decode.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <utility>

#include "../flat_pool.h"
#include "../scoring/scoring.h"
#include "../scoring/select.h"
#include "bench/kernel_case.h"
#include "kernels/page_runs.h"

namespace longhaul::bench {
namespace {

using attention::HeadReduce;
using attention::ScoreJob;
using attention::TokenRange;

/** A block of queries at a depth, and what is kept of what it sees. */
struct Shape {
  int heads;
  int kv_heads;
  int head_dim;
  int depth;
  int fresh;
  double density;

  bool is_prefill() const { return fresh > 1; }
  int pages() const { return (depth + fresh + kPageTokens - 1) / kPageTokens; }
};

constexpr Shape kShapes[] = {
    {14, 2, 64, 32640, 128, 0.25}, {32, 8, 128, 32640, 128, 0.25}, {14, 2, 64, 32767, 1, 0.125}, {32, 8, 128, 32767, 1, 0.125}};

constexpr KvDtype kTypes[] = {KvDtype::kBf16, KvDtype::kInt8};
constexpr int kStride = 16;
constexpr int kUnitTokens = 128;
/** Bytes of pools that decode reads, over as many layers; prefill takes two. */
constexpr double kColdBytes = 200e6;
/** Tokens that are really appended; other pages are copies of theirs. */
constexpr int kFillTokens = 1024;

double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/** Scores what a block sees; the last unit is not among what is chosen from. */
int score(const ScoreJob& job, std::vector<float>& scores) {
  if (job.block.tokens > 1) {
    scores.resize(static_cast<size_t>(attention::visible_units(job.block, kUnitTokens).size()));
    attention::score_antidiagonal(job, kStride, kUnitTokens, scores.data());
    return kUnitTokens / kPageTokens;
  }
  PageList pages = job.block.visible;
  scores.resize(static_cast<size_t>(--pages.end - pages.begin) + 1);
  attention::score_key_bounds(job, pages, HeadReduce::kMax, scores.data());
  return 1;
}

/** Keeps the share of its density, and counts the seconds that takes. For one thread. */
class DensitySelector final : public Selector {
 public:
  explicit DensitySelector(double density) : density_(density) {}

  void select(const AttentionProblem& problem, const QueryBlock& block, Selection& selection) const override {
    const double start = now();
    const int unit_pages = score({problem, block}, scores_);
    const int units = static_cast<int>(scores_.size());
    attention::select_top_k(scores_.data(), units - 1, static_cast<int>(density_ * units) - 1, chosen_);
    chosen_.push_back(units - 1);
    for (const int32_t unit : chosen_) {
      const int end = std::min((unit + 1) * unit_pages, block.visible.end);
      for (int page = unit * unit_pages; page < end; ++page) selection.pages.push_back(page);
    }
    seconds_ += now() - start;
  }

  double take_seconds() { return std::exchange(seconds_, 0.0); }

 private:
  const double density_;
  mutable std::vector<float> scores_;
  mutable std::vector<int32_t> chosen_;
  mutable double seconds_ = 0.0;
};

/** A pool full of keys with their bounds, and a block of queries behind them. */
class ScoredPool : public PartialKernel {
 public:
  ScoredPool(const Shape& shape, KvDtype dtype, const attention::KernelTable* kernels, bool scores_alone)
      : shape_(shape), dtype_(dtype), kernels_(kernels), scores_alone_(scores_alone), layers_(layers_of(shape, dtype)),
        arena_(pool_bytes(dtype, layers_, shape.pages(), shape.kv_heads, shape.head_dim, kBounds)),
        pool_(arena_.base(), dtype, layers_, shape.pages(), shape.kv_heads, shape.head_dim, kBounds), selector_(shape.density) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    qkv_.resize(static_cast<size_t>(kFillTokens) * static_cast<size_t>(shape.heads + 2 * shape.kv_heads) * static_cast<size_t>(shape.head_dim));
    for (float& x : qkv_) x = normal(random);
    out_.resize(static_cast<size_t>(kFillTokens) * static_cast<size_t>(shape.heads) * static_cast<size_t>(shape.head_dim));
    table_.resize(static_cast<size_t>(shape.pages()));
    std::iota(table_.begin(), table_.end(), 0);
    fill_pool();
    kernels::shuffle_runs(table_, random);
    starts_ = {0, shape.fresh};
    past_ = {shape.depth};
    std::copy_n(qkv_.begin(), out_.size(), out_.begin());
  }

  void run(const ParallelFor& loop) override {
    const int calls = shape_.is_prefill() ? 1 : layers_;
    for (int call = 0; call < calls; ++call) {
      AttentionProblem p = problem();
      p.layer = shape_.is_prefill() ? next_layer_++ % layers_ : call;
      if (scores_alone_) {
        score_heads(p);
      } else {
        p.selector = &selector_;
        attend(p, loop);
      }
    }
  }

  double take_part_seconds() override { return selector_.take_seconds(); }

  std::span<const std::byte> cold() const override {
    if (shape_.is_prefill()) return {};
    return {arena_.base(), arena_.bytes()};
  }

  static int layers_of(const Shape& s, KvDtype dtype) {
    const double layer = static_cast<double>(pool_bytes(dtype, 1, s.pages(), s.kv_heads, s.head_dim, kBounds));
    return s.is_prefill() ? 2 : std::clamp(static_cast<int>(kColdBytes / layer), 2, 64);
  }

 private:
  static constexpr KvChannels kBounds = KvChannels().with(KvChannel::kKeyBounds);

  void fill_pool() {
    starts_ = {0, kFillTokens};
    past_ = {0};
    const AttentionProblem p = problem();
    attend(p, {});
    const int filled = kFillTokens / kPageTokens;
    for (int layer = 0; layer < layers_; ++layer)
      for (int page = 0; page < shape_.pages(); ++page)
        for (int head = 0; head < shape_.kv_heads; ++head) {
          if (layer == 0 && page < filled) continue;
          std::memcpy(p.pool.slice(layer, page, head), p.pool.slice(0, page % filled, head), slice_bytes(dtype_, shape_.head_dim));
          std::memcpy(p.pool.metadata(layer, page, head), p.pool.metadata(0, page % filled, head), kBounds.bytes(shape_.head_dim));
        }
  }

  /** With any numbers for queries. */
  void score_heads(const AttentionProblem& p) {
    for (int head = 0; head < shape_.kv_heads; ++head) {
      const QueryBlock block{0, head, 0, shape_.depth, shape_.fresh, {nullptr, 0, shape_.pages()}};
      score({p, block}, scores_);
    }
  }

  AttentionProblem problem() {
    AttentionProblem p;
    p.qkv = qkv_.data();
    p.cu_seqlens = starts_.data();
    p.past_lens = past_.data();
    p.block_table = table_.data();
    p.block_table_width = shape_.pages();
    p.batch = 1;
    p.kernels = kernels_;
    p.pool = pool_.view();
    p.heads = shape_.heads;
    p.kv_heads = shape_.kv_heads;
    p.head_dim = shape_.head_dim;
    p.scale = 1.0f / std::sqrt(static_cast<float>(shape_.head_dim));
    p.out = out_.data();
    return p;
  }

  Shape shape_;
  KvDtype dtype_;
  const attention::KernelTable* kernels_;
  bool scores_alone_;
  int layers_;
  int next_layer_ = 0;
  Memory arena_;
  FlatPool pool_;
  DensitySelector selector_;
  std::vector<float> qkv_, out_, scores_;
  std::vector<int32_t> table_, starts_, past_;
};

std::string name_of(const Shape& s, KvDtype dtype) {
  const std::string scorer = s.is_prefill() ? "prefill antidiagonals of " + std::to_string(kStride) : "decode key bounds";
  return scorer + " " + traits_of(dtype).name + " " + std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) + " d" +
         std::to_string(s.head_dim) + ", " + std::to_string(s.fresh) + " at " + std::to_string(s.depth);
}

/** Multiplications and additions of a run of the scorers alone. */
double operations(const Shape& s) {
  const double pairs = s.is_prefill() ? static_cast<double>(s.fresh) / kStride * (s.depth + s.fresh) : 2.0 * s.pages();
  return 2.0 * pairs * s.heads * s.head_dim;
}

/** What they read: keys, or bounds of keys. */
double bytes(const Shape& s, KvDtype dtype) {
  const double page = s.is_prefill() ? static_cast<double>(key_tile_bytes(dtype, s.head_dim)) : 4.0 * s.head_dim;
  return page * s.pages() * s.kv_heads;
}

/** Bounds are in bf16, and multiplied in f32 whatever the pool's type. */
Arithmetic arithmetic_of(const Shape& s, const AttentionCandidate& kernels, KvDtype dtype) {
  return s.is_prefill() ? attention_arithmetic(kernels, dtype) : Arithmetic::kFma;
}

bool has_tiles(const AttentionCandidate& kernels) { return kernels.needs.has(cpu::Feature::kAmxTile); }

template <class Body>
void for_each_case(const Machine& machine, const Body& body) {
  for (const KvDtype dtype : kTypes)
    for (const AttentionCandidate* kernels : widest_of(machine, attention_candidates(dtype), [&](const AttentionCandidate& c) {
           return attention_arithmetic(c, dtype);
         }))
      for (const Shape& shape : kShapes) body(dtype, *kernels, shape);
}

}  // namespace

std::vector<KernelCase> score_cases(const Machine& machine) {
  std::vector<KernelCase> cases;
  for_each_case(machine, [&](KvDtype dtype, const AttentionCandidate& kernels, const Shape& s) {
    // Scorers use no tiles.
    if (has_tiles(kernels)) return;
    const int runs = s.is_prefill() ? 1 : ScoredPool::layers_of(s, dtype);
    KernelCase c;
    c.name = "scores " + name_of(s, dtype);
    c.phase = s.is_prefill() ? Phase::kPrefill : Phase::kDecode;
    c.level = kernels.level;
    c.arithmetic = arithmetic_of(s, kernels, dtype);
    c.operations = operations(s) * runs;
    c.bytes = bytes(s, dtype) * runs;
    c.open = [s, dtype, table = kernels.table] { return std::make_unique<ScoredPool>(s, dtype, table, true); };
    cases.push_back(c);
  });
  return cases;
}

std::vector<ShareCase> score_shares(const Machine& machine) {
  std::vector<ShareCase> cases;
  for_each_case(machine, [&](KvDtype dtype, const AttentionCandidate& kernels, const Shape& s) {
    // The one row a head of decode takes the products of vectors at that level, too.
    if (has_tiles(kernels) && dtype == KvDtype::kInt8 && !s.is_prefill()) return;
    const std::string density = std::to_string(s.density * 100);
    cases.push_back({"share of scores in attention at " + density.substr(0, density.find('.') + 2) + " %, " + name_of(s, dtype), kernels.level,
                     [s, dtype, table = kernels.table] { return std::make_unique<ScoredPool>(s, dtype, table, false); }});
  });
  return cases;
}

}  // namespace longhaul::bench
