// The signals that end a long-running command.
#pragma once

#include <csignal>

namespace microcloud {

/// From now on SIGINT and SIGTERM call `handler`, which may do only what a signal's handler may.
inline void catch_stop_signals(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace microcloud
