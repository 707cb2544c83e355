// Which kernels a session uses: one level for every operator and element type.
#pragma once

#include <array>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "../attention/attention.h"
#include "../linear/linear.h"

namespace longhaul::kernels {

/** A level of an operator, as tools see it. */
struct Level {
  std::string name;
  /** Names of the instruction sets that it needs. */
  std::vector<std::string> needs;
  bool supported;
};

struct Operator {
  /** "attention/bf16": the operator and the type of the KV, or of the weights. */
  std::string name;
  /** As cpu::Candidate lists them: "scalar" first. */
  std::vector<Level> levels;
};

/** All operators with the levels that this build has for them. */
std::vector<Operator> operators();

/** What an operator works on. */
struct OperatorType {
  bool is_attention;
  /** Of attention. */
  KvDtype kv_dtype;
  /** Of the weights of linear layers. */
  int bits;
};

/** Throws Fault INVALID_ARGUMENT with field "kernels" where operators() has no such name. */
OperatorType operator_type(const std::string& name);

/** The kernels of a session. Until somebody chooses: the last level of each operator that runs here. */
class Choice {
 public:
  Choice();

  /** Throws Fault INVALID_ARGUMENT with field "kernels" where there is no such operator, or no such level here. */
  void set(const std::string& operator_name, const std::string& level);

  const attention::KernelTable* attention(KvDtype dtype) const { return attention_[static_cast<size_t>(dtype)]; }
  const linear::Kernels* linear(int bits) const { return linear_[bits == 4 ? 1 : 0]; }

 private:
  std::array<const attention::KernelTable*, std::size(kKvDtypes)> attention_{};
  std::array<const linear::Kernels*, 2> linear_{};
};

}  // namespace longhaul::kernels
