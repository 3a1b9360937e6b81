// Who may connect to a server, and what a node believes of one: every way that Options knows,
// against a real server.

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bus/nats_surroundings.h"

namespace callbook::testing {
namespace {

using bus::Stream;

class NatsSecurity : public ::testing::Test {
 protected:
  void with(const std::string& configuration) {
    around_ = std::make_unique<NatsSurroundings>(1, kLongAgeMs, configuration);
  }
  bus::nats::Security& security() { return around_->options().security; }
  /// With the security() of this moment.
  Node& add_node() { return around_->add_node(); }

  /// What it publishes comes back to it: the account may do all that a node does.
  void expect_works(Node& node) {
    ASSERT_TRUE(around_->wait_until("connected", [&] { return node.connected(); }));
    const uint64_t ticket = node.publish(Stream::kTied, "k", "v");
    around_->wait_until("settled", [&] { return node.in_flight() == 0; });
    EXPECT_EQ(node.settled(ticket), true);
    around_->wait_until("brought", [&] { return node.messages() > 0; });
  }
  /// Its bus has tried, and was turned away. Nodes are numbered as they were added.
  void expect_turned_away(size_t index, const std::string& why) {
    around_->wait_until("turned away", [&] { return around_->logged(index, why) > 0; });
    EXPECT_EQ(around_->node(index).times_connected(), 0U);
  }

  /// Certificates that vouch for themselves: `good` and `nameless` for the server, with and without
  /// its address, `node` and `other`.
  void make_certificates() {
    const std::string script = path() + "/make";
    std::ofstream(script)
        << "set -e; cd " << path()
        << "; for who in good nameless node other; do test $who = nameless || ip=,IP:127.0.0.1; "
           "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
           "-subj /CN=$who -addext subjectAltName=DNS:bus.example$ip "
           "-keyout $who.key -out $who.pem; ip=; done";
    run("/bin/sh", script);
  }
  std::string server_tls(const std::string& who, const std::string& more = "") const {
    return "tls { cert_file: \"" + path() + "/" + who + ".pem\", key_file: \"" + path() + "/" +
           who + ".key\"" + more + " }";
  }
  void make_identities() {
    const char* const program = std::getenv("CALLBOOK_MAKE_IDENTITIES");
    ASSERT_NE(program, nullptr) << "names tests/bus/make_identities.py; run this by ctest or make";
    run("/usr/bin/python3", program, path());
  }
  const std::string& path() const { return directory_.path(); }

 private:
  static void run(const std::string& program, const std::string& first,
                  const std::string& second = "") {
    const pid_t made = ::fork();
    if (made == 0) {
      const char* const last = second.empty() ? nullptr : second.c_str();
      if (::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(126);
      ::execl(program.c_str(), program.c_str(), first.c_str(), last, static_cast<char*>(nullptr));
      ::_exit(127);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(made, &status, 0), made);
    ASSERT_EQ(status, 0) << program << " " << first << " has failed";
  }

  ScratchDirectory directory_;  // read until the last node is gone

 protected:
  std::unique_ptr<NatsSurroundings> around_;
};

TEST_F(NatsSecurity, OnlyTheRightTokenConnects) {
  with("authorization { token: \"s3cret\" }");
  const std::string file = path() + "/token";
  std::ofstream(file) << "wrong\n";
  security().token_file = file;
  Node& node = add_node();
  security() = {};
  security().token = "s3cret";
  expect_works(add_node());
  expect_turned_away(0, "connecting");
  std::ofstream(file) << "s3cret\n";
  expect_works(node);  // the file is read at every attempt
  EXPECT_EQ(around_->logged(0, "s3cret") + around_->logged(1, "s3cret"), 0U);
}

TEST_F(NatsSecurity, OnlyTheRightPasswordConnects) {
  with("authorization { user: \"registry\", password: \"s3cret\" }");
  security().user = "registry";
  security().password = "wr0ng";
  add_node();
  security().password = "s3cret";
  expect_works(add_node());
  expect_turned_away(0, "connecting");
  EXPECT_EQ(around_->logged(0, "wr0ng") + around_->logged(1, "s3cret"), 0U);
}

TEST_F(NatsSecurity, OnlyCredentialsOfAKnownAccountConnect) {
  make_identities();
  if (HasFatalFailure()) return;
  std::ostringstream configuration;
  configuration << std::ifstream(path() + "/server.conf").rdbuf();
  with(std::move(configuration).str());
  security().credentials_file = path() + "/stranger.creds";
  add_node();
  security().credentials_file = path() + "/none.creds";
  add_node();
  security().credentials_file = path() + "/user.creds";
  expect_works(add_node());
  expect_turned_away(0, "connecting");
  expect_turned_away(1, "credentials");
}

TEST_F(NatsSecurity, TlsVerifiesTheServer) {
  make_certificates();
  if (HasFatalFailure()) return;
  with(server_tls("good"));
  security().tls = true;
  security().ca_file = path() + "/other.pem";
  add_node();
  security().ca_file = path() + "/good.pem";
  security().server_name = "elsewhere.example";
  add_node();
  security().server_name = "";  // the address of the URL
  expect_works(add_node());
  security().server_name = "bus.example";
  expect_works(add_node());
  expect_turned_away(0, "self-signed certificate");
  expect_turned_away(1, "hostname mismatch");
}

TEST_F(NatsSecurity, TlsExpectsTheHostOfTheUrlUnlessToldAName) {
  make_certificates();
  if (HasFatalFailure()) return;
  with(server_tls("nameless"));
  security().tls = true;
  security().ca_file = path() + "/nameless.pem";
  add_node();
  security().server_name = "bus.example";
  expect_works(add_node());
  expect_turned_away(0, "IP address mismatch");
}

TEST_F(NatsSecurity, AServerThatAsksForACertificateGetsIt) {
  make_certificates();
  if (HasFatalFailure()) return;
  with(server_tls("good", ", ca_file: \"" + path() + "/node.pem\", verify: true"));
  security().tls = true;
  security().ca_file = path() + "/good.pem";
  add_node();
  const auto present = [&](const std::string& who) {
    security().certificate_file = path() + "/" + who + ".pem";
    security().key_file = path() + "/" + who + ".key";
  };
  present("other");
  add_node();
  present("node");
  expect_works(add_node());
  expect_turned_away(0, "connecting");
  expect_turned_away(1, "connecting");
}

TEST_F(NatsSecurity, WithoutTlsAServerThatDemandsItIsNotTalkedTo) {
  make_certificates();
  if (HasFatalFailure()) return;
  with(server_tls("good"));
  add_node();
  expect_turned_away(0, "connecting");
}

TEST_F(NatsSecurity, WithTlsAServerWithoutItIsNotTalkedTo) {
  with("");
  security().tls = true;
  add_node();
  expect_turned_away(0, "connecting");
}

}  // namespace
}  // namespace callbook::testing
