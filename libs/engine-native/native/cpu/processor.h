// Which processor this is, as far as it tells.
#pragma once

#include <cstring>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace longhaul::cpu {

struct Processor {
  /** "GenuineIntel"; empty where the processor does not tell. */
  std::string vendor;
  std::string name;
  int family = 0;
  int model = 0;
  int stepping = 0;
};

#if defined(__x86_64__)

inline Processor processor() {
  Processor result;
  unsigned words[4] = {};
  if (__get_cpuid(0, &words[0], &words[1], &words[2], &words[3]) == 0) return result;
  const unsigned vendor[] = {words[1], words[3], words[2]};
  result.vendor.assign(reinterpret_cast<const char*>(vendor), sizeof vendor);
  if (__get_cpuid(1, &words[0], &words[1], &words[2], &words[3]) != 0) {
    const int family = (words[0] >> 8) & 15, model = (words[0] >> 4) & 15;
    result.stepping = words[0] & 15;
    result.family = family == 15 ? family + ((words[0] >> 20) & 255) : family;
    result.model = family == 6 || family == 15 ? model | ((words[0] >> 12) & 0xf0) : model;
  }
  char name[49] = {};
  for (unsigned leaf = 0; leaf < 3; ++leaf) {
    if (__get_cpuid(0x80000002 + leaf, &words[0], &words[1], &words[2], &words[3]) == 0) return result;
    std::memcpy(name + 16 * leaf, words, sizeof words);
  }
  const char* begin = name + std::strspn(name, " ");
  result.name.assign(begin, std::strlen(begin));
  while (!result.name.empty() && result.name.back() == ' ') result.name.pop_back();
  return result;
}

#else

inline Processor processor() { return {}; }

#endif

}  // namespace longhaul::cpu
