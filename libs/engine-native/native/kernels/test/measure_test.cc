// The measurement of kernels: that it measures all it is asked for, keeps its budget, and chooses nothing itself.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../measure.h"
#include "../choice.h"

using namespace longhaul;
using namespace longhaul::kernels;

namespace {

int passed = 0;

void require(bool condition, const char* rule) {
  if (!condition) {
    std::fprintf(stderr, "failed: %s\n", rule);
    std::exit(1);
  }
  ++passed;
}

std::vector<std::string> vector_levels(const std::string& name) {
  std::vector<std::string> levels;
  for (const Operator& op : operators())
    for (const Level& level : op.levels)
      if (op.name == name && level.supported && level.name != "scalar") levels.push_back(level.name);
  return levels;
}

MeasureRequest request_of(int threads) {
  MeasureRequest request;
  request.threads = threads;
  request.budget_ms = 1;
  for (const Operator& op : operators()) {
    MeasuredOperator asked{op.name, vector_levels(op.name), {KvDtype::kBf16, 6, 2, 48}, {}};
    if (!operator_type(op.name).is_attention)
      asked.matrices = {{144, 96, 3, true}, {96, 288, 3, true}, {5000, 96, 1, false}};
    request.operators.push_back(asked);
  }
  return request;
}

template <class Change>
void refuses(const char* field, Change change) {
  MeasureRequest request = request_of(1);
  change(request);
  try {
    validate(request);
  } catch (const Fault& fault) {
    require(std::strstr(fault.what(), field) != nullptr, field);
    return;
  }
  require(false, field);
}

}  // namespace

int main() {
  for (const int threads : {1, 3}) {
    const MeasureRequest request = request_of(threads);
    validate(request);
    const std::vector<Rate> rates = measure(request);
    size_t next = 0;
    for (const MeasuredOperator& asked : request.operators) {
      for (const std::string& level : asked.levels) {
        const Rate& rate = rates.at(next++);
        require(rate.operator_name == asked.name && rate.level == level, "every level that was asked for has its rates, in order");
        require(rate.runs >= 1, "every level runs once, however small the budget");
        require(rate.prefill_gops > 0 && rate.decode_gbps > 0, "prefill and decode have rates");
        std::printf("%-15s %-10s %d threads: %8.1f GOP/s %6.1f GB/s\n", asked.name.c_str(), level.c_str(), threads,
                    rate.prefill_gops, rate.decode_gbps);
      }
    }
    require(next == rates.size(), "nothing else is measured");
  }

  MeasureRequest head = request_of(1);
  head.operators = {{"linear/int8", {"scalar"}, {}, {{64, 1 << 18, 1, false}}}};
  const std::vector<Rate> rates = measure(head);
  require(rates.size() == 1 && rates[0].prefill_gops == 0 && rates[0].decode_gbps > 0,
          "a matrix that only decode passes is measured in decode");

  MeasureRequest wide = request_of(1);
  wide.operators = {{"attention/f32", {"scalar"}, {KvDtype::kF32, 64, 64, 256}, {}}};
  require(measure(wide).size() == 1, "the largest pages have room");

  refuses("threads", [](MeasureRequest& r) { r.threads = 0; });
  refuses("budgetMs", [](MeasureRequest& r) { r.budget_ms = 0; });
  refuses("headDim", [](MeasureRequest& r) { r.operators[0].attention.head_dim = 40; });
  refuses("kvHeads", [](MeasureRequest& r) { r.operators[0].attention.kv_heads = 4; });
  refuses("there is no operator", [](MeasureRequest& r) { r.operators[0].name = "attention/int3"; });
  refuses("there is no level", [](MeasureRequest& r) { r.operators[0].levels = {"sse9"}; });
  refuses("matrices", [](MeasureRequest& r) { r.operators.back().matrices.clear(); });
  refuses("cols", [](MeasureRequest& r) { r.operators.back().matrices[0].cols = 33; });
  std::printf("%d passed\n", passed);
}
