#pragma once

// Private to net's .cpp files: includes Boost.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "net/answer_queue.h"
#include "net/event_loop_impl.h"
#include "net/http_server.h"
#include "net/request_parser.h"
#include "net/response_stream.h"

namespace callbook::net {

class Connection;

/// What the connections of one server share; loop's thread only. Outlives the server while
/// something still holds a connection, but then all of them are closed and touch nothing borrowed.
class ServerContext : public std::enable_shared_from_this<ServerContext> {
 public:
  ServerContext(EventLoop& event_loop, HttpHandler& request_handler, HttpLimits http_limits);

  void add(std::shared_ptr<Connection> connection);
  void remove(Connection& connection);
  /// Lets the connection write what it owes at the end of this turn of the loop, with all others.
  void flush_soon(std::shared_ptr<Connection> connection);
  /// Beats that surely cover `duration_ms`.
  uint64_t beats(int64_t duration_ms) const;
  void on_beat();

  EventLoop& loop;
  HttpHandler& handler;
  const HttpLimits limits;
  const int64_t beat_ms;  ///< period of the sweep over all connections
  /// Time-outs are counted in sweeps that took place, not by the clock, so that a stall of this
  /// process is nobody else's delay. Nothing on the way of a request reads a clock.
  uint64_t beat = 0;
  bool stopping = false;
  HttpServerStats stats;
  std::vector<std::shared_ptr<Connection>> open;
  std::function<void()> on_all_closed;

 private:
  void flush_all();

  std::vector<std::shared_ptr<Connection>> dirty_;
  std::vector<std::shared_ptr<Connection>> flushing_;  ///< keeps its memory from turn to turn
};

/// One accepted connection. Reads and answers until either side ends it. Loop's thread only; held
/// by the context while open, by its read loop, and by exchanges that have not answered yet.
class Connection final : public HttpExchange::Sink,
                         public StreamCarrier,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerContext> context, Socket socket, std::string peer);

  void start() { read_on(); }
  /// Enforces time-outs and gives back memory; once per beat.
  void on_beat();
  /// Ends when what is under way is answered; streams end at once.
  void wind_down();
  /// Ends at once.
  void close(StreamEnd reason);
  /// Writes what is ready, and goes on with what that makes room for.
  void turn();

  void respond(uint64_t slot, HttpResponse response) override;
  StreamWaker stream(uint64_t slot, std::string_view content_type,
                     std::unique_ptr<StreamSource> source) override;
  bool closed() const override { return !socket_.is_open(); }
  void pump() override;

  size_t index = 0;  ///< in the context's list; the context's business
  bool flush_queued = false;

 private:
  enum class Phase : uint8_t { kWaiting, kIdle, kHeader, kBody, kWriting, kLingering };

  // The socket (http_connection_io.cpp)
  void read_on();
  asio::awaitable<void, Executor> read_loop(std::shared_ptr<Connection> self);
  bool wants_input();
  bool reads_unbuffered() { return resting_ || lingering_ || answers_.streams() > 0; }
  void prepare_parser();
  void on_readable();
  void on_input(size_t bytes);
  void on_read_error(boost::system::error_code error);
  void discard_input();
  void rest();
  void shed_memory();
  void write_answers();
  void await_writable();
  void linger();
  void set_stream_options(int64_t user_timeout_ms);

  // Requests and answers (http_connection.cpp)
  void parse_requests();
  bool can_parse();
  void dispatch();
  void refuse(const Refusal& refusal);
  void pump_pieces();
  bool pump_piece(std::shared_ptr<ResponseStream> stream);
  void append_piece(const SharedBytes& piece);
  void count_streams();
  void check_done();
  bool is_idle();
  Phase current_phase();
  void note_phase();
  void time_out(std::string_view part, int64_t limit_ms);
  /// Closes from a fresh stack: the caller may be inside a source's or a handler's call.
  void close_soon(StreamEnd reason);

  const std::shared_ptr<ServerContext> context_;
  Socket socket_;
  const SharedBytes peer_;
  std::unique_ptr<RequestParser> parser_;  ///< none while idle or streaming
  AnswerQueue answers_;

  Phase phase_ = Phase::kIdle;
  uint64_t phase_mark_ = 0;   ///< changes when a phase begins anew
  uint64_t phase_since_ = 0;  ///< beat
  uint64_t requests_ = 0;
  uint64_t last_input_beat_ = 0;
  uint64_t discarded_bytes_ = 0;
  size_t counted_streams_ = 0;  ///< of this connection in the server's figures

  bool reading_ = false;       ///< a read loop is running
  bool resting_ = true;        ///< waits for input without a buffer
  bool input_parsed_ = true;   ///< the parser has asked for more bytes
  bool last_request_ = false;  ///< no request follows on this connection
  bool peer_closed_ = false;   ///< FIN seen
  bool in_turn_ = false;
  bool pumping_ = false;
  bool awaiting_writable_ = false;
  bool lingering_ = false;
  bool failed_ = false;  ///< close_soon() is under way
  bool closed_ = false;
};

}  // namespace callbook::net
