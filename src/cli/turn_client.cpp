#include "cli/turn_client.h"

#include <utility>

namespace callbook::cli {

TurnClient::TurnClient(net::EventLoop& loop, sdk::RegistryPoolPtr registries, int64_t timeout_ms)
    : loop_(loop), registries_(std::move(registries)), timeout_ms_(timeout_ms) {}

bool TurnClient::turn() {
  const sdk::Endpoint* const current = registries_->current();
  if (current == nullptr) return false;
  if (endpoint_ != *current) {
    endpoint_ = *current;
    client_ = std::make_unique<sdk::NativeClient>(loop_, *endpoint_, timeout_ms_);
  }
  return true;
}

void TurnClient::leave() {
  client_.reset();
  endpoint_.reset();
}

void TurnClient::succeeded() {
  if (endpoint_) registries_->succeeded(*endpoint_);
}

void TurnClient::failed(const base::Error& error) {
  if (endpoint_) registries_->failed(*endpoint_, error);
}

}  // namespace callbook::cli
