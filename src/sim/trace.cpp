#include "sim/trace.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

template <typename T>
bool holds(const std::vector<T>& list, T value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

void Trace::add(TraceLine line) {
  lines_[added_++ % kMostLines] = std::move(line);
}

void Trace::name_node(size_t node, std::string name) {
  if (node_names_.size() <= node) node_names_.resize(node + 1);
  node_names_[node] = std::move(name);
}

bool Trace::mentions(const TraceLine& line, const Focus& focus) const {
  const bool about_nobody =
      line.key == kNobody && line.session == kNobody && line.process == kNobody;
  if (about_nobody) return true;
  if (line.key != kNobody) {
    if (holds(focus.keys, line.key)) return true;
    if (holds(focus.services, truth_.key(line.key).service)) return true;
  }
  if (line.session != kNobody) {
    if (holds(focus.sessions, line.session)) return true;
    if (holds(focus.processes, truth_.session(line.session).process)) return true;
  }
  return line.process != kNobody && line.key == kNobody && holds(focus.processes, line.process);
}

std::string Trace::text_of(const TraceLine& line) const {
  std::string text = fmt::format("{:9.3f} s  ", static_cast<double>(line.time_ms) / 1000);
  if (line.node != kNobody) {
    text += line.node < node_names_.size() ? node_names_[line.node]
                                           : fmt::format("node #{}", line.node);
    text += ": ";
  }
  text += line.event;
  if (line.key != kNobody) {
    const core::InstanceKey& key = truth_.key(line.key).key;
    text += fmt::format(" {}/{}", key.service.name, key.id);
  }
  if (line.rev != 0) text += fmt::format(" rev {}", line.rev);
  if (line.process != kNobody) text += fmt::format(" of process {}", line.process);
  if (line.session != kNobody) {
    text += fmt::format(" session #{} {}", line.session,
                        to_text(truth_.session(line.session).id).substr(0, 6));
  }
  if (line.epoch != 0) text += fmt::format(" epoch {}", line.epoch);
  if (line.stamp != core::Stamp{}) {
    text += fmt::format(" stamp {}.{}@{:x}", line.stamp.wall_ms(), line.stamp.hlc & 0xFFFF,
                        line.stamp.node);
  }
  if (!line.detail.empty()) text.append(" (").append(line.detail).append(")");
  if (!line.text.empty()) text.append(" ").append(line.text);
  return text;
}

std::string Trace::print(const Focus& focus) const {
  const uint64_t first = added_ > kMostLines ? added_ - kMostLines : 0;
  std::vector<uint64_t> chosen;
  for (uint64_t i = added_; i > first && chosen.size() < most_printed_; --i) {
    if (mentions(lines_[(i - 1) % kMostLines], focus)) chosen.push_back(i - 1);
  }
  std::string text;
  for (auto it = chosen.rbegin(); it != chosen.rend(); ++it) {
    text += text_of(lines_[*it % kMostLines]);
    text += '\n';
  }
  return text;
}

}  // namespace callbook::sim
