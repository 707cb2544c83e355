// Moves between pages and sections: the stored layout is what it says, every bit comes back, nothing else is touched,
// and the vector kernels agree with the plain ones.
#include "../block_transfer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../../attention/flat_pool.h"
#include "../../attention/slice_metadata.h"
#include "../../fault.h"
#include "../kernels.h"

namespace {

using namespace longhaul;
using namespace longhaul::transfer;

void expect(bool condition, const char* rule) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", rule);
  std::exit(1);
}

void expect_fault(const std::string& field, const char* rule, const std::function<void()>& call) {
  try {
    call();
  } catch (const Fault& fault) {
    expect(fault.kind == FaultKind::kInvalidArgument && fault.field == field, rule);
    return;
  }
  expect(false, rule);
}

// A pool in ordinary memory, filled with random bits: NaN and infinity are values like any other.
struct TestPool {
  std::vector<std::byte> storage;
  FlatPool flat;
  KvPoolView view;

  TestPool(KvDtype dtype, int head_dim, uint32_t seed, KvChannels channels = {}, int layers = 3, int pages = 7,
           int kv_heads = 2) {
    const size_t bytes = pool_bytes(dtype, layers, pages, kv_heads, head_dim, channels);
    storage.resize(bytes + 64);
    auto* base = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(storage.data()) + 63) / 64 * 64);
    std::mt19937 random(seed);
    for (size_t i = 0; i < bytes; i++) base[i] = static_cast<std::byte>(random());
    flat = FlatPool(base, dtype, layers, pages, kv_heads, head_dim, channels);
    view = flat.view();
  }
};

// Sections at addresses that are aligned to nothing.
struct Sections {
  std::vector<std::vector<std::byte>> storage;
  std::vector<std::byte*> pointers;

  Sections(const KvPoolView& view, size_t pages, int layers) {
    const int parts = sections_per_layer(view.dtype);
    for (int i = 0; i < parts * layers; i++) {
      storage.emplace_back(section_bytes(view, pages, static_cast<SectionPart>(i % parts)) + 1, std::byte{0xee});
      pointers.push_back(storage.back().data() + 1);
    }
  }
};

size_t element(KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kInt8:
      return 1;
    case KvDtype::kBf16:
      return 2;
    case KvDtype::kF32:
      return 4;
  }
  return 0;
}

// Where the pool keeps one dimension of one token, written down once more and independently.
const std::byte* pool_key(const KvPoolView& v, int layer, int page, int head, int token, int dim) {
  const std::byte* slice = v.slice(layer, page, head);
  if (v.dtype == KvDtype::kF32) return slice + 4 * (dim * 16 + token);
  if (v.dtype == KvDtype::kInt8) return slice + dim / 4 * 64 + 4 * token + dim % 4;
  return slice + 4 * (dim / 2 * 16 + token) + 2 * (dim % 2);
}

const std::byte* pool_value(const KvPoolView& v, int layer, int page, int head, int token, int dim) {
  const std::byte* tile = v.slice(layer, page, head) + key_tile_bytes(v.dtype, v.head_dim);
  if (v.dtype == KvDtype::kF32) return tile + 4 * (token * v.head_dim + dim);
  if (v.dtype == KvDtype::kInt8) return tile + (token / 4 * v.head_dim + dim) * 4 + token % 4;
  return tile + 2 * ((token / 2 * v.head_dim + dim) * 2 + token % 2);
}

void the_stored_layout_is_head_token_dim(KvDtype dtype, int head_dim) {
  TestPool pool(dtype, head_dim, 7);
  const KvPoolView& v = pool.view;
  const std::vector<int32_t> pages{5, 0, 3};
  Sections sections(v, pages.size(), 2);
  export_block(v, {pages, 1, 3, sections.pointers});
  const size_t size = element(dtype);
  const int tokens = 16 * static_cast<int>(pages.size());
  for (int layer = 1; layer < 3; layer++)
    for (int head = 0; head < v.kv_heads; head++)
      for (int token = 0; token < tokens; token++)
        for (int dim = 0; dim < head_dim; dim++) {
          const size_t at = size * ((static_cast<size_t>(head) * tokens + token) * head_dim + dim);
          const int page = pages[token / 16], slot = token % 16;
          const int first = sections_per_layer(dtype) * (layer - 1);
          const std::byte* key = sections.pointers[first] + at;
          const std::byte* value = sections.pointers[first + 1] + at;
          expect(!std::memcmp(key, pool_key(v, layer, page, head, slot, dim), size), "K is [head][token][dim]");
          expect(!std::memcmp(value, pool_value(v, layer, page, head, slot, dim), size), "V is [head][token][dim]");
        }
}

// The scales of int8 are [head][token], those of V inverted.
void scales_are_head_token() {
  TestPool pool(KvDtype::kInt8, 64, 9);
  const KvPoolView& v = pool.view;
  const std::vector<int32_t> pages{2, 4};
  Sections sections(v, pages.size(), 1);
  export_block(v, {pages, 1, 2, sections.pointers});
  for (int head = 0; head < v.kv_heads; head++)
    for (int token = 0; token < 32; token++) {
      const size_t at = 4 * (static_cast<size_t>(head) * 32 + token);
      const std::byte* scales = v.slice(1, pages[token / 16], head) + 2 * 64 * 16;
      expect(!std::memcmp(sections.pointers[2] + at, scales + 4 * (token % 16), 4), "K scales are [head][token]");
      expect(!std::memcmp(sections.pointers[3] + at, scales + 64 + 4 * (token % 16), 4), "V scales are [head][token]");
    }
}

// Makes scales of random bits such as appending leaves them: one part follows from another.
void settle_scales(const KvPoolView& v) {
  if (v.dtype != KvDtype::kInt8) return;
  for (int layer = 0; layer < v.layers; layer++)
    for (int page = 0; page < v.pages; page++)
      for (int head = 0; head < v.kv_heads; head++) {
        SliceScales& scales = scales_of(v.slice(layer, page, head), v.head_dim);
        for (int slot = 0; slot < kPageTokens; slot++)
          set_value_scale(scales, slot, 1.0f + static_cast<float>((layer * 31 + page * 7 + head * 3 + slot) % 50));
      }
}

bool same_page(const KvPoolView& a, int page_a, const KvPoolView& b, int page_b, int layer) {
  for (int head = 0; head < a.kv_heads; head++)
    if (std::memcmp(a.slice(layer, page_a, head), b.slice(layer, page_b, head), slice_bytes(a.dtype, a.head_dim))) return false;
  return true;
}

void every_bit_comes_back_and_nothing_else_changes(KvDtype dtype, int head_dim) {
  TestPool from(dtype, head_dim, 1), to(dtype, head_dim, 2), untouched(dtype, head_dim, 2);
  settle_scales(from.view);
  const std::vector<int32_t> source{6, 2, 4, 1}, target{0, 3, kSkippedPage, 5};
  Sections sections(from.view, source.size(), 2);
  export_block(from.view, {source, 0, 2, sections.pointers});
  import_block(to.view, {target, 0, 2, sections.pointers});
  for (int layer = 0; layer < 3; layer++)
    for (int page = 0; page < 7; page++) {
      int origin = -1;
      for (size_t i = 0; i < target.size(); i++)
        if (target[i] == page && layer < 2) origin = source[i];
      if (origin >= 0) expect(same_page(to.view, page, from.view, origin, layer), "an imported page has every bit");
      else expect(same_page(to.view, page, untouched.view, page, layer), "other pages and layers are untouched");
    }
}

// Metadata is not stored: what a page has of it after an import is what its keys give, in whatever pool they were made.
void metadata_is_made_of_imported_keys(KvDtype dtype) {
  const KvChannels channels = KvChannels().with(KvChannel::kKeyBounds);
  TestPool from(dtype, 64, 1), to(dtype, 64, 2, channels), untouched(dtype, 64, 2, channels);
  settle_scales(from.view);
  Sections sections(from.view, 2, 3);
  export_block(from.view, {std::vector<int32_t>{6, 2}, 0, 3, sections.pointers});
  import_block(to.view, {std::vector<int32_t>{4, kSkippedPage}, 1, 3, std::span(sections.pointers).subspan(
                                                                          static_cast<size_t>(sections_per_layer(dtype)))});
  std::vector<uint16_t> expected(2 * 64);
  for (int layer = 0; layer < 3; layer++)
    for (int page = 0; page < 7; page++)
      for (int head = 0; head < 2; head++) {
        const uint16_t* bounds = to.view.key_bounds(layer, page, head).least;
        if (layer > 0 && page == 4) attention::bound_keys(dtype, from.view.slice(layer, 6, head), 64, kPageTokens, expected.data());
        else std::copy_n(untouched.view.key_bounds(layer, page, head).least, expected.size(), expected.begin());
        expect(std::equal(expected.begin(), expected.end(), bounds), "an imported page has the metadata of its keys");
      }
}

void vector_kernels_agree_with_plain_ones(size_t dims) {
  if (!avx2_kernels()) return;
  std::mt19937 random(static_cast<uint32_t>(dims));
  std::vector<std::byte> in(64 * dims), plain(64 * dims), vector(64 * dims);
  for (auto& byte : in) byte = static_cast<std::byte>(random());
  const Kernels &a = scalar_kernels(), &b = *avx2_kernels();
  for (const auto kernel : {&Kernels::gather_rows, &Kernels::scatter_rows, &Kernels::split_pair, &Kernels::join_pair,
                            &Kernels::split_quad, &Kernels::join_quad}) {
    (a.*kernel)(in.data(), dims, plain.data());
    (b.*kernel)(in.data(), dims, vector.data());
    expect(plain == vector, "every kernel level moves the same bits");
  }
}

void what_the_pool_does_not_have_is_refused() {
  TestPool pool(KvDtype::kBf16, 32, 3);
  const auto check = [&](std::vector<int32_t> pages, int begin, int end, size_t sections, bool may_skip = true) {
    std::vector<std::byte*> pointers(sections, nullptr);
    require_valid(pool.view, {pages, begin, end, pointers}, may_skip);
  };
  check({0, kSkippedPage, 6}, 0, 3, 6);
  expect_fault("pages", "a page outside is refused", [&] { check({0, 7}, 0, 3, 6); });
  expect_fault("pages", "an export has no gaps", [&] { check({0, kSkippedPage}, 0, 3, 6, false); });
  expect_fault("pages", "a block has pages", [&] { check({}, 0, 3, 6); });
  expect_fault("layers", "a layer outside is refused", [&] { check({0}, 0, 4, 8); });
  expect_fault("layers", "an empty range of layers is refused", [&] { check({0}, 1, 1, 0); });
  expect_fault("sections", "a missing section is refused", [&] { check({0}, 0, 3, 5); });
}

void blocks_move_beside_each_other() {
  TestPool pool(KvDtype::kBf16, 64, 4);
  Sections sealed(pool.view, 1, 3);
  export_block(pool.view, {std::vector<int32_t>{6}, 0, 3, sealed.pointers});
  std::vector<std::thread> threads;
  for (int32_t t = 0; t < 4; t++) {
    threads.emplace_back([&pool, &sealed, t] {
      const std::vector<int32_t> mine{t}, shared{6};
      for (int i = 0; i < 50; i++) {
        Sections out(pool.view, 1, 3);
        export_block(pool.view, {shared, 0, 3, out.pointers});
        import_block(pool.view, {mine, 0, 3, sealed.pointers});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (int page = 0; page < 4; page++)
    for (int layer = 0; layer < 3; layer++)
      expect(same_page(pool.view, page, pool.view, 6, layer), "imports of different pages do not disturb each other");
}

}  // namespace

int main() {
  for (int head_dim = kMinHeadDim; head_dim <= kMaxHeadDim; head_dim += kHeadDimStep) {
    for (const KvDtype dtype : kKvDtypes) every_bit_comes_back_and_nothing_else_changes(dtype, head_dim);
    vector_kernels_agree_with_plain_ones(static_cast<size_t>(head_dim));
  }
  for (const int head_dim : {32, 48, 64, 128}) {
    for (const KvDtype dtype : kKvDtypes) the_stored_layout_is_head_token_dim(dtype, head_dim);
  }
  scales_are_head_token();
  for (const KvDtype dtype : kKvDtypes) metadata_is_made_of_imported_keys(dtype);
  what_the_pool_does_not_have_is_refused();
  blocks_move_beside_each_other();
  std::puts("block_transfer_test passed");
}
