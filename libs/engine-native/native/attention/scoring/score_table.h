// The scorers of one kernel level, see scoring.h. Internal to the attention folder.
#pragma once

#include "scoring.h"

namespace longhaul::attention {

/** What score_keys and score_labels have in common: no channels stand for all dimensions. */
struct KeyScoreJob {
  const AttentionProblem& problem;
  const QueryBlock& block;
  TokenRange candidates;
  HeadReduce reduce;
  const int32_t* channels;
  int channel_count;
};

struct ScoreTable {
  void (*key_bounds)(const ScoreJob& job, const PageList& candidates, HeadReduce reduce, float* out);
  void (*antidiagonal)(const ScoreJob& job, int stride, int unit_tokens, float* out);
  void (*vertical_slash)(const ScoreJob& job, float* columns, float* diagonals);
  void (*keys)(const KeyScoreJob& job, float* out);
};

/** The reference, for every KV type. */
extern const ScoreTable kScalarScores;

#if defined(__x86_64__)
extern const ScoreTable kAvx2Bf16Scores;
extern const ScoreTable kAvx2F32Scores;
extern const ScoreTable kAvx2Int8Scores;
extern const ScoreTable kAvx512Bf16Scores;
extern const ScoreTable kAvx512F32Scores;
extern const ScoreTable kAvx512DotBf16Scores;
extern const ScoreTable kAvx512VnniInt8Scores;
#endif

}  // namespace longhaul::attention
