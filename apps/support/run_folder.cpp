#include "apps/support/run_folder.h"

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

bool holds_run(const fs::path& root) {
  std::error_code error;
  return fs::exists(root / "checkpoint" / kTrainingFile, error) ||
         fs::exists(root / "checkpoint" / kModelFile, error);
}

}  // namespace

fs::path first_free(const fs::path& path) {
  std::error_code error;
  fs::path candidate = path;
  for (int number = 2; fs::exists(candidate, error); ++number) {
    candidate = path;
    candidate += fmt::format("-{}", number);
  }
  return candidate;
}

RunFolder new_run_folder(const TrainOptions& options, const Settings& settings) {
  const std::string& data = settings.images.empty() ? settings.data : settings.images;
  const RunFolder folder{options.out ? fs::path(*options.out)
                                     : first_free(kRuns / folder_name(data))};
  check(!holds_run(folder.root), "--out",
        "{0} holds a run already: continue it with --resume --out {0}, or choose another folder",
        folder.root.string());
  make_directories(folder.checkpoint());
  make_directories(folder.grids());
  return folder;
}

RunFolder existing_run_folder(const TrainOptions& options) {
  if (options.out) return {*options.out};
  const fs::path latest = latest_run();
  check(!latest.empty(), "--resume", "there is no run in {}/: name its folder with --out",
        kRuns.string());
  return {latest};
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
