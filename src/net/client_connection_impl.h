#pragma once

// Private to net's .cpp files: includes Boost.

#include <memory>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "base/result.h"
#include "net/event_loop_impl.h"
#include "net/http_client.h"

namespace callbook::net {

inline constexpr auto kClientResult = asio::as_tuple(asio::deferred);
inline constexpr uint32_t kMaxResponseHeaderBytes = 64 * 1024;

template <typename T = void>
using Task = asio::awaitable<T, Executor>;

/// A client's socket with its deadline. Loop's thread only; its coroutines must be awaited by
/// something that holds it.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(EventLoop& loop, std::string host, uint16_t port);

  /// Fails whatever is under way after `timeout_ms`.
  void set_deadline(int64_t timeout_ms);
  void clear_deadline();
  void close();

  /// Opens the connection unless it is open and its peer has kept it so. True: it was kept.
  Task<base::Result<bool>> ensure_open();
  Task<boost::system::error_code> write(const std::string& bytes);

  /// The request as it goes over the wire, or why it cannot.
  base::Result<std::string> serialize(const ClientRequest& request) const;
  base::Error failure(boost::system::error_code error) const;
  bool timed_out() const { return timed_out_; }
  Socket& socket() { return socket_; }
  boost::beast::flat_buffer& buffer() { return buffer_; }

 private:
  using Resolver = asio::ip::basic_resolver<Tcp, Executor>;

  bool is_usable();
  Task<boost::system::error_code> connect();

  const std::string host_;
  const uint16_t port_;
  Socket socket_;
  Resolver resolver_;
  SteadyTimer timer_;
  boost::beast::flat_buffer buffer_;
  int64_t timeout_ms_ = 0;
  uint64_t deadlines_ = 0;  ///< tells a late expiry from the present deadline
  bool timed_out_ = false;
};

}  // namespace callbook::net
