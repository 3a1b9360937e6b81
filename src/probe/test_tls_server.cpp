#include "probe/test_tls_server.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callbook::probe {
namespace {

constexpr long kDayS = 86'400;

std::string new_file() {
  static std::atomic<int> count{0};
  return testing::TempDir() + "callbook-" + std::to_string(::getpid()) + "-" +
         std::to_string(++count) + ".pem";
}

template <typename Write>
std::string write_file(Write write) {
  const std::string path = new_file();
  std::FILE* const file = std::fopen(path.c_str(), "w");
  EXPECT_NE(file, nullptr);
  EXPECT_EQ(write(file), 1);
  std::fclose(file);
  return path;
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  EXPECT_NE(extension, nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make_certificate(const std::string& subject, EVP_PKEY* key, int days) {
  static std::atomic<long> serial{1};
  X509* const made = X509_new();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made), -60 * kDayS);
  X509_gmtime_adj(X509_getm_notAfter(made), days * kDayS);
  X509_set_pubkey(made, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
  return made;
}

}  // namespace

struct TestAuthority::Key {
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
};

TestAuthority::TestAuthority() : key_(std::make_unique<Key>()) {
  key_->key = EVP_EC_gen("P-256");
  key_->certificate = make_certificate("Authority of " + new_file(), key_->key, 30);
  X509* const own = key_->certificate;
  X509_set_issuer_name(own, X509_get_subject_name(own));
  add_extension(own, NID_basic_constraints, "critical,CA:TRUE");
  EXPECT_GT(X509_sign(own, key_->key, EVP_sha256()), 0);
  file_ = write_file([&](std::FILE* file) { return PEM_write_X509(file, own); });
}

TestAuthority::~TestAuthority() {
  X509_free(key_->certificate);
  EVP_PKEY_free(key_->key);
  std::filesystem::remove(file_);
}

TestAuthority::Certificate TestAuthority::sign(const std::string& names, int days) const {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const made = make_certificate("A Server", key, days);
  X509_set_issuer_name(made, X509_get_subject_name(key_->certificate));
  add_extension(made, NID_subject_alt_name, names);
  EXPECT_GT(X509_sign(made, key_->key, EVP_sha256()), 0);
  Certificate files;
  files.certificate_file = write_file([&](std::FILE* f) { return PEM_write_X509(f, made); });
  files.key_file = write_file([&](std::FILE* f) {
    return PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(made);
  EVP_PKEY_free(key);
  return files;
}

TestTlsServer::TestTlsServer(Options options)
    : options_(std::move(options)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof own;
  EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&own), length), 0);
  EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&own), &length), 0);
  EXPECT_EQ(::listen(listener_, 64), 0);
  port_ = ntohs(own.sin_port);
  thread_ = std::thread([this] { run(); });
}

TestTlsServer::~TestTlsServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
  std::filesystem::remove(options_.certificate.certificate_file);
  std::filesystem::remove(options_.certificate.key_file);
}

void TestTlsServer::run() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    serve(socket);
    ::close(socket);
  }
}

void TestTlsServer::serve(int socket) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  const auto& [certificate, key] = options_.certificate;
  EXPECT_EQ(SSL_CTX_use_certificate_file(context, certificate.c_str(), SSL_FILETYPE_PEM), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM), 1);
  if (options_.most_version != 0) {
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, options_.most_version);
    SSL_CTX_set_max_proto_version(context, options_.most_version);
  }
  const std::string chosen = std::string(1, static_cast<char>(options_.protocol.size())) + options_.protocol;
  const auto choose = [](SSL*, const unsigned char** out, unsigned char* out_length,
                         const unsigned char* offered, unsigned length, void* arg) {
    const auto& wanted = *static_cast<const std::string*>(arg);
    unsigned char* found = nullptr;
    const int result = SSL_select_next_proto(
        &found, out_length, reinterpret_cast<const unsigned char*>(wanted.data()),
        static_cast<unsigned>(wanted.size()), offered, length);
    *out = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
  };
  if (!options_.protocol.empty()) {
    SSL_CTX_set_alpn_select_cb(context, choose, const_cast<std::string*>(&chosen));
  }
  SSL* const tls = SSL_new(context);
  SSL_set_fd(tls, socket);
  asked_name_.clear();
  if (SSL_accept(tls) == 1) {
    const char* name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    asked_name_ = name == nullptr ? "" : name;
    std::string request;
    std::string answer;
    std::array<char, 4'096> buffer;
    while (answer.empty()) {
      const int count = SSL_read(tls, buffer.data(), static_cast<int>(buffer.size()));
      if (count <= 0) break;
      request.append(buffer.data(), static_cast<size_t>(count));
      answer = options_.answer(request);
    }
    if (!answer.empty()) SSL_write(tls, answer.data(), static_cast<int>(answer.size()));
    SSL_shutdown(tls);
  }
  SSL_free(tls);
  SSL_CTX_free(context);
  ERR_clear_error();
}

}  // namespace callbook::probe
