#include "apps/support/signals.h"

#include <csignal>
#include <initializer_list>

namespace ink::apps {
namespace {

volatile std::sig_atomic_t received = 0;

}  // namespace

extern "C" {
static void remember_signal(int signal) {
  received = signal;
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}
}

StopRequest::StopRequest() {
  received = 0;
  // A shell starts background jobs with SIGINT ignored, and so it stays.
  for (const int signal : {SIGINT, SIGTERM}) {
    if (std::signal(signal, remember_signal) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

StopRequest::~StopRequest() {
  for (const int signal : {SIGINT, SIGTERM}) {
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

int StopRequest::signal() const { return received; }

}  // namespace ink::apps
