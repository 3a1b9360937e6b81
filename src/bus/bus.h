#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace callbook::bus {

/// The two streams of a bus (docs/formats/bus.md).
enum class Stream : uint8_t {
  kTied = 0,    ///< messages are dropped at an age of 24 h
  kLasting = 1  ///< messages are kept until a later one of their key replaces them
};
inline constexpr size_t kStreamCount = 2;

constexpr size_t index_of(Stream stream) {
  return static_cast<size_t>(stream);
}
/// "tied", "lasting".
std::string_view name_of(Stream stream);

/// A place in a stream. Versions grow within a generation, with gaps; a stream that was made anew
/// is another generation. Generation 0 is none.
struct Position {
  uint64_t generation = 0;
  uint64_t version = 0;

  auto operator<=>(const Position&) const = default;
};
using Positions = std::array<Position, kStreamCount>;  ///< index by index_of(Stream)

/// Where the streams end. The first after start() or Lost says that the bus can be reached, those
/// that follow every few seconds that it still can. Within a connection a head is never below what
/// batches before it have brought, unless the stream really has been shortened.
struct Heads {
  Positions heads;
};

/// The bus can't be reached, or does not answer for its streams. What was in flight has been
/// settled as failed before this event. Comes once for each time that Heads had come.
struct Lost {
  std::string why;  ///< one sentence for people
};

/// What came of a publication. Failed: it may or may not have been lost.
struct Settled {
  uint64_t ticket = 0;
  bool acknowledged = false;
};

struct Message {
  uint64_t version = 0;
  std::string_view key;
  std::string_view value;
};

/// All messages that the stream held with versions above `after`, through `through`, in order, when
/// they were read. May be empty: then nothing is held there any more. Owns the bytes.
class Batch {
 public:
  Stream stream = Stream::kTied;
  uint64_t generation = 0;
  uint64_t after = 0;
  uint64_t through = 0;

  void add(uint64_t version, std::string_view key, std::string_view value);
  size_t size() const { return places_.size(); }
  size_t size_bytes() const { return bytes_.size(); }
  /// Views are valid as long as the batch is neither changed nor moved.
  Message operator[](size_t i) const;

 private:
  struct Place {
    uint64_t version;
    size_t begin;
    size_t key_end;
    size_t value_end;
  };
  std::string bytes_;
  std::vector<Place> places_;
};

/// What another node has broadcast.
struct Beat {
  std::string bytes;
};

/// The bus answers, but its streams must not be used: `error.detail` shows what was wanted and what
/// was found. Comes once for each different reason; the bus goes on looking, and the Heads come
/// when an operator has mended it.
struct Refused {
  base::Error error;
};

/// An attempt to reach the bus has failed. Comes once for each different reason, and only while no
/// Heads have come since start() or Lost.
struct Unreachable {
  std::string why;  ///< one sentence for people
};

using Event = std::variant<Heads, Lost, Settled, Batch, Beat, Refused, Unreachable>;

/// A message to publish. The ticket comes back in Settled; unique among those not settled.
struct Publication {
  Stream stream = Stream::kTied;
  uint64_t ticket = 0;
  std::string_view key;  ///< 1 to kMaxKeyBytes bytes, any
  std::string_view value;
};

/// The longest key that every bus takes.
inline constexpr size_t kMaxKeyBytes = 1'024;

/// The ordered, compacted log of records between nodes: the contract that every bus keeps, and that
/// tests/bus proves of each.
///
/// Threads: start() … take() are called from one thread, the core's. They never wait for the
/// network. What happens is an Event, taken by take() in the order in which it came; a bus calls
/// the `wake` that it was made with, on any thread and with nothing locked, when there is something
/// to take and there was nothing before. Once stop() has returned, no wake comes and nothing is to
/// take.
///
/// Promises:
/// - Batches of a stream come in order and each begins at most where the one before it ended, until
///   a fetch() or a new generation moves the place; after that some may come again. Nothing is ever
///   left out silently: a batch says from where it begins.
/// - After any version, reading on yields for every key at least its last message. Replaced ones
/// may
///   be left out, and messages of the tied stream that have aged.
/// - A node is pushed what it has published itself, like all else.
/// - Every publication is settled once, in the order in which answers came. An acknowledged one is
///   held by the bus: it survives the death of any one server of three, and kill -9 of a single
///   one.
/// - A beat reaches the other nodes that can be reached now, or is lost. It never comes back to its
///   sender. It may arrive while the streams can't be used.
///
/// Not promised: that messages come once; that a bus never forgets (it acknowledges before its
/// disks do, and of three servers that all die at once the replicas may differ when they are back).
/// Callers merge, announce again, and compare digests.
class Bus {
 public:
  virtual ~Bus() = default;

  /// Begins to connect, and goes on until stop(). Called once.
  virtual void start() = 0;
  /// Ends all of it. What is in flight is settled nowhere. May wait for one attempt to connect.
  virtual void stop() = 0;

  /// Borrows until it returns. While the bus is away, and beyond the bus's bound on what is in
  /// flight, publications fail at once.
  virtual void publish(std::span<const Publication> publications) = 0;

  /// Asks for all messages above `after`, as batches. One that is already on its way is not begun
  /// again. An `after` of another generation than the stream's, or beyond its end, is answered by
  /// Heads alone. Repeat it until it is answered: a lost connection forgets it.
  virtual void fetch(Stream stream, Position after) = 0;

  virtual void broadcast(std::string_view beat) = 0;

  /// All that has happened since the last call.
  virtual std::vector<Event> take() = 0;
};

}  // namespace callbook::bus
