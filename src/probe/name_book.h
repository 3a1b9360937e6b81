#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace callbook::probe {

/// What came of looking a name up.
struct Lookup {
  enum class Outcome : uint8_t {
    kAddresses,   ///< it has these
    kNoSuchName,  ///< the resolver says that it has none (NXDOMAIN, or no address records)
    kNoAnswer,    ///< no resolver answered, or none could find out (SERVFAIL)
    kNotAsked     ///< this host could not ask
  };
  Outcome outcome = Outcome::kNotAsked;
  std::vector<std::string> addresses;  ///< IP, the best first
  std::string text;                    ///< why there are none, for operators
};

/// What is known of names, for a bounded time, and whether the resolver can be believed. A value:
/// time comes in, in ms of a steady clock.
class NameBook {
 public:
  static constexpr size_t kMostNames = 10'000;
  static constexpr int64_t kNoSuchNameMs = 2'000;
  static constexpr int64_t kNoAnswerMs = 1'000;
  /// A resolver is judged by the names asked for within this time, if there are so many.
  static constexpr int64_t kJudgedWithinMs = 30'000;
  static constexpr size_t kLeastJudged = 3;

  /// Addresses are kept for as long as their record says, at most `longest_ms`, at least 1 s.
  explicit NameBook(int64_t longest_ms) : longest_ms_(longest_ms) {}

  /// What is still known of `name`; null: look it up.
  const Lookup* find(const std::string& name, int64_t now_ms) const;
  /// Whether addresses that are still known are better asked for again, before they are not.
  bool is_ageing(const std::string& name, int64_t now_ms) const;

  /// `name` is being looked up.
  void begin(const std::string& name, int64_t now_ms);
  /// What came of it. `ttl_s` is of the record; 0 or less: not known.
  void finish(const std::string& name, Lookup lookup, int64_t ttl_s, int64_t now_ms);

  /// Whether most of the names asked for lately found no resolver that answers: then that one of
  /// them is not answered says nothing of it. A name that is still being looked up for the first
  /// time counts as not answered.
  bool resolver_in_doubt(int64_t now_ms);

  size_t size() const { return names_.size(); }

 private:
  struct Name {
    Lookup lookup;
    int64_t known_since_ms = 0;
    int64_t known_until_ms = INT64_MIN;
    int64_t asked_ms = 0;   ///< the latest time
    bool answered = false;  ///< by the latest look-up that is over
  };
  using Names = std::map<std::string, Name>;

  void forget_old(int64_t now_ms);
  void forget(Names::iterator name);
  Name& entry(const std::string& name, int64_t now_ms);

  const int64_t longest_ms_;
  Names names_;                                          ///< asked for within kJudgedWithinMs
  std::set<std::pair<int64_t, std::string>> by_asked_;  ///< all of these
  size_t answered_ = 0;                                  ///< of these
};

}  // namespace callbook::probe
