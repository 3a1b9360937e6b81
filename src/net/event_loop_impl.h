#pragma once

// Private to net's .cpp files: the only headers that know Boost end in _impl.h.

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "net/event_loop.h"

namespace callbook::net {

namespace asio = boost::asio;

// The concrete executor instead of any_io_executor: smaller sockets and no indirect calls.
using Executor = asio::io_context::executor_type;
using Tcp = asio::ip::tcp;
using Socket = asio::basic_stream_socket<Tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;
using SteadyTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, Executor>;

struct EventLoop::Impl {
  // One thread runs the loop, others only post: the hint 1 keeps the locks that post() needs.
  asio::io_context io{1};
};

}  // namespace callbook::net
