#include "tests/client/registry_process.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callbook::testing {

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = std::filesystem::temp_directory_path() / "callbook-client-XXXXXX";
  path_ = ::mkdtemp(pattern.data());
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

RegistryProcess::~RegistryProcess() {
  if (pid_ != 0) kill9();
}

void RegistryProcess::start() {
  const char* binary = std::getenv("CALLBOOK_BIN");
  ASSERT_NE(binary, nullptr) << "CALLBOOK_BIN names the server";
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const std::string http = "127.0.0.1:" + std::to_string(port_);
  pid_ = ::fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ::execl(binary, binary, "server", "--node", "n1", "--data", directory_.path().c_str(), "--http",
            http.c_str(), "--refused-removal-ms", "1000", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::FILE* out = ::fdopen(pipe[0], "r");
  char line[512] = {};
  const bool read = std::fgets(line, sizeof line, out) != nullptr;
  std::fclose(out);
  ASSERT_TRUE(read) << "the server ended before it was ready";
  const std::string text(line);
  const size_t at = text.find("http=127.0.0.1:");
  ASSERT_NE(at, std::string::npos) << text;
  port_ = static_cast<uint16_t>(std::stoi(text.substr(at + 15)));
}

void RegistryProcess::kill9() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void RegistryProcess::stop() const {
  ::kill(pid_, SIGSTOP);
}

void RegistryProcess::go_on() const {
  ::kill(pid_, SIGCONT);
}

std::string RegistryProcess::ask(const std::string& method, const std::string& target,
                                 const std::string& body) const {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request =
        method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" +
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    EXPECT_EQ(::send(socket, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    char buffer[4'096];
    for (ssize_t got = 0; (got = ::recv(socket, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(got));
    }
  }
  ::close(socket);
  return answer;
}

ProviderProcess::~ProviderProcess() {
  if (pid_ != 0) kill9();
}

void ProviderProcess::start(const RegistryProcess& registry, const std::string& id, uint16_t port) {
  const char* binary = std::getenv("CALLBOOK_BIN");
  ASSERT_NE(binary, nullptr) << "CALLBOOK_BIN names the client too";
  const std::string endpoint = registry.endpoint();
  const std::string own_port = std::to_string(port);
  const std::string ttl_ms = std::to_string(kTtlMs);
  pid_ = ::fork();
  ASSERT_GE(pid_, 0);
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::execl(binary, binary, "register", "orders", "--id", id.c_str(), "--address", "127.0.0.1",
          "--port", own_port.c_str(), "--ttl-ms", ttl_ms.c_str(), "--registry", endpoint.c_str(),
          static_cast<char*>(nullptr));
  ::_exit(127);
}

void ProviderProcess::kill9() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void ProviderProcess::stop() const {
  ::kill(pid_, SIGSTOP);
}

void ProviderProcess::go_on() const {
  ::kill(pid_, SIGCONT);
}

}  // namespace callbook::testing
