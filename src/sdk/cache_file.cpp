#include "sdk/cache_file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/hash.h"

namespace callbook::sdk {
namespace {

using base::ByteReader;
using base::ErrorCode;

constexpr std::string_view kMagic = "callbook";
constexpr uint32_t kFormat = 1;
/// The same with the largest size lately; written only where that is more than are listed, so that
/// earlier releases read all other files.
constexpr uint32_t kFormatWithLargest = 2;
constexpr size_t kHeaderBytes = kMagic.size() + 4 + 8;
constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
constexpr size_t kShownNameBytes = 64;

base::Error corrupt(std::string what) {
  return {ErrorCode::kCorrupt, {}, std::move(what), {}};
}

// --- Encoding ---

void put_instance(std::string& out, const Instance& instance) {
  base::put_string(out, instance.id);
  base::put_string(out, instance.address);
  base::put_varint(out, instance.port);
  base::put_varint(out, instance.ports.size());
  for (const auto& [name, port] : instance.ports) {
    base::put_string(out, name);
    base::put_varint(out, port);
  }
  base::put_string(out, instance.zone);
  base::put_varint(out, instance.weight);
  base::put_varint(out, instance.metadata.size());
  for (const auto& [name, value] : instance.metadata) {
    base::put_string(out, name);
    base::put_string(out, value);
  }
  base::put_string(out, instance.state);
}

template <typename Number>
Number read_number(ByteReader& reader) {
  const uint64_t number = reader.varint();
  if (number > std::numeric_limits<Number>::max()) reader.fail();
  return static_cast<Number>(number);
}

Instance read_instance(ByteReader& reader) {
  Instance instance;
  instance.id = reader.string();
  instance.address = reader.string();
  instance.port = read_number<uint16_t>(reader);
  // Counts are not trusted: each turn reads, and a reader that has failed ends the loop.
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    std::string name(reader.string());
    instance.ports.emplace_hint(instance.ports.end(), std::move(name),
                                read_number<uint16_t>(reader));
  }
  instance.zone = reader.string();
  instance.weight = read_number<uint32_t>(reader);
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    std::string name(reader.string());
    instance.metadata.emplace_hint(instance.metadata.end(), std::move(name), reader.string());
  }
  instance.state = reader.string();
  return instance;
}

/// False where the bytes are no list.
bool read_list(ByteReader& reader, InstanceList& list) {
  std::string last;
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    auto instance = std::make_shared<Instance>(read_instance(reader));
    if (!reader.ok() || instance->id <= last) return false;
    last = instance->id;
    list.put(std::move(instance));
  }
  return reader.ok() && reader.at_end();
}

// --- Files ---

base::Error failed(const char* call, const std::string& path, int error) {
  return {ErrorCode::kIo,
          {},
          fmt::format("{}: {}: {}", path, call, std::generic_category().message(error)),
          {}};
}

/// An error of the content with the name of its file.
base::Error in_file(const std::string& path, base::Error error) {
  error.detail = fmt::format("{}: {}", path, error.detail);
  return error;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  const int number_;
};

/// A file of mode 0600 that is not there any more when this goes, unless it has been given its real
/// name.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path)
      : path_(path + ".XXXXXX"), file_(::mkostemp(path_.data(), O_CLOEXEC)), error_(errno) {}
  ~TemporaryFile() {
    if (file_.get() >= 0 && !named_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  base::Status write(std::string_view bytes) const {
    if (file_.get() < 0) return failed("mkostemp", path_, error_);
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("write", path_, errno);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    if (::fdatasync(file_.get()) != 0) return failed("fdatasync", path_, errno);
    return {};
  }
  base::Status name(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) return failed("rename", path, errno);
    named_ = true;
    return {};
  }

 private:
  std::string path_;
  const Descriptor file_;
  const int error_;  ///< why there is none
  bool named_ = false;
};

base::Status make_directory(const std::string& directory) {
  std::error_code error;
  const std::filesystem::path path(directory);
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return failed("mkdir", path.parent_path().string(), error.value());
  }
  if (::mkdir(directory.c_str(), S_IRWXU) == 0) return {};
  const int failure = errno;
  if (failure == EEXIST && std::filesystem::is_directory(path, error)) return {};
  return failed("mkdir", directory, failure);
}

base::Status read_all(int file, uint64_t size, const std::string& path, std::string& bytes) {
  bytes.resize(size);
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(file, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path, errno);
    if (got == 0) break;  // it has become shorter: the checksum will say so
    have += static_cast<size_t>(got);
  }
  bytes.resize(have);
  return {};
}

base::Result<std::string> read_file(const std::string& path) {
  // Not to wait for the writer of a pipe that somebody has put there.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) {
    return base::Error{ErrorCode::kNotFound, {}, fmt::format("{}: there is none", path), {}};
  }
  if (file.get() < 0) return failed("open", path, errno);
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return failed("fstat", path, errno);
  if (!S_ISREG(facts.st_mode)) return in_file(path, corrupt("is no plain file"));
  if (facts.st_uid != ::geteuid()) return in_file(path, corrupt("is another user's"));
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (size > kMaxFileBytes) return in_file(path, corrupt("is too large"));
  std::string bytes;
  const base::Status status = read_all(file.get(), size, path, bytes);
  if (!status.ok()) return status.error();
  return bytes;
}

std::string path_of(const std::string& directory, std::string_view name_space,
                    std::string_view service) {
  return directory + "/" + cache_file_name(name_space, service);
}

}  // namespace

std::string encode_cache(const CachedList& cached) {
  const bool with_largest = cached.list.largest() > cached.list.size();
  std::string rest;
  base::put_string(rest, cached.name_space);
  base::put_string(rest, cached.service);
  base::put_u64(rest, static_cast<uint64_t>(cached.current_wall_ms));
  base::put_u64(rest, cached.list.digest());
  if (with_largest) base::put_varint(rest, cached.list.largest());
  base::put_varint(rest, cached.list.size());
  for (const auto& held : cached.list) put_instance(rest, *held.instance);

  std::string bytes(kMagic);
  bytes.reserve(kHeaderBytes + rest.size());
  base::put_u32(bytes, with_largest ? kFormatWithLargest : kFormat);
  base::put_u64(bytes, base::xxh64(rest));
  return bytes + rest;
}

base::Result<CachedList> decode_cache(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return corrupt("is cut off");
  ByteReader header(bytes.substr(0, kHeaderBytes));
  if (header.bytes(kMagic.size()) != kMagic) return corrupt("is no cache file");
  const uint32_t format = header.u32();
  if (format != kFormat && format != kFormatWithLargest) {
    return corrupt(fmt::format("is of format {}; this program knows {} and {}", format, kFormat,
                               kFormatWithLargest));
  }
  const std::string_view rest = bytes.substr(kHeaderBytes);
  if (header.u64() != base::xxh64(rest)) return corrupt("does not agree with its checksum");

  ByteReader reader(rest);
  CachedList cached;
  cached.name_space = reader.string();
  cached.service = reader.string();
  cached.current_wall_ms = static_cast<int64_t>(reader.u64());
  const uint64_t digest = reader.u64();
  const uint64_t largest = format == kFormatWithLargest ? reader.varint() : 0;
  if (!read_list(reader, cached.list)) return corrupt("holds no list");
  cached.list.set_largest(largest);
  if (cached.list.digest() != digest) return corrupt("holds a list that its digest contradicts");
  return cached;
}

std::string cache_file_name(std::string_view name_space, std::string_view service) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  std::string shown(service.substr(0, kShownNameBytes));
  std::replace_if(
      shown.begin(), shown.end(), [&](char c) { return !plain(c); }, '_');
  if (shown.empty() || shown.front() == '.' || shown.front() == '-') shown.insert(0, 1, '_');
  std::string key;
  base::put_string(key, name_space);
  base::put_string(key, service);
  return fmt::format("{}.{:016x}.cache", shown, base::xxh64(key));
}

base::Status write_cache_file(const std::string& directory, const CachedList& cached) {
  const std::string path = path_of(directory, cached.name_space, cached.service);
  base::Status status = make_directory(directory);
  if (!status.ok()) return status;
  TemporaryFile file(path);
  status = file.write(encode_cache(cached));
  if (!status.ok()) return status;
  return file.name(path);
}

base::Result<CachedList> read_cache_file(const std::string& directory, std::string_view name_space,
                                         std::string_view service) {
  const std::string path = path_of(directory, name_space, service);
  const base::Result<std::string> bytes = read_file(path);
  if (!bytes.ok()) return bytes.error();
  base::Result<CachedList> cached = decode_cache(*bytes);
  if (!cached.ok()) return in_file(path, cached.error());
  if (cached->name_space != name_space || cached->service != service) {
    return in_file(path, corrupt(fmt::format("is of the service {} in {}", cached->service,
                                             cached->name_space)));
  }
  return cached;
}

}  // namespace callbook::sdk
