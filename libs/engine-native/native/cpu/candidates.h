// Kernels of one operator and element type that may stand in for each other, of which a session uses one.
#pragma once

#include <span>
#include <string_view>

#include "features.h"

namespace longhaul::cpu {

/**
 * One set of kernels. Tables of candidates begin with "scalar", the reference in plain loops, which needs nothing; the
 * others follow in the order of their instruction sets. The order says nothing about speed.
 */
template <class Table>
struct Candidate {
  /** The level's name; the same name means the same instruction sets in all tables. */
  const char* level;
  Features needs;
  const Table* table;

  bool supported() const { return host_features().contains(needs); }
};

/** The candidate of that name, or null. */
template <class Table>
const Candidate<Table>* find(std::span<const Candidate<Table>> candidates, std::string_view level) {
  for (const Candidate<Table>& candidate : candidates)
    if (candidate.level == level) return &candidate;
  return nullptr;
}

/** The last one that runs here: what is used where nobody has measured. */
template <class Table>
const Candidate<Table>& last_supported(std::span<const Candidate<Table>> candidates) {
  const Candidate<Table>* last = &candidates.front();
  for (const Candidate<Table>& candidate : candidates)
    if (candidate.supported()) last = &candidate;
  return *last;
}

}  // namespace longhaul::cpu
