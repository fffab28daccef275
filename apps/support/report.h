// The page that shows how a run went: one HTML file that needs nothing else.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/support/loss_history.h"

namespace ink::apps {

struct ReportPicture {
  std::string caption;
  std::string png;  // the bytes of the file
};

struct Report {
  std::string title;
  std::string status;                // one line: how far the run is
  std::vector<ReportPicture> grids;  // samples, in the order of time
  ReportPicture strip;               // the denoising; not shown when it has no bytes
  std::vector<Index> strip_times;    // of its columns
  const LossHistory* history;
  std::string command;
  std::vector<std::pair<std::string, std::string>> configuration;
};

std::string report_html(const Report& report);

}  // namespace ink::apps
