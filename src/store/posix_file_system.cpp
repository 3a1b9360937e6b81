#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/file_system.h"

namespace callbook::store {
namespace {

constexpr size_t kRedirtyBytes = 256 << 10;

base::Error failed(const char* call, const std::string& path, int error) {
  return {base::ErrorCode::kIo, path, fmt::format("{}: {}", call, std::strerror(error)), {}};
}

base::Status check(int result, const char* call, const std::string& path) {
  return result == 0 ? base::Status() : failed(call, path, errno);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

base::Result<Descriptor> open_file(const std::string& path, int flags) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0640);
    if (fd >= 0) return Descriptor(fd);
    if (errno != EINTR) return failed("open", path, errno);
  }
}

class PosixAppendFile final : public AppendFile {
 public:
  PosixAppendFile(std::string path, Descriptor fd, uint64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size) {}

  base::Status append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        return failed("write", path_, errno);
      }
      size_ += static_cast<uint64_t>(written);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }

  // Not repeated on EINTR: after any failure the pages may be lost, so it is final.
  base::Status sync() override { return check(::fdatasync(fd_.get()), "fdatasync", path_); }
  uint64_t size() const override { return size_; }

 private:
  const std::string path_;
  const Descriptor fd_;
  uint64_t size_;
};

class MappedFile final : public FileBytes {
 public:
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() override {
    if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  std::string_view view() const override { return bytes_; }

 private:
  const std::string_view bytes_;
};

/// Reads the file in, so that a sector that can't be read is an error here and not a SIGBUS later.
/// Before Linux 5.14 there is no such request; then it is one.
base::Status populate(void* address, size_t size, const std::string& path) {
  ::madvise(address, size, MADV_SEQUENTIAL);
#ifdef MADV_POPULATE_READ
  if (::madvise(address, size, MADV_POPULATE_READ) != 0 && errno != EINVAL) {
    const int error = errno == EFAULT ? EIO : errno;
    return failed("read", path, error);
  }
#endif
  return {};
}

class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  const Descriptor fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  base::Status create_directories(const std::string& dir) override {
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    return error ? failed("mkdir", dir, error.value()) : base::Status();
  }

  base::Result<std::vector<std::string>> list(const std::string& dir) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(dir, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return failed("readdir", dir, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  base::Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                        bool create_new) override {
    auto fd = open_file(path, O_WRONLY | O_APPEND | (create_new ? O_CREAT | O_EXCL : 0));
    if (!fd.ok()) return fd.error();
    struct stat status {};
    if (::fstat(fd.value().get(), &status) != 0) return failed("fstat", path, errno);
    return std::unique_ptr<AppendFile>(std::make_unique<PosixAppendFile>(
        path, std::move(fd).value(), static_cast<uint64_t>(status.st_size)));
  }

  base::Result<std::unique_ptr<FileBytes>> read(const std::string& path) override {
    const auto fd = open_file(path, O_RDONLY);
    if (!fd.ok()) return fd.error();
    struct stat status {};
    if (::fstat(fd.value().get(), &status) != 0) return failed("fstat", path, errno);
    const auto size = static_cast<size_t>(status.st_size);
    if (size == 0) return std::unique_ptr<FileBytes>(std::make_unique<MappedFile>(""));
    void* const address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.value().get(), 0);
    if (address == MAP_FAILED) return failed("mmap", path, errno);
    auto mapped =
        std::make_unique<MappedFile>(std::string_view(static_cast<const char*>(address), size));
    const base::Status populated = populate(address, size, path);
    if (!populated.ok()) return populated.error();
    return std::unique_ptr<FileBytes>(std::move(mapped));
  }

  base::Status redirty(const std::string& path, uint64_t from) override {
    const auto fd = open_file(path, O_RDWR);
    if (!fd.ok()) return fd.error();
    std::vector<char> chunk(kRedirtyBytes);
    for (auto offset = static_cast<off_t>(from);;) {
      const ssize_t got = ::pread(fd.value().get(), chunk.data(), chunk.size(), offset);
      if (got == 0) return {};
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("pread", path, errno);
      const ssize_t written =
          ::pwrite(fd.value().get(), chunk.data(), static_cast<size_t>(got), offset);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("pwrite", path, errno);
      offset += written;
    }
  }

  base::Status truncate(const std::string& path, uint64_t size) override {
    return check(::truncate(path.c_str(), static_cast<off_t>(size)), "truncate", path);
  }

  base::Status rename(const std::string& from, const std::string& to) override {
    return check(::rename(from.c_str(), to.c_str()), "rename", from);
  }

  base::Status remove(const std::string& path) override {
    return check(::unlink(path.c_str()), "unlink", path);
  }

  base::Status sync_directory(const std::string& dir) override {
    const auto fd = open_file(dir, O_RDONLY | O_DIRECTORY);
    if (!fd.ok()) return fd.error();
    return check(::fsync(fd.value().get()), "fsync", dir);
  }

  base::Result<std::unique_ptr<DirectoryLock>> lock(const std::string& dir) override {
    const std::string path = dir + "/LOCK";
    auto fd = open_file(path, O_RDWR | O_CREAT);
    if (!fd.ok()) return fd.error();
    if (::flock(fd.value().get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return failed("flock", path, errno);
      return base::Error{
          base::ErrorCode::kConflict, path, "another process uses this directory", {}};
    }
    return std::unique_ptr<DirectoryLock>(std::make_unique<PosixLock>(std::move(fd).value()));
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_posix_file_system() {
  return std::make_unique<PosixFileSystem>();
}

}  // namespace callbook::store
