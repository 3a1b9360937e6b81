#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "load/response_scanner.h"
#include "load/socket.h"

namespace callbook::load {

struct Answer {
  int status = 0;
  std::string body;
};

/// A blocking client on one connection, for what is not measured and for the single change whose
/// effect is. Fails the program when an answer takes longer than 60 s.
class Client {
 public:
  explicit Client(uint16_t port);

  void send(std::string_view request);
  Answer receive();
  /// send(), then receive(); fails the program unless the status is `expected`.
  std::string call(std::string_view request, int expected);

 private:
  Socket socket_;
  ResponseScanner scanner_;
  std::string buffer_;
};

/// The text of a string member in a JSON answer that has no escapes; fails the program if there is
/// none. `name` with quotes and colon.
std::string text_member(std::string_view json, std::string_view name);

/// The digest of a service's list, as the server gives it.
std::string list_digest(Client& client, std::string_view service);

}  // namespace callbook::load
