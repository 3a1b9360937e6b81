#include "tests/bus/nats_server.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callbook::testing {
namespace {

constexpr int64_t kPatienceMs = 60'000;

std::string server_binary() {
  const char* named = std::getenv("CALLBOOK_NATS_SERVER");
  return named == nullptr ? "" : named;
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  std::string pattern = std::filesystem::temp_directory_path() / "callbook-bus-XXXXXX";
  path_ = ::mkdtemp(pattern.data());
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      ::bind(socket, generic, length) == 0 && ::getsockname(socket, generic, &length) == 0;
  ::close(socket);
  EXPECT_TRUE(bound);
  return ntohs(address.sin_port);
}

NatsServer::NatsServer(Place place) : place_(std::move(place)) {
  if (place_.port == 0) place_.port = free_port();
}

NatsServer::~NatsServer() {
  if (pid_ != 0) kill9();
  const bool keep = ::testing::Test::HasFailure() && std::getenv("CALLBOOK_KEEP_LOGS") != nullptr;
  if (!keep) return;
  std::error_code ignored;
  std::filesystem::copy_file(directory() + "/log",
                             std::filesystem::temp_directory_path() / (place_.name + ".log"),
                             std::filesystem::copy_options::overwrite_existing, ignored);
}

void NatsServer::write_configuration() const {
  std::ofstream file(directory() + "/nats.conf");
  file << "server_name: " << place_.name << "\nlisten: 127.0.0.1:" << place_.port
       << "\njetstream { store_dir: \"" << directory() << "/js\" }\n"
       << "log_file: \"" << directory() << "/log\"\n"
       << place_.more << "\n";
  if (place_.route_port == 0) return;
  file << "cluster {\n  name: test\n  listen: 127.0.0.1:" << place_.route_port
       << "\n  no_advertise: true\n  routes: [";
  const char* before = "";
  for (const uint16_t port : place_.route_ports) {
    file << std::exchange(before, ", ") << "nats-route://127.0.0.1:" << port;
  }
  file << " ]\n}\n";
}

void NatsServer::start() {
  const std::string binary = server_binary();
  ASSERT_EQ(::access(binary.c_str(), X_OK), 0)
      << "nats-server is not there (CALLBOOK_NATS_SERVER='" << binary
      << "'); apt-get install nats-server, then configure again";
  write_configuration();
  const std::string configuration = directory() + "/nats.conf";
  pid_ = ::fork();
  ASSERT_GE(pid_, 0);
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(null, STDERR_FILENO);
  ::execl(binary.c_str(), binary.c_str(), "-c", configuration.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

void NatsServer::kill9() {
  ASSERT_NE(pid_, 0);
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void NatsServer::stop() const {
  ::kill(pid_, SIGSTOP);
}

void NatsServer::go_on() const {
  ::kill(pid_, SIGCONT);
}

Operator::Operator(const std::string& urls) {
  natsOptions* options = nullptr;
  EXPECT_EQ(natsOptions_Create(&options), NATS_OK);
  natsOptions_SetURL(options, urls.substr(0, urls.find(',')).c_str());
  std::vector<std::string> all;
  std::vector<const char*> names;
  for (size_t at = 0; at <= urls.size();) {
    const size_t end = std::min(urls.find(',', at), urls.size());
    all.push_back(urls.substr(at, end - at));
    at = end + 1;
  }
  for (const std::string& one : all) names.push_back(one.c_str());
  natsOptions_SetServers(options, names.data(), static_cast<int>(names.size()));
  natsOptions_SetMaxReconnect(options, -1);
  natsOptions_SetReconnectWait(options, 100);
  natsOptions_SetRetryOnFailedConnect(options, true, nullptr, nullptr);
  natsOptions_SetErrorHandler(
      options, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr);
  EXPECT_EQ(natsConnection_Connect(&connection_, options), NATS_OK);
  natsOptions_Destroy(options);
  jsOptions settings;
  jsOptions_Init(&settings);
  settings.Wait = 2'000;
  EXPECT_EQ(natsConnection_JetStream(&context_, connection_, &settings), NATS_OK);
}

Operator::~Operator() {
  jsCtx_Destroy(context_);
  natsConnection_Destroy(connection_);
}

namespace {

/// Until it says that it is done; each attempt waits for its own answer.
template <typename Attempt>
void insist(const char* what, Attempt attempt) {
  const int64_t deadline_ms = nats_Now() + kPatienceMs;
  natsStatus status = NATS_TIMEOUT;
  while (status != NATS_OK && nats_Now() < deadline_ms) status = attempt();
  EXPECT_EQ(status, NATS_OK) << what << ": " << natsStatus_GetText(status);
}

}  // namespace

void Operator::delete_stream(const std::string& name) {
  insist("deleting a stream",
         [&] { return js_DeleteStream(context_, name.c_str(), nullptr, nullptr); });
}

void Operator::add_stream(const std::string& name, const std::string& subject,
                          int64_t per_subject) {
  const char* subjects[] = {subject.c_str()};
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = name.c_str();
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  config.MaxMsgsPerSubject = per_subject;
  insist("adding a stream",
         [&] { return js_AddStream(nullptr, context_, &config, nullptr, nullptr); });
}

std::string Operator::leader(const std::string& stream) {
  jsStreamInfo* info = nullptr;
  if (js_GetStreamInfo(&info, context_, stream.c_str(), nullptr, nullptr) != NATS_OK) return {};
  const bool named = info->Cluster != nullptr && info->Cluster->Leader != nullptr;
  std::string leader = named ? info->Cluster->Leader : "";
  jsStreamInfo_Destroy(info);
  return leader;
}

void Operator::publish(const std::string& subject, const std::string& payload) {
  EXPECT_EQ(natsConnection_PublishString(connection_, subject.c_str(), payload.c_str()), NATS_OK);
  EXPECT_EQ(natsConnection_FlushTimeout(connection_, kPatienceMs), NATS_OK);
}

}  // namespace callbook::testing
