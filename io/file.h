// Files: read from front to back, written so that a crash never leaves half of one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace ink {

// An open file, read from front to back. Every failure throws Error with the path and the system's
// reason.
class FileReader {
 public:
  explicit FileReader(const std::filesystem::path& path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // Reads `bytes` bytes; the result is smaller only at the end of the file.
  std::size_t read(void* to, std::size_t bytes);
  // In bytes, when the file was opened; 0 for what has no size, such as a pipe.
  std::uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

// All bytes of a file.
std::string read_file(const std::filesystem::path& path);

// What write_file_atomically hands to its writer.
class FileWriter {
 public:
  // `descriptor` is open for writing and stays the caller's; errors name `target`.
  FileWriter(int descriptor, const std::filesystem::path& target)
      : descriptor_(descriptor), target_(target) {}

  void write(const void* from, std::size_t bytes);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }

 private:
  int descriptor_;
  const std::filesystem::path& target_;
};

// Writes a temporary file beside `path`, flushes it to the disk and renames it: at every moment,
// also after a crash, `path` is the whole old file or the whole new one. When anything fails (a
// full disk, a directory that cannot be written to, an exception of `write`) the old file is
// untouched, the temporary file is removed and an Error names the path and the reason. A kill
// can leave a file "<name>.tmp-<process>-<number>" behind, which nothing reads.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(FileWriter&)>& write);
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

// Makes a directory and those above it unless they exist.
void make_directories(const std::filesystem::path& directory);

}  // namespace ink
