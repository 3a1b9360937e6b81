// Health checks by gRPC at servers of gRPC C++ in this process, in the clear and by TLS.

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>

#include "orders.grpc.pb.h"
#include "probe/prober.h"
#include "probe/test_tls_server.h"

namespace callbook::probe {
namespace {

using Outcome = net::ProbeOutcome;

constexpr int64_t kPatienceMs = 20'000;

std::string contents_of(const std::string& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

/// A server with gRPC's own health service.
class Server {
 public:
  explicit Server(const std::shared_ptr<grpc::ServerCredentials>& credentials =
                      grpc::InsecureServerCredentials(),
                  bool with_health = true) {
    grpc::EnableDefaultHealthCheckService(with_health);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port_);
    builder.RegisterService(&orders_);
    server_ = builder.BuildAndStart();
    EXPECT_NE(port_, 0);
  }
  ~Server() { server_->Shutdown(); }

  grpc::HealthCheckServiceInterface& health() { return *server_->GetHealthCheckService(); }
  uint16_t port() const { return static_cast<uint16_t>(port_); }

 private:
  orders::Orders::Service orders_;  // gRPC starts no server without a service
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

Result ask(uint16_t port, const std::string& service, std::optional<TlsRule> tls = std::nullopt) {
  net::EventLoop loop;
  net::SystemClock clock;
  Prober prober(loop, clock, {});
  Request request{"127.0.0.1", port, kPatienceMs, Request::Kind::kGrpc};
  request.grpc = {service};
  request.tls = std::move(tls);
  Result result;
  prober.probe(request, [&](const Result& found) {
    result = found;
    loop.stop();
  });
  loop.run();
  return result;
}

TEST(ProbeGrpc, AServerIsAskedHowItIs) {
  Server server;
  EXPECT_EQ(ask(server.port(), "").text, "gRPC SERVING");
  server.health().SetServingStatus("orders", false);
  const Result not_serving = ask(server.port(), "orders");
  EXPECT_EQ(not_serving.outcome, Outcome::kFailed);
  EXPECT_EQ(not_serving.text, "gRPC NOT_SERVING");
  server.health().SetServingStatus("orders", true);
  EXPECT_EQ(ask(server.port(), "orders").outcome, Outcome::kAnswered);
  server.health().SetServingStatus(false);
  EXPECT_EQ(ask(server.port(), "").text, "gRPC NOT_SERVING");
}

TEST(ProbeGrpc, AServiceThatItDoesNotKnowFails) {
  Server server;
  const Result unknown = ask(server.port(), "gone");
  EXPECT_EQ(unknown.outcome, Outcome::kFailed);
  EXPECT_EQ(unknown.text, "gRPC NOT_FOUND");
}

TEST(ProbeGrpc, AServerWithoutTheHealthServiceFails) {
  Server server(grpc::InsecureServerCredentials(), false);
  EXPECT_EQ(ask(server.port(), "").text, "gRPC UNIMPLEMENTED");
}

TEST(ProbeGrpc, ByTlsTheCertificateCountsToo) {
  TestAuthority authority;
  ::setenv("SSL_CERT_FILE", authority.file().c_str(), 1);
  const auto files = authority.sign("IP:127.0.0.1");
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back(
      {contents_of(files.key_file), contents_of(files.certificate_file)});
  Server server(grpc::SslServerCredentials(options));
  EXPECT_EQ(ask(server.port(), "", TlsRule{}).text, "gRPC SERVING");
  server.health().SetServingStatus("orders", false);
  EXPECT_EQ(ask(server.port(), "orders", TlsRule{}).text, "gRPC NOT_SERVING");
  EXPECT_EQ(ask(server.port(), "", TlsRule{.server_name = "shop.example"}).text,
            "TLS: hostname mismatch");
  EXPECT_EQ(ask(server.port(), "", TlsRule{.verify = false, .server_name = "shop.example"}).text,
            "gRPC SERVING");
  EXPECT_EQ(ask(server.port(), "").outcome, Outcome::kFailed) << "it speaks TLS alone";
  ::unsetenv("SSL_CERT_FILE");
}

}  // namespace
}  // namespace callbook::probe
