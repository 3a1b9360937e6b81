#include "load/template.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace callbook::load {
namespace {

void put_decimal(char* out, size_t width, uint64_t number) {
  for (size_t at = width; at-- > 0; number /= 10) out[at] = static_cast<char>('0' + number % 10);
}

/// Only the first 16 characters differ; what follows stays as the skeleton has it.
void put_hexadecimal(char* out, size_t width, uint64_t number) {
  const size_t count = std::min<size_t>(width, 16);
  for (size_t at = 0; at < count; ++at, number >>= 4) out[at] = "0123456789abcdef"[number & 15];
}

}  // namespace

Template& Template::text(std::string_view bytes) {
  skeleton_.append(bytes);
  return *this;
}

Template& Template::gap(Gap gap, size_t width) {
  const auto salt = static_cast<uint32_t>(std::count_if(
      places_.begin(), places_.end(), [](const Place& place) { return place.gap == Gap::kValue; }));
  places_.push_back({gap, salt, skeleton_.size(), width});
  skeleton_.append(gap == Gap::kAddress ? "10.100.100.100" : std::string(width, 'x'));
  return *this;
}

void Template::append(std::string& out, const Variables& variables) const {
  const size_t begin = out.size();
  out.append(skeleton_);
  for (const Place& place : places_) {
    char* const at = out.data() + begin + place.at;
    switch (place.gap) {
      case Gap::kSequence:
        put_decimal(at, place.width, variables.sequence);
        break;
      case Gap::kService:
        put_decimal(at, place.width, variables.service);
        break;
      case Gap::kAddress:
        put_decimal(at + 4, 2, variables.sequence / 10'000 % 100);
        put_decimal(at + 8, 2, variables.sequence / 100 % 100);
        put_decimal(at + 12, 2, variables.sequence % 100);
        break;
      case Gap::kSession:
        std::memcpy(at, variables.session.data(), std::min(place.width, variables.session.size()));
        break;
      case Gap::kValue:
        put_hexadecimal(at, place.width, base::mix64(variables.sequence * 8 + place.salt + 1));
        break;
    }
  }
}

std::string Template::make(const Variables& variables) const {
  std::string out;
  append(out, variables);
  return out;
}

}  // namespace callbook::load
