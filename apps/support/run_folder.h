// Where a run puts its results.
#pragma once

#include <filesystem>
#include <functional>

#include "apps/support/settings.h"

namespace ink::apps {

struct RunFolder {
  std::filesystem::path root;

  // Makes the folders on the disk.
  void make() const;

  std::filesystem::path checkpoint() const { return root / "checkpoint"; }
  std::filesystem::path grids() const { return root / "grids"; }
  std::filesystem::path report() const { return root / "report.html"; }
  std::filesystem::path samples() const { return root / "samples.png"; }
  std::filesystem::path strip() const { return root / "denoising.png"; }
};

// A folder for a new run: --out, or runs/<name of the data>, or the next free runs/<name>-N. A run
// that is there already is never overwritten: throws Error saying how to resume it. Nothing is made
// yet; throws Error when the folder could not be.
RunFolder new_run_folder(const TrainOptions& options, const Settings& settings);

// The folder of the run to resume: --out, or the one in runs/ that was written to last.
RunFolder existing_run_folder(const TrainOptions& options);

// The run in runs/ that was written to last; an empty path when there is none.
std::filesystem::path latest_run();

// `path`, or the first of path-2, path-3, ... that is not taken.
std::filesystem::path first_free(const std::filesystem::path& path,
                                 const std::function<bool(const std::filesystem::path&)>& is_taken);

}  // namespace ink::apps
