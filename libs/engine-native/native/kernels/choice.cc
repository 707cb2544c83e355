#include "choice.h"

#include "../fault.h"

namespace longhaul::kernels {
namespace {

/** "attention/bf16" and so on. */
std::string attention_name(KvDtype dtype) { return std::string("attention/") + traits_of(dtype).name; }

struct LinearType {
  const char* name;
  int bits;
};
constexpr LinearType kLinear[] = {{"linear/int8", 8}, {"linear/int4", 4}};

std::vector<std::string> names_of(cpu::Features features) {
  std::vector<std::string> names;
  for (size_t i = 0; i < std::size(cpu::kFeatureNames); ++i)
    if (features.has(static_cast<cpu::Feature>(i))) names.push_back(cpu::kFeatureNames[i]);
  return names;
}

template <class Table>
Operator describe(const std::string& name, std::span<const cpu::Candidate<Table>> candidates) {
  Operator result{name, {}};
  for (const auto& candidate : candidates)
    result.levels.push_back({candidate.level, names_of(candidate.needs), candidate.supported()});
  return result;
}

template <class Table>
const Table* table_of(std::span<const cpu::Candidate<Table>> candidates, const std::string& name,
                      const std::string& level) {
  const cpu::Candidate<Table>* found = cpu::find(candidates, level);
  if (found != nullptr && found->supported()) return found->table;
  std::string right;
  for (const auto& candidate : candidates)
    if (candidate.supported()) right += (right.empty() ? "" : ", ") + std::string(candidate.level);
  throw invalid("kernels", name + (found != nullptr ? ": this processor does not run " : ": there is no level ") + level +
                               ", but " + right);
}

}  // namespace

std::vector<Operator> operators() {
  std::vector<Operator> all;
  for (const KvDtype dtype : kKvDtypes)
    all.push_back(describe(attention_name(dtype), attention_candidates(dtype)));
  for (const LinearType& type : kLinear) all.push_back(describe(type.name, linear::linear_candidates(type.bits)));
  return all;
}

Choice::Choice() {
  for (const KvDtype dtype : kKvDtypes)
    attention_[static_cast<size_t>(dtype)] = cpu::last_supported(attention_candidates(dtype)).table;
  for (const LinearType& type : kLinear)
    linear_[type.bits == 4 ? 1 : 0] = cpu::last_supported(linear::linear_candidates(type.bits)).table;
}

OperatorType operator_type(const std::string& name) {
  for (const KvDtype dtype : kKvDtypes)
    if (name == attention_name(dtype)) return {true, dtype, 0};
  for (const LinearType& type : kLinear)
    if (name == type.name) return {false, {}, type.bits};
  throw invalid("kernels", "there is no operator " + name);
}

void Choice::set(const std::string& operator_name, const std::string& level) {
  const OperatorType type = operator_type(operator_name);
  if (type.is_attention) {
    attention_[static_cast<size_t>(type.kv_dtype)] = table_of(attention_candidates(type.kv_dtype), operator_name, level);
  } else {
    linear_[type.bits == 4 ? 1 : 0] = table_of(linear::linear_candidates(type.bits), operator_name, level);
  }
}

}  // namespace longhaul::kernels
