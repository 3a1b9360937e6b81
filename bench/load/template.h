#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace callbook::load {

/// What differs from one text of a template to the next.
struct Variables {
  uint64_t sequence = 0;     ///< the instance's number: its id, address and values come from it
  uint64_t service = 0;      ///< the number of its service
  std::string_view session;  ///< 32 characters
};

/// A text with gaps of fixed width, so that making one more request is a copy and a few patches.
class Template {
 public:
  enum class Gap : uint8_t {
    kSequence,  ///< decimal, zero-padded
    kService,   ///< decimal, zero-padded
    kAddress,   ///< "10.1dd.1dd.1dd", a million of them
    kSession,
    kValue,  ///< hexadecimal, different for every sequence and place
  };

  Template& text(std::string_view bytes);
  Template& gap(Gap gap, size_t width);

  void append(std::string& out, const Variables& variables) const;
  std::string make(const Variables& variables) const;
  size_t bytes() const { return skeleton_.size(); }

 private:
  struct Place {
    Gap gap;
    uint32_t salt;  ///< counts the kValue places
    size_t at;
    size_t width;
  };

  std::string skeleton_;
  std::vector<Place> places_;
};

}  // namespace callbook::load
