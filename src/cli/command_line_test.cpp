#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callbook::cli {
namespace {

using testing::HasSubstr;

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

Outcome run(std::vector<std::string> arguments) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.exit_code = run_command(std::move(arguments));
  std::fflush(stdout);
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  return outcome;
}

/// A port that nobody can listen on while this lives.
class RefusingPort {
 public:
  RefusingPort() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    endpoint_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~RefusingPort() { ::close(socket_); }
  RefusingPort(const RefusingPort&) = delete;
  RefusingPort& operator=(const RefusingPort&) = delete;
  const std::string& endpoint() const { return endpoint_; }

 private:
  int socket_;
  std::string endpoint_;
};

TEST(CommandLine, RefusesWhatMakesNoSense) {
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"fly"},
      {"get"},
      {"get", "a", "b"},
      {"get", "a", "--meta", "novalue"},
      {"watch"},
      {"register", "orders"},
      {"register", "orders", "--port", "70000"},
      {"register", "orders", "--port", "1", "--named-port", "grpc=0"},
      {"register", "orders", "--port", "1", "stray"},
      {"register", "orders", "--port", "1", "--"},
      {"get", "orders", "--", "true"},
      {"deregister", "orders"},
      {"deregister", "/o-1"},
      {"completion", "tcsh"},
  };
  for (const auto& arguments : cases) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << testing::PrintToString(arguments);
    EXPECT_NE(outcome.err, "") << testing::PrintToString(arguments);
  }
}

TEST(CommandLine, HelpsWithEveryVerb) {
  for (const char* verb :
       {"register", "deregister", "services", "get", "watch", "status", "version", "completion"}) {
    EXPECT_THAT(run({"--help"}).out, HasSubstr(std::string("\n  ") + verb + " "));
    const Outcome help = run({verb, "--help"});
    EXPECT_EQ(help.exit_code, 0) << verb;
    EXPECT_THAT(help.out, HasSubstr("Usage: callbook " + std::string(verb)));
  }
}

TEST(CommandLine, SaysWhichRegistryCannotBeReached) {
  const RefusingPort refusing;
  const std::string expected =
      "callbook: cannot reach the registry at " + refusing.endpoint() + ": Connection refused\n";
  for (const std::vector<std::string>& words : {std::vector<std::string>{"get", "orders"},
                                                {"services"},
                                                {"status"},
                                                {"deregister", "orders/o-1"}}) {
    std::vector<std::string> arguments = words;
    arguments.insert(arguments.end(), {"--registry", refusing.endpoint()});
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 1) << words.front();
    EXPECT_EQ(outcome.err, expected) << words.front();
    EXPECT_EQ(outcome.out, "") << words.front();
  }
}

TEST(CommandLine, TakesTheRegistryFromTheEnvironment) {
  const RefusingPort refusing;
  ::setenv("CALLBOOK_REGISTRY", refusing.endpoint().c_str(), 1);
  EXPECT_THAT(run({"status"}).err, HasSubstr(refusing.endpoint()));
  ::setenv("CALLBOOK_REGISTRY", "not a registry", 1);
  EXPECT_EQ(run({"status"}).exit_code, 1);
  ::unsetenv("CALLBOOK_REGISTRY");
}

TEST(CommandLine, AWrappedCommandsStatusIsItsOwn) {
  const RefusingPort refusing;
  const auto wrap = [&](std::vector<std::string> command) {
    std::vector<std::string> arguments = {
        "register", "orders", "--port", "0", "--registry", refusing.endpoint(), "--"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    return run(arguments).exit_code;
  };
  EXPECT_EQ(wrap({"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(wrap({"sh", "-c", "kill -9 $$"}), 137);
  EXPECT_EQ(wrap({"sh", "-c", "[ \"$CALLBOOK_SERVICE-$1\" = 'orders---json' ]", "sh", "--json"}),
            0);
  EXPECT_EQ(wrap({"no-such-command-callbook"}), 127);
  EXPECT_EQ(wrap({"/"}), 126);
}

TEST(CommandLine, ACommandWhosePortNeverOpensIsStopped) {
  const RefusingPort refusing;
  const std::string port = refusing.endpoint().substr(refusing.endpoint().find(':') + 1);
  const Outcome outcome = run({"register", "orders", "--port", port, "--wait-timeout", "0.1",
                               "--registry", refusing.endpoint(), "--", "sleep", "1000"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("nothing listens on 127.0.0.1:" + port));
}

TEST(CommandLine, CompletesEveryShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome outcome = run({"completion", shell});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("deregister"));
    EXPECT_THAT(outcome.out, HasSubstr("wait-timeout"));
  }
}

}  // namespace
}  // namespace callbook::cli
