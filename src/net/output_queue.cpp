#include "net/output_queue.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/socket.h>
#include <sys/uio.h>

namespace callbook::net {
namespace {

constexpr size_t kCopyBelowBytes = 4 * 1024;  ///< copying is cheaper than one more segment
constexpr size_t kKeptTextBytes = 16 * 1024;  ///< largest string kept for reuse
constexpr size_t kMaxVector = 64;

}  // namespace

std::string& OutputQueue::text() {
  if (segments_.empty() || segments_.back().shared ||
      (segments_.back().owned.size() > kKeptTextBytes && !empty())) {
    segments_.emplace_back();
  }
  return segments_.back().owned;
}

void OutputQueue::append_owned(std::string bytes) {
  if (bytes.size() < kCopyBelowBytes) {
    text().append(bytes);
    return;
  }
  segments_.emplace_back().owned = std::move(bytes);
}

void OutputQueue::append(SharedBytes bytes, size_t begin, size_t end) {
  if (begin == end) return;
  Segment& segment = segments_.emplace_back();
  segment.shared = std::move(bytes);
  segment.begin = begin;
  segment.end = end;
}

size_t OutputQueue::unsent_bytes() const {
  size_t bytes = 0;
  for (size_t i = first_; i < segments_.size(); ++i) bytes += segments_[i].size();
  return bytes;
}

OutputQueue::Flush OutputQueue::flush(int socket) {
  while (!empty()) {
    const long written = write_once(socket);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno == EAGAIN ? Flush::kBlocked : Flush::kFailed;
    consume(static_cast<size_t>(written));
  }
  recycle();
  return Flush::kDone;
}

long OutputQueue::write_once(int socket) {
  if (first_ + 1 == segments_.size()) {
    const Segment& segment = segments_[first_];
    return ::send(socket, segment.data(), segment.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  std::array<iovec, kMaxVector> vector;
  size_t count = 0;
  for (size_t i = first_; i < segments_.size() && count < kMaxVector; ++i) {
    vector[count++] = {const_cast<char*>(segments_[i].data()), segments_[i].size()};
  }
  msghdr message{};
  message.msg_iov = vector.data();
  message.msg_iovlen = count;
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void OutputQueue::consume(size_t bytes) {
  sent_bytes_ += bytes;
  while (first_ < segments_.size()) {
    Segment& segment = segments_[first_];
    const size_t taken = std::min(bytes, segment.size());
    segment.begin += taken;
    bytes -= taken;
    if (segment.size() > 0) return;
    segment.shared.reset();  // a shared piece must not outlive its sending here
    segment.begin = segment.end = 0;
    segment.owned.clear();
    ++first_;
  }
}

void OutputQueue::recycle() {
  first_ = 0;
  const bool keep = !segments_.empty() && segments_[0].owned.capacity() <= kKeptTextBytes;
  segments_.resize(keep ? 1 : 0);
}

void OutputQueue::release() {
  if (empty()) std::vector<Segment>().swap(segments_);
}

}  // namespace callbook::net
