#include "node/board.h"

namespace callbook::node {

void Board::put(const CoreReport& report) {
  const std::lock_guard lock(mutex_);
  core_ = report;
}

void Board::put(size_t front, const FrontReport& report) {
  const std::lock_guard lock(mutex_);
  fronts_[front] = report;
}

void Board::set_state(std::string state) {
  const std::lock_guard lock(mutex_);
  state_ = std::move(state);
}

Board::Snapshot Board::snapshot() const {
  const std::lock_guard lock(mutex_);
  return {state_, core_, fronts_};
}

}  // namespace callbook::node
