#include "tests/bus/node.h"

#include <charconv>
#include <cstdio>
#include <utility>

#include <gtest/gtest.h>

namespace callbook::testing {

using bus::index_of;
using bus::Position;
using bus::Stream;

namespace {

unsigned long long as_printed(uint64_t number) {
  return number;
}

}  // namespace

Node::Node(std::unique_ptr<bus::Bus> bus) : bus_(std::move(bus)) {
  bus_->start();
}

Node::~Node() {
  stop();
}

void Node::stop() {
  if (bus_) bus_->stop();
}

void Node::pump() {
  for (const bus::Event& event : bus_->take()) {
    std::visit([this](const auto& one) { on(one); }, event);
  }
}

void Node::begin_at(Stream stream, Position position) {
  at_[index_of(stream)] = position;
}

uint64_t Node::publish(Stream stream, const std::string& key, const std::string& value) {
  publish_many(stream, {{key, value}});
  return last_ticket_;
}

void Node::publish_many(Stream stream,
                        const std::vector<std::pair<std::string, std::string>>& all) {
  std::vector<bus::Publication> publications;
  for (const auto& [key, value] : all) {
    in_flight_[++last_ticket_] = {key, value};
    publications.push_back({stream, last_ticket_, key, value});
  }
  bus_->publish(publications);
}

std::optional<bool> Node::settled(uint64_t ticket) const {
  const auto found = settled_.find(ticket);
  if (found == settled_.end()) return std::nullopt;
  return found->second;
}

void Node::on(const bus::Heads& event) {
  const bool fresh = !std::exchange(connected_, true);
  if (fresh) ++times_connected_;
  ++times_heads_;
  for (const Stream stream : {Stream::kTied, Stream::kLasting}) {
    const size_t s = index_of(stream);
    const Position head = event.heads[s];
    const Position before = std::exchange(heads_[s], head);
    asked_[s] = false;
    EXPECT_NE(head.generation, 0U);
    if (at_[s].generation == 0) {
      at_[s] = {head.generation, 0};
    } else if (at_[s].generation != head.generation || head.version < at_[s].version) {
      ++resets_;
      std::fprintf(stderr, "  [node] %s reset: %llx %llu, head %llx %llu\n",
                   std::string(bus::name_of(stream)).c_str(), as_printed(at_[s].generation),
                   as_printed(at_[s].version), as_printed(head.generation),
                   as_printed(head.version));
      at_[s] = {head.generation, 0};
    } else if (!fresh && at_[s].version >= before.version) {
      continue;  // push may still bring it
    }
    if (at_[s].version < head.version) ask(stream);
  }
}

void Node::on(const bus::Unreachable& event) const {
  EXPECT_FALSE(connected_) << event.why;
  EXPECT_FALSE(event.why.empty());
}

void Node::on(const bus::Lost&) {
  EXPECT_TRUE(connected_) << "lost without having been connected";
  connected_ = false;
}

void Node::on(const bus::Settled& event) {
  const auto sent = in_flight_.find(event.ticket);
  ASSERT_NE(sent, in_flight_.end()) << "ticket " << event.ticket << " settled twice, or never sent";
  settled_[event.ticket] = event.acknowledged;
  ++(event.acknowledged ? acknowledged_ : failed_);
  const std::string& value = sent->second.value;
  uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  if (event.acknowledged) {
    uint64_t& highest = acknowledged_numbers_[sent->second.key];
    highest = std::max(highest, number);
  }
  in_flight_.erase(sent);
}

void Node::on(const bus::Batch& event) {
  const size_t s = index_of(event.stream);
  EXPECT_LE(event.after, event.through);
  uint64_t last = event.after;
  for (size_t i = 0; i < event.size(); ++i) {
    EXPECT_GT(event[i].version, last) << "messages out of order, or outside of their batch";
    last = event[i].version;
  }
  EXPECT_LE(last, event.through);
  Position& at = at_[s];
  if (event.generation != at.generation || event.through <= at.version) {
    repeated_ += event.size();
    return;
  }
  if (event.after > at.version) return ask(event.stream);
  for (size_t i = 0; i < event.size(); ++i) {
    const bus::Message message = event[i];
    if (message.version <= at.version) {
      ++repeated_;
      continue;
    }
    ++messages_;
    records_[s][std::string(message.key)] = {message.version, std::string(message.value)};
  }
  at.version = event.through;
  asked_[s] = false;
  if (at.version < heads_[s].version) ask(event.stream);
}

void Node::ask(Stream stream) {
  if (std::exchange(asked_[index_of(stream)], true)) return;
  bus_->fetch(stream, at_[index_of(stream)]);
}

}  // namespace callbook::testing
