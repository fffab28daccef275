// Files that may be compressed.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "io/file.h"

namespace ink {

// Reads a plain file as it is and unpacks a gzip file (RFC 1952; several members follow each other
// as one), told apart by the first two bytes. Throws Error naming the file when the compressed data
// are cut short, damaged (checksum and length are verified at the end, so read to the end) or
// followed by something else, and when a file named *.gz is not compressed.
class GzipReader {
 public:
  explicit GzipReader(const std::filesystem::path& path);
  ~GzipReader();

  // Reads `bytes` unpacked bytes; the result is smaller only at the end.
  std::size_t read(void* to, std::size_t bytes);
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  struct Inflater;

  bool refill();
  std::size_t read_plain(unsigned char* to, std::size_t bytes);
  std::size_t read_packed(unsigned char* to, std::size_t bytes);
  void begin_member();

  FileReader file_;
  std::vector<unsigned char> buffer_;   // the last piece of the file
  std::size_t next_ = 0, last_ = 0;     // what of it is still to be used
  std::unique_ptr<Inflater> inflater_;  // null for a plain file
};

}  // namespace ink
