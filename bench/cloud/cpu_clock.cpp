// Loaded into redis-server (LD_PRELOAD): while a thread works through what epoll gave it, its clock goes by its own CPU
// time, so that INFO latencystats tells what calls took of that and not what other programs took meanwhile. Each
// epoll_wait sets the clock right again, so that it is behind by no more than the thread waited for a core since.
#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <time.h>

#include <cstdint>

namespace {

thread_local int64_t behind_us = 0;  // the CPU clock, behind the real one
thread_local bool is_set = false;

int64_t read_us(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace

extern "C" int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  using Wait = int (*)(int, epoll_event*, int, int);
  static const Wait wait = reinterpret_cast<Wait>(dlsym(RTLD_NEXT, "epoll_wait"));
  const int count = wait(epoll, events, most, timeout);
  behind_us = read_us(CLOCK_REALTIME) - read_us(CLOCK_THREAD_CPUTIME_ID);
  is_set = true;
  return count;
}

extern "C" int gettimeofday(timeval* now, void*) noexcept {
  const int64_t us = is_set ? read_us(CLOCK_THREAD_CPUTIME_ID) + behind_us : read_us(CLOCK_REALTIME);
  now->tv_sec = us / 1'000'000;
  now->tv_usec = us % 1'000'000;
  return 0;
}
