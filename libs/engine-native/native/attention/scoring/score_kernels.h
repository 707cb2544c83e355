// The scorers of a kernel level, from how it multiplies. Include it behind the level's `#pragma GCC target`, its Vec, and
// LONGHAUL_SCORES_256 or LONGHAUL_SCORES_512.
#pragma once

#include "antidiagonal.h"
#include "bounds_scores.h"
#include "key_scores.h"
#include "vertical_slash.h"

namespace longhaul::attention {
namespace {

/** Flat is one of flat_dot.h, Products one of token_products.h. */
template <class Flat, class Products>
constexpr ScoreTable kScoresOf{score_key_bounds_of<typename Products::V>, score_antidiagonal_of<Flat>, score_vertical_slash_of<Products>,
                               score_keys_of<Products>};

}  // namespace
}  // namespace longhaul::attention
