#include "io/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "tensor/check.h"

namespace ink {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;
constexpr unsigned char kMagic[] = {0x1f, 0x8b};
constexpr int kGzipWindow = 15 + 16;  // zlib's way to ask for gzip with the largest window

}  // namespace

struct GzipReader::Inflater {
  Inflater() {
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
  bool between_members = false;
};

GzipReader::GzipReader(const std::filesystem::path& path) : file_(path), buffer_(kBufferBytes) {
  refill();
  if (last_ >= sizeof kMagic && std::memcmp(buffer_.data(), kMagic, sizeof kMagic) == 0) {
    inflater_ = std::make_unique<Inflater>();
  } else {
    check(path.extension() != ".gz", "gzip",
          "{} is named like a gzip file but does not begin as one", path.string());
  }
}

GzipReader::~GzipReader() = default;

// Loads the next piece of the file; false at its end.
bool GzipReader::refill() {
  next_ = 0;
  last_ = file_.read(buffer_.data(), buffer_.size());
  return last_ > 0;
}

std::size_t GzipReader::read(void* to, std::size_t bytes) {
  auto* const out = static_cast<unsigned char*>(to);
  return inflater_ ? read_packed(out, bytes) : read_plain(out, bytes);
}

std::size_t GzipReader::read_plain(unsigned char* to, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes && (next_ < last_ || refill())) {
    const std::size_t count = std::min(bytes - done, last_ - next_);
    std::memcpy(to + done, buffer_.data() + next_, count);
    done += count;
    next_ += count;
  }
  return done;
}

void GzipReader::begin_member() {
  check(buffer_[next_] == kMagic[0], "gzip", "{}: something that is not gzip follows the data",
        path().string());
  inflateReset(&inflater_->stream);
  inflater_->between_members = false;
}

std::size_t GzipReader::read_packed(unsigned char* to, std::size_t bytes) {
  z_stream& stream = inflater_->stream;
  std::size_t done = 0;
  while (done < bytes) {
    if (next_ == last_ && !refill()) {
      check(inflater_->between_members, "gzip", "{} is cut short: its compressed data do not end",
            path().string());
      break;
    }
    if (inflater_->between_members) begin_member();

    // Unpack what is loaded into the room that is left.
    const std::size_t room = std::min(bytes - done, std::size_t{std::numeric_limits<uInt>::max()});
    stream.next_in = buffer_.data() + next_;
    stream.avail_in = static_cast<uInt>(last_ - next_);
    stream.next_out = to + done;
    stream.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream, Z_NO_FLUSH);
    next_ = last_ - stream.avail_in;
    done += room - stream.avail_out;

    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    check(status == Z_OK || status == Z_STREAM_END, "gzip", "{} is damaged: {}", path().string(),
          stream.msg != nullptr ? stream.msg : "its compressed data make no sense");
    inflater_->between_members = status == Z_STREAM_END;
  }
  return done;
}

}  // namespace ink
