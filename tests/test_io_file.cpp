// io/file: whole files, atomic writing, and what happens when that fails.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>
#include <vector>

#include "io/file.h"
#include "tests/test_io_support.h"

namespace fs = std::filesystem;
using namespace ink;
using namespace ink::test;

TEST_SUITE("io file") {
  TEST_CASE("a file is read as it was written") {
    const TemporaryDirectory folder;
    for (const std::size_t size : {0, 1, 4095, 4096, 4097, 100'000}) {
      std::string bytes(size, '\0');
      for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7);
      write_file_atomically(folder / "file", bytes);
      CHECK(slurp(folder / "file") == bytes);
      CHECK(read_file(folder / "file") == bytes);
    }
    CHECK(folder.count() == 1);
  }

  TEST_CASE("a file without a size is read to its end") {
    const TemporaryDirectory folder;
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    const std::string bytes(50'000, 'x');
    std::thread writer([&] { spill(folder / "pipe", bytes); });
    const std::string got = read_file(folder / "pipe");
    writer.join();
    CHECK(got == bytes);
  }

  TEST_CASE("what cannot be read is named with the reason") {
    const TemporaryDirectory folder;
    check_parts(error_of([&] { read_file(folder / "nothing"); }),
                {"[read_file] cannot read ", "/nothing: No such file or directory"});
    check_parts(error_of([&] { read_file(folder.path()); }), {"Is a directory"});
  }

  TEST_CASE("a new file gets the permissions of any other") {
    const TemporaryDirectory folder;
    spill(folder / "other", "");
    write_file_atomically(folder / "file", "x");
    CHECK(fs::status(folder / "file").permissions() == fs::status(folder / "other").permissions());
  }

  TEST_CASE("a symbolic link stays one and its file is replaced") {
    const TemporaryDirectory folder;
    spill(folder / "file", "old");
    fs::create_symlink("file", folder / "link");
    write_file_atomically(folder / "link", "new");
    CHECK(fs::is_symlink(folder / "link"));
    CHECK(slurp(folder / "file") == "new");
    fs::create_symlink("nowhere", folder / "broken");
    check_parts(error_of([&] { write_file_atomically(folder / "broken", "x"); }),
                {"/broken: No such file or directory"});
  }

  TEST_CASE("a directory, a device or a missing folder is refused and nothing is left behind") {
    const TemporaryDirectory folder;
    fs::create_directory(folder / "taken");
    check_parts(error_of([&] { write_file_atomically(folder / "taken", "x"); }),
                {"[write_file] cannot write ", "/taken: Is a directory"});
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    check_parts(error_of([&] { write_file_atomically(folder / "pipe", "x"); }),
                {"/pipe: not a regular file"});
    check_parts(error_of([&] { write_file_atomically(folder / "missing/file", "x"); }),
                {"/missing/file: No such file or directory"});
    spill(folder / "file", "");
    check_parts(error_of([&] { write_file_atomically(folder / "file/file", "x"); }),
                {"/file/file: Not a directory"});
    CHECK(folder.count() == 3);
  }

  TEST_CASE("an exception of the writer leaves the old file") {
    const TemporaryDirectory folder;
    spill(folder / "file", "old");
    const auto broken = [](FileWriter& file) {
      file.write("half of the n");
      fail("test", "stop");
    };
    CHECK(error_of([&] { write_file_atomically(folder / "file", broken); }) == "[test] stop");
    CHECK(slurp(folder / "file") == "old");
    CHECK(folder.count() == 1);
  }

  TEST_CASE("a full disk leaves the old file and says so") {
    const TemporaryDirectory folder;
    spill(folder / "file", "old");
    // A limit on the size of files stands for a disk with 10,000 bytes left.
    const std::string message = in_child([&] {
      const rlimit limit{10'000, 10'000};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      std::signal(SIGXFSZ, SIG_IGN);
      return error_of([&] { write_file_atomically(folder / "file", std::string(20'000, 'x')); });
    });
    check_parts(message, {"[write_file] cannot write ", "/file: File too large"});
    CHECK(slurp(folder / "file") == "old");
    CHECK(folder.count() == 1);

    const int full = ::open("/dev/full", O_WRONLY);
    if (full >= 0) {
      const fs::path path = folder / "file";
      FileWriter writer(full, path);
      check_parts(error_of([&] { writer.write("x"); }), {"/file: No space left on device"});
      ::close(full);
    }
  }

  TEST_CASE("a folder without permission is named") {
    const TemporaryDirectory folder;
    fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec |
                                       fs::perms::others_read | fs::perms::others_exec);
    const auto attempt = [&](const std::function<void()>& action) {
      return in_child([&]() -> std::string {
        // Root may write everywhere, so the child becomes nobody.
        if (::geteuid() == 0 && ::setuid(65534) != 0) return "cannot become nobody";
        return error_of(action);
      });
    };
    check_parts(attempt([&] { write_file_atomically(folder / "file", "x"); }),
                {"/file: Permission denied"});
    check_parts(attempt([&] { make_directories(folder / "a/b"); }),
                {"[make_directories] cannot make the directory ", "/a/b: Permission denied"});
    fs::permissions(folder.path(), fs::perms::owner_all);
    CHECK(folder.count() == 0);
  }

  TEST_CASE("directories are made, and made again") {
    const TemporaryDirectory folder;
    make_directories(folder / "a/b/c");
    CHECK(fs::is_directory(folder / "a/b/c"));
    CHECK(error_of([&] { make_directories(folder / "a/b/c"); }).empty());
    CHECK(error_of([&] { make_directories(folder / "a/d/"); }).empty());
    spill(folder / "file", "");
    check_parts(error_of([&] { make_directories(folder / "file"); }), {"/file: Not a directory"});
    check_parts(error_of([&] { make_directories(folder / "file/b"); }),
                {"/file/b: Not a directory"});
  }

  TEST_CASE("several writers of one file: the last whole file wins") {
    const TemporaryDirectory folder;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
      writers.emplace_back([&, writer] {
        const std::string bytes(30'000, static_cast<char>('a' + writer));
        for (int i = 0; i < 10; ++i) write_file_atomically(folder / "file", bytes);
      });
    }
    for (std::thread& writer : writers) writer.join();
    const std::string bytes = read_file(folder / "file");
    CHECK(bytes == std::string(30'000, bytes.at(0)));
    CHECK(folder.count() == 1);
  }
}
