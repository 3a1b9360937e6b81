#include "bus/bus.h"

namespace callbook::bus {

std::string_view name_of(Stream stream) {
  return stream == Stream::kTied ? "tied" : "lasting";
}

void Batch::add(uint64_t version, std::string_view key, std::string_view value) {
  const size_t begin = bytes_.size();
  bytes_.append(key).append(value);
  places_.push_back({version, begin, begin + key.size(), bytes_.size()});
}

Message Batch::operator[](size_t i) const {
  const Place& place = places_[i];
  const std::string_view all = bytes_;
  return {place.version, all.substr(place.begin, place.key_end - place.begin),
          all.substr(place.key_end, place.value_end - place.key_end)};
}

}  // namespace callbook::bus
