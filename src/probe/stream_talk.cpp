#include "probe/stream_talk.h"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace callbook::probe {
namespace {

using net::ProbeOutcome;
using net::ProbeVerdict;

/// Of anything that a server sends, certificates and frames included. What is longer has failed.
constexpr size_t kMaxReceivedBytes = 262'144;

}  // namespace

StreamTalk::StreamTalk(std::unique_ptr<Exchange> exchange, std::unique_ptr<TlsClient> tls,
                       std::string_view protocol)
    : exchange_(std::move(exchange)), tls_(std::move(tls)), protocol_(protocol) {}

std::optional<ProbeVerdict> StreamTalk::proceed(int socket) {
  if (tls_ && !tls_->is_usable()) {
    return ProbeVerdict{ProbeOutcome::kUntested, 0, "not asked: the server name is none for TLS"};
  }
  if (auto verdict = send(socket)) return verdict;
  std::array<char, 4'096> buffer;
  for (;;) {
    const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EAGAIN) return std::nullopt;
    if (count < 0) return net::broken_off(errno);
    if (count == 0) return closed();
    received_ += static_cast<size_t>(count);
    if (auto verdict = take({buffer.data(), static_cast<size_t>(count)})) return verdict;
    if (received_ > kMaxReceivedBytes) {
      return ProbeVerdict{ProbeOutcome::kFailed, 0, "the answer has no end"};
    }
    if (auto verdict = send(socket)) return verdict;
  }
}

std::optional<ProbeVerdict> StreamTalk::send(int socket) {
  if (!tls_) {
    pending_ += exchange_->to_send();
  } else {
    if (tls_->is_open()) tls_->send(exchange_->to_send());
    pending_ += tls_->to_send();
  }
  while (!pending_.empty()) {
    const ssize_t sent = ::send(socket, pending_.data(), pending_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return std::nullopt;
    if (sent < 0) return net::broken_off(errno);
    pending_.erase(0, static_cast<size_t>(sent));
  }
  return std::nullopt;
}

std::optional<ProbeVerdict> StreamTalk::take(std::string_view bytes) {
  return tls_ ? take_tls(bytes) : exchange_->take(bytes);
}

std::optional<ProbeVerdict> StreamTalk::take_tls(std::string_view bytes) {
  std::string plain;
  const bool was_open = tls_->is_open();
  auto failure = tls_->take(bytes, plain);
  if (!was_open && tls_->is_open() && !protocol_.empty() && tls_->protocol() != protocol_) {
    return ProbeVerdict{ProbeOutcome::kFailed, 0,
                        "TLS: the server does not choose " + std::string(protocol_) + " (ALPN)"};
  }
  // What was said before it broke counts.
  if (!plain.empty()) {
    if (auto verdict = exchange_->take(plain)) return verdict;
  }
  if (!failure && tls_->was_closed()) return exchange_->closed();
  return failure;
}

ProbeVerdict StreamTalk::closed() const {
  if (!tls_ || tls_->is_open()) return exchange_->closed();
  return {ProbeOutcome::kFailed, 0, "TLS: closed during the handshake"};
}

ProbeVerdict StreamTalk::timed_out(int64_t timeout_ms) const {
  const bool in_handshake = tls_ && !tls_->is_open();
  return {ProbeOutcome::kSilent, 0,
          (in_handshake ? "TLS: no handshake within " : "connected, but no answer within ") +
              std::to_string(timeout_ms) + " ms"};
}

}  // namespace callbook::probe
