#include "sdk/system_random.h"

#include <memory>
#include <random>

namespace callbook::sdk {

Random system_random() {
  auto generator = std::make_shared<std::mt19937_64>(std::random_device{}());
  return [generator] { return std::uniform_real_distribution<double>(0.0, 1.0)(*generator); };
}

}  // namespace callbook::sdk
