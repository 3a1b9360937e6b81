#include "node/peer_line.h"

#include <utility>

#include <fmt/format.h>

#include "base/check.h"

namespace callbook::node {

void PeerLine::post(std::string_view path, std::string body, int64_t timeout_ms,
                    OnAnswer on_answer) {
  CALLBOOK_CHECK(!busy_);
  busy_ = true;
  net::ClientRequest request;
  request.method = net::Method::kPost;
  request.target = path;
  request.body = std::move(body);
  request.timeout_ms = timeout_ms;
  client_.send(std::move(request), [this, on_answer = std::move(on_answer)](
                                       const base::Result<net::ClientResponse>& response) {
    busy_ = false;
    if (!response.ok()) return on_answer(response.error());
    if (response->status == 200) return on_answer(response->body);
    using base::ErrorCode;
    const ErrorCode code = response->status == 404   ? ErrorCode::kNotFound
                           : response->status == 400 ? ErrorCode::kInvalid
                                                     : ErrorCode::kIo;
    on_answer(base::Error{code, "peer", fmt::format("was answered with {}", response->status),
                          std::nullopt});
  });
}

}  // namespace callbook::node
