#include "apps/support/signals.h"

#include <csignal>

namespace ink::apps {
namespace {

// Ctrl-C, kill, and a terminal that goes away.
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t received = 0;

}  // namespace

extern "C" {
static void remember_signal(int signal) {
  received = signal;
  for (const int each : kSignals) std::signal(each, SIG_DFL);
}
}

StopRequest::StopRequest() {
  received = 0;
  // A shell starts background jobs with SIGINT ignored, and so it stays.
  for (const int signal : kSignals) {
    if (std::signal(signal, remember_signal) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

StopRequest::~StopRequest() {
  for (const int signal : kSignals) {
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

int StopRequest::signal() const { return received; }

}  // namespace ink::apps
