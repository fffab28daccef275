#include "apps/support/run_folder.h"

#include <unistd.h>

#include <system_error>

#include "apps/support/checkpoint.h"
#include "io/file.h"
#include "tensor/check.h"

namespace ink::apps {
namespace {

namespace fs = std::filesystem;

const fs::path kRuns = "runs";

// The last folder of a path: "mnist" of "data/mnist/".
std::string folder_name(const fs::path& path) {
  const fs::path normal = fs::weakly_canonical(path);
  return normal.filename().empty() ? "run" : normal.filename().string();
}

// Removes the half-written files of a process that was killed.
void remove_leftovers(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    if (name.find(".tmp-") != std::string::npos) fs::remove(entry->path(), ignored);
  }
}

// The nearest folder above that exists must be one in which we may write.
void check_can_be_made(const fs::path& folder) {
  std::error_code error;
  fs::path above = fs::absolute(folder).lexically_normal();
  while (!fs::exists(above, error) && above.has_relative_path()) above = above.parent_path();
  check(fs::is_directory(above, error), "--out", "cannot make {}: {} is not a folder",
        folder.string(), above.string());
  check(::access(above.c_str(), W_OK | X_OK) == 0, "--out", "cannot make {}: no permission in {}",
        folder.string(), above.string());
}

bool holds_run(const fs::path& root) {
  std::error_code error;
  return fs::exists(root / "checkpoint" / kTrainingFile, error) ||
         fs::exists(root / "checkpoint" / kModelFile, error);
}

}  // namespace

void RunFolder::make() const {
  make_directories(checkpoint());
  make_directories(grids());
}

fs::path first_free(const fs::path& path, const std::function<bool(const fs::path&)>& is_taken) {
  fs::path candidate = path;
  for (int number = 2; is_taken(candidate); ++number) {
    candidate = path;
    candidate += fmt::format("-{}", number);
  }
  return candidate;
}

RunFolder new_run_folder(const TrainOptions& options, const Settings& settings) {
  const std::string& data = settings.images.empty() ? settings.data : settings.images;
  const RunFolder folder{options.out ? fs::path(*options.out)
                                     : first_free(kRuns / folder_name(data), holds_run)};
  check(!holds_run(folder.root), "--out",
        "{0} holds a run already: continue it with --resume --out {0}, or choose another folder",
        folder.root.string());
  check_can_be_made(folder.root);
  return folder;
}

RunFolder existing_run_folder(const TrainOptions& options) {
  const RunFolder folder{options.out ? fs::path(*options.out) : latest_run()};
  check(!folder.root.empty(), "--resume", "there is no run in {}/: name its folder with --out",
        kRuns.string());
  remove_leftovers(folder.checkpoint());
  return folder;
}

fs::path latest_run() {
  std::error_code error;
  fs::path latest;
  fs::file_time_type latest_time{};
  for (fs::directory_iterator entry(kRuns, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code missing;
    const auto time = fs::last_write_time(entry->path() / "checkpoint" / kTrainingFile, missing);
    if (missing || (!latest.empty() && time <= latest_time)) continue;
    latest = entry->path();
    latest_time = time;
  }
  return latest;
}

}  // namespace ink::apps
