#include "io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "tensor/check.h"

namespace ink {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_system(const char* op, const char* action, const fs::path& path, int error) {
  fail(op, "cannot {} {}: {}", action, path.string(), std::generic_category().message(error));
}

// Repeats a system call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// Where the bytes shall go: the file that a symbolic link stands for. Only a regular file may be
// replaced; renaming over a device or a pipe would destroy it.
fs::path replaceable_target(const fs::path& path) {
  std::error_code error;
  fs::path target = path;
  if (fs::is_symlink(path, error)) {
    target = fs::canonical(path, error);
    if (error) fail_system("write_file", "write", path, error.value());
  }
  const fs::file_status status = fs::status(target, error);
  if (fs::is_directory(status)) fail_system("write_file", "write", path, EISDIR);
  check(!fs::exists(status) || fs::is_regular_file(status), "write_file",
        "cannot write {}: not a regular file", path.string());
  return target;
}

// A new file beside `target` that disappears again unless it is renamed to `target`.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target) : target_(target) {
    // The number skips what a killed process with the same id left behind.
    for (int number = 0; descriptor_ < 0; ++number) {
      path_ = target;
      path_ += fmt::format(".tmp-{}-{}", ::getpid(), number);
      descriptor_ = uninterrupted(
          [&] { return ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
      if (descriptor_ < 0 && errno != EEXIST) fail_here(errno);
    }
  }

  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!renamed_) ::unlink(path_.c_str());
  }

  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int descriptor() const { return descriptor_; }

  // The bytes must be on the disk before the name is: else a crash could leave an empty file.
  void move_to_target() {
    if (uninterrupted([&] { return ::fsync(descriptor_); }) != 0) fail_here(errno);
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0 && errno != EINTR) fail_here(errno);
    if (::rename(path_.c_str(), target_.c_str()) != 0) fail_here(errno);
    renamed_ = true;
  }

 private:
  [[noreturn]] void fail_here(int error) const {
    fail_system("write_file", "write", target_, error);
  }

  const fs::path& target_;
  fs::path path_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

// Makes a rename in `directory` last. Some file systems cannot flush a directory and need not.
void flush_directory(const fs::path& directory) {
  const fs::path path = directory.empty() ? fs::path(".") : directory;
  const int descriptor =
      uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (descriptor < 0) return;  // writable but not readable
  const int result = uninterrupted([&] { return ::fsync(descriptor); });
  const int error = errno;
  ::close(descriptor);
  if (result != 0 && error != EINVAL && error != ENOTSUP && error != EROFS) {
    fail_system("write_file", "flush", path, error);
  }
}

}  // namespace

// ---- reading ---------------------------------------------------------------------------------

FileReader::FileReader(const fs::path& path)
    : path_(path),
      descriptor_(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); })) {
  if (descriptor_ < 0) fail_system("read_file", "read", path, errno);
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
}

FileReader::~FileReader() { ::close(descriptor_); }

std::size_t FileReader::read(void* to, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    // Systems cap a single read near 2 GiB, and one of them refuses more.
    const std::size_t chunk = std::min(bytes - done, std::size_t{1} << 30);
    const auto got = uninterrupted(
        [&] { return ::read(descriptor_, static_cast<unsigned char*>(to) + done, chunk); });
    if (got < 0) fail_system("read_file", "read", path_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::string read_file(const fs::path& path) {
  FileReader file(path);
  std::string bytes;
  std::size_t done = 0;
  // One byte more than the size finds the end in the first read.
  std::size_t room = static_cast<std::size_t>(file.size()) + 1;
  while (true) {
    bytes.resize(done + room);
    done += file.read(bytes.data() + done, room);
    if (done < bytes.size()) break;
    room = bytes.size() + 4096;
  }
  bytes.resize(done);
  return bytes;
}

// ---- writing ---------------------------------------------------------------------------------

void FileWriter::write(const void* from, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    const std::size_t chunk = std::min(bytes - done, std::size_t{1} << 30);
    const auto wrote = uninterrupted([&] {
      return ::write(descriptor_, static_cast<const unsigned char*>(from) + done, chunk);
    });
    if (wrote < 0) fail_system("write_file", "write", target_, errno);
    done += static_cast<std::size_t>(wrote);
  }
}

void write_file_atomically(const fs::path& path, const std::function<void(FileWriter&)>& write) {
  const fs::path target = replaceable_target(path);
  TemporaryFile temporary(target);
  FileWriter writer(temporary.descriptor(), path);
  write(writer);
  temporary.move_to_target();
  flush_directory(target.parent_path());
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(path, [&](FileWriter& file) { file.write(bytes); });
}

void make_directories(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (!error && !fs::is_directory(directory)) error = {ENOTDIR, std::generic_category()};
  if (error) fail_system("make_directories", "make the directory", directory, error.value());
}

}  // namespace ink
