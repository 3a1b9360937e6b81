#include "tests/bus/nats_server.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callbook::testing {
namespace {

constexpr int64_t kPatienceMs = 60'000;
constexpr size_t kLogTailBytes = 2'000;
/// Ports below those that the kernel gives to outgoing connections. Among those, a client that
/// tries a killed server's port may be given the very port, and then talks to itself on it; the
/// server can't have it back.
constexpr int kLowestPort = 12'000;
constexpr int kUsualLowestEphemeral = 32'768;

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

namespace {

bool is_free(uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // As the server does: connections of a test before, long closed, are no obstacle.
  const int reuse = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound =
      ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(socket, 1) == 0;
  ::close(socket);
  return bound;
}

}  // namespace

uint16_t free_port() {
  static std::minstd_rand random{std::random_device{}()};
  int lowest_ephemeral = kUsualLowestEphemeral;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> lowest_ephemeral;
  if (lowest_ephemeral <= kLowestPort) throw std::runtime_error("no ports are left for servers");
  std::uniform_int_distribution<int> any(kLowestPort, lowest_ephemeral - 1);
  constexpr int kAttempts = 1'000;
  for (int i = 0; i < kAttempts; ++i) {
    const auto port = static_cast<uint16_t>(any(random));
    if (is_free(port)) return port;
  }
  throw std::runtime_error("found no free port");
}

NatsServer::NatsServer(Place place) : place_(std::move(place)) {
  if (place_.port == 0) place_.port = free_port();
}

NatsServer::~NatsServer() {
  if (pid_ != 0) kill9();
  const bool keep = ::testing::Test::HasFailure() && std::getenv("CALLBOOK_KEEP_LOGS") != nullptr;
  if (!keep) return;
  std::error_code ignored;
  std::filesystem::copy_file(log_path(),
                             std::filesystem::temp_directory_path() / (place_.name + ".log"),
                             std::filesystem::copy_options::overwrite_existing, ignored);
}

void NatsServer::write_configuration() const {
  std::ofstream file(directory() + "/nats.conf");
  file << "server_name: " << place_.name << "\nlisten: 127.0.0.1:" << place_.port
       << "\njetstream { store_dir: \"" << directory() << "/js\" }\n"
       << "log_file: \"" << log_path() << "\"\n"
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
  launch();
  if (!await_ready()) give_up("somebody else has its port");
}

void NatsServer::launch() {
  const std::string binary = server_binary();
  if (::access(binary.c_str(), X_OK) != 0) {
    throw std::runtime_error("nats-server is not there (CALLBOOK_NATS_SERVER='" + binary +
                             "'); apt-get install nats-server, then configure again");
  }
  write_configuration();
  const std::string configuration = directory() + "/nats.conf";
  const std::string log = log_path();
  std::error_code none_yet;
  const auto log_bytes = std::filesystem::file_size(log, none_yet);
  log_begin_ = none_yet ? 0 : log_bytes;
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // What it says before it has read where to log.
  const int output = ::open(log.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  // The clients' sockets: a server that held them would keep connections to others half open.
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  ::execl(binary.c_str(), binary.c_str(), "-c", configuration.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

bool NatsServer::await_ready() {
  const std::string last_line =
      place_.route_port == 0 ? "Server is ready" : "Listening for route connections";
  pollfd process{};
  process.fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  process.events = POLLIN;
  const std::unique_ptr<const int, void (*)(const int*)> closing(
      &process.fd, [](const int* fd) { ::close(*fd); });
  const int64_t deadline_ms = nats_Now() + kPatienceMs;
  bool ended = false;
  while (!ended && nats_Now() < deadline_ms) {
    if (log().find(last_line) != std::string::npos) return true;
    // Nothing tells that a log has grown: look again now and then, at once if the process ends.
    constexpr int kLookAgainMs = 10;
    ended = ::poll(&process, 1, kLookAgainMs) != 0;
  }
  if (!ended) give_up("it was not ready in time");
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
  if (log().find("address already in use") == std::string::npos) give_up("it has ended");
  return false;
}

std::string NatsServer::log() const {
  std::ifstream file(log_path());
  file.seekg(static_cast<std::streamoff>(log_begin_));
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

void NatsServer::give_up(const std::string& why) const {
  std::string tail = log();
  if (tail.size() > kLogTailBytes) tail.erase(0, tail.size() - kLogTailBytes);
  throw std::runtime_error("nats-server " + name() + ", " + url() + ": " + why +
                           ". Its log ends:\n" + tail);
}

void NatsServer::kill9() {
  ASSERT_NE(pid_, 0);
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void NatsServer::save_store() const {
  std::filesystem::copy(directory() + "/js", directory() + "/saved",
                        std::filesystem::copy_options::recursive);
}

void NatsServer::restore_store() const {
  std::filesystem::remove_all(directory() + "/js");
  std::filesystem::rename(directory() + "/saved", directory() + "/js");
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
  natsOptions_SetErrorHandler(
      options, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr);
  const int64_t deadline_ms = nats_Now() + kPatienceMs;
  natsStatus status = NATS_TIMEOUT;
  while (status != NATS_OK && nats_Now() < deadline_ms) {
    status = natsConnection_Connect(&connection_, options);
  }
  natsOptions_Destroy(options);
  if (status != NATS_OK) {
    throw std::runtime_error("an operator can't connect to " + urls + ": " +
                             natsStatus_GetText(status));
  }
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

std::string Operator::leader_of_current(const std::string& stream) {
  jsStreamInfo* info = nullptr;
  if (js_GetStreamInfo(&info, context_, stream.c_str(), nullptr, nullptr) != NATS_OK) return {};
  const std::unique_ptr<jsStreamInfo, void (*)(jsStreamInfo*)> owned(info, &jsStreamInfo_Destroy);
  const jsClusterInfo* const cluster = info->Cluster;
  if (cluster == nullptr || cluster->Leader == nullptr) return {};
  const bool current =
      std::all_of(cluster->Replicas, cluster->Replicas + cluster->ReplicasLen,
                  [](const jsPeerInfo* peer) { return peer->Current && !peer->Offline; });
  return current ? cluster->Leader : "";
}

void Operator::publish(const std::string& subject, const std::string& payload) {
  EXPECT_EQ(natsConnection_PublishString(connection_, subject.c_str(), payload.c_str()), NATS_OK);
  EXPECT_EQ(natsConnection_FlushTimeout(connection_, kPatienceMs), NATS_OK);
}

}  // namespace callbook::testing
