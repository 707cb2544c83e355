// What every operator declares to ONNX Runtime: types, which operands may be left out, how many outputs there are, and which
// inputs the host reads, so that a provider that computes elsewhere can run the same graph.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "../embedding_packed.h"
#include "../gated_activation.h"
#include "../linear_nbits.h"
#include "../paged_attention.h"
#include "../rope_table.h"

namespace {

using namespace longhaul;

void expect_equal(const std::string& got, const std::string& want, const char* what) {
  if (got == want) return;
  std::fprintf(stderr, "failed: %s declares\n  %s\nand not\n  %s\n", what, got.c_str(), want.c_str());
  std::exit(1);
}

std::string type_name(ort::ElementType type) {
  switch (type) {
    case ort::kFloat: return "f32";
    case ort::kUint8: return "u8";
    case ort::kInt32: return "i32";
    case ort::kInt64: return "i64";
    case ort::kFloat16: return "f16";
    default: return "?";
  }
}

std::string suffix(ort::Characteristic kind) { return kind == ort::kOptional ? "?" : kind == ort::kVariadic ? "+" : ""; }

// As the library asks: for instance `f32 i64@cpu f32? -> f32+`.
std::string declaration_of(const ort::CustomOp& op) {
  std::string text;
  for (size_t i = 0; i < op.GetInputTypeCount(&op); i++) {
    const bool on_host = op.GetInputMemoryType(&op, i) == ort::kCpuInput;
    text += type_name(op.GetInputType(&op, i)) + suffix(op.GetInputCharacteristic(&op, i)) + (on_host ? "@cpu " : " ");
  }
  text += "->";
  for (size_t i = 0; i < op.GetOutputTypeCount(&op); i++)
    text += " " + type_name(op.GetOutputType(&op, i)) + suffix(op.GetOutputCharacteristic(&op, i));
  return text;
}

template <class Kernel>
void expect_declaration(const std::string& want) {
  expect_equal(declaration_of(ops::DeclaredOp<Kernel>()), want, Kernel::kName);
}

// No operator of ours has several outputs of different types yet: a declaration of them must not be lost.
struct TwoOutputs {
  static constexpr const char* kName = "TwoOutputs";
  static constexpr ops::InputSpec kInputs[] = {{ort::kInt32, ort::kOptional, ort::kCpuInput}};
  static constexpr ops::OutputSpec kOutputs[] = {{ort::kFloat}, {ort::kInt32, ort::kOptional}};
};

}  // namespace

int main() {
  expect_declaration<ops::PagedAttention>("f32 i64@cpu f32? f32? f32? f32? -> f32");
  expect_declaration<ops::RopeTable>("i64@cpu -> f32+");
  expect_declaration<ops::GatedActivation>("f32 -> f32");
  expect_declaration<ops::LinearNBits>("f32 u8 f16 f32? -> f32");
  expect_declaration<ops::EmbeddingPacked>("i32 u8 f16 -> f32");
  expect_declaration<TwoOutputs>("i32?@cpu -> f32 i32?");
  const ops::DeclaredOp<ops::RopeTable> variadic;
  expect_equal(std::to_string(variadic.GetVariadicOutputMinArity(&variadic)), "1", "the fewest of a kind");
  std::puts("declarations_test passed");
}
