#include "load/client.h"

#include <cerrno>
#include <cstring>

#include "load/connection.h"
#include "load/event_scanner.h"
#include "load/fail.h"
#include "load/instance_texts.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace callbook::load {
namespace {

struct AnswerSink {
  Answer answer;
  bool done = false;

  void on_head(int status) { answer.status = status; }
  void on_body(std::string_view part) { answer.body.append(part); }
  void on_end() { done = true; }
};

}  // namespace

Client::Client(uint16_t port) : socket_(connect_local(port)), buffer_(kReadBytes, '\0') {
  if (!socket_.is_open()) fail("port {} refuses", port);
  const timeval patience{60, 0};
  fcntl(socket_.fd(), F_SETFL, 0);
  setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket_.fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

void Client::send(std::string_view request) {
  while (!request.empty()) {
    const ssize_t count = ::send(socket_.fd(), request.data(), request.size(), MSG_NOSIGNAL);
    if (count < 0) fail("send: {}", std::strerror(errno));
    request.remove_prefix(static_cast<size_t>(count));
  }
}

Answer Client::receive() {
  AnswerSink sink;
  while (!sink.done) {
    const ssize_t count = recv(socket_.fd(), buffer_.data(), buffer_.size(), 0);
    if (count == 0) fail("the server closed a connection that was owed an answer");
    if (count < 0) fail("no answer: {}", std::strerror(errno));
    scanner_.feed(std::string_view(buffer_.data(), static_cast<size_t>(count)), sink);
  }
  return std::move(sink.answer);
}

std::string Client::call(std::string_view request, int expected) {
  send(request);
  Answer answer = receive();
  if (answer.status != expected) {
    fail("{} was answered {} {}", request.substr(0, request.find('\r')), answer.status,
         answer.body.substr(0, 500));
  }
  return std::move(answer.body);
}

std::string text_member(std::string_view json, std::string_view name) {
  const std::string_view text = Event{{}, json}.text_of(name);
  if (text.empty()) fail("no {} in {}", name, json.substr(0, 500));
  return std::string(text);
}

std::string list_digest(Client& client, std::string_view service) {
  const std::string body =
      client.call(request("GET", fmt::format("/v1/services/{}", service)), 200);
  return text_member(body, "\"digest\":");
}

}  // namespace callbook::load
