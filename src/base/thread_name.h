// Names for threads, as `top -H`, `ps -L` and debuggers show them.
#pragma once

#include <pthread.h>

#include <string>

namespace microcloud {

/// Names the calling thread. The kernel keeps 15 characters (pthread_setname_np(3)), so what is longer is cut.
inline void name_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace microcloud
