#include "sdk/fast_random.h"

#include <array>
#include <bit>
#include <random>

#include "sdk/split_mix.h"

namespace callbook::sdk {
namespace {

struct Generator {
  std::array<uint64_t, 4> state{};
  bool seeded = false;
};

// Constant at first, so that reaching it costs no check whether it is constructed.
constinit thread_local Generator generator;

void seed(Generator& fresh) {
  std::random_device device;
  SplitMix spread(uint64_t{device()} << 32 | device());
  for (uint64_t& word : fresh.state) word = spread.next();
  fresh.seeded = true;
}

}  // namespace

uint64_t fast_random() {
  Generator& own = generator;
  if (!own.seeded) [[unlikely]]
    seed(own);
  auto& s = own.state;
  const uint64_t result = std::rotl(s[0] + s[3], 23) + s[0];
  const uint64_t shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = std::rotl(s[3], 45);
  return result;
}

}  // namespace callbook::sdk
