#pragma once

#include <stdexcept>
#include <string>

namespace longhaul {

// What went wrong, as the TypeScript side needs to tell it apart.
enum class FaultKind { kInvalidArgument, kResourceExhausted, kCancelled, kFailedPrecondition, kInternal };

// The one exception of the native code. `field` names the argument at fault as the caller spells it, or is empty.
class Fault : public std::runtime_error {
 public:
  Fault(FaultKind kind, const std::string& message, std::string field = {})
      : std::runtime_error(message), kind(kind), field(std::move(field)) {}
  const FaultKind kind;
  const std::string field;
};

inline Fault invalid(const std::string& field, const std::string& message) {
  return Fault(FaultKind::kInvalidArgument, field + ": " + message, field);
}

}  // namespace longhaul
