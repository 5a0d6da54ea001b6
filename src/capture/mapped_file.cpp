#include "capture/mapped_file.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

namespace microcloud {

namespace {

constexpr uintptr_t kPage = 4096;  // or a part of one: only addresses are rounded by it
// Pages are given back this many bytes at a time: each time costs a call.
constexpr ptrdiff_t kReleased = 16 << 20;

// What the signal's handler knows. A mapping's pages are touched by the thread that owns it only, so an entry does not
// change while the handler reads it for a fault in it.
struct Watch {
  std::atomic<bool> taken{false};
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};  // 0: none
  std::atomic<bool> damaged{false};
};
constexpr size_t kWatches = 256;
std::array<Watch, kWatches> g_watches;
struct sigaction g_before {};

// Only calls that a signal's handler may make.
void on_bus_error(int, siginfo_t* about, void*) {
  const auto at = reinterpret_cast<uintptr_t>(about->si_addr);
  for (Watch& watch : g_watches) {
    const uintptr_t end = watch.end.load(std::memory_order_acquire);
    if (at < watch.begin.load(std::memory_order_relaxed) || at >= end) continue;
    const uintptr_t page = at / kPage * kPage;
    const int error = errno;
    void* const zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    errno = error;
    if (zeros == MAP_FAILED) break;
    watch.damaged.store(true, std::memory_order_release);
    return;
  }
  ::sigaction(SIGBUS, &g_before, nullptr);  // the instruction faults again, for whoever was here before
}

void handle_bus_errors() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigaction(SIGBUS, &action, &g_before);
  });
}

size_t take_watch() {
  for (size_t at = 0; at < kWatches; ++at) {
    if (!g_watches[at].taken.exchange(true)) return at;
  }
  return kWatches;
}

void watch_over(Watch& watch, const uint8_t* begin, size_t size) {
  const auto first = reinterpret_cast<uintptr_t>(begin);
  watch.end.store(0, std::memory_order_release);
  watch.begin.store(first, std::memory_order_relaxed);
  watch.end.store(first + (size + kPage - 1) / kPage * kPage, std::memory_order_release);
}

uint64_t size_of(int fd) {
  struct stat about {};
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? static_cast<uint64_t>(about.st_size) : 0;
}

void advise(const uint8_t* from, const uint8_t* to, int advice) {
  const auto first = reinterpret_cast<uintptr_t>(from) / kPage * kPage;
  const int error = errno;
  // Only advice: where it is refused, pages come and go by themselves.
  ::madvise(reinterpret_cast<void*>(first), reinterpret_cast<uintptr_t>(to) - first, advice);
  errno = error;
}

}  // namespace

std::unique_ptr<MappedFile> MappedFile::open(int fd) {
  const uint64_t size = size_of(fd);
  if (size == 0) return nullptr;
  const size_t watch = take_watch();
  if (watch == kWatches) return nullptr;
  handle_bus_errors();
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) {
    g_watches[watch].taken.store(false);
    return nullptr;
  }
  return std::unique_ptr<MappedFile>(new MappedFile(fd, static_cast<const uint8_t*>(at), size, watch));
}

MappedFile::MappedFile(int fd, const uint8_t* begin, size_t size, size_t watch)
    : fd_(fd), begin_(begin), size_(size), watch_(watch), released_(begin) {
  g_watches[watch_].damaged.store(false);
  watch_over(g_watches[watch_], begin_, size_);
}

MappedFile::~MappedFile() {
  g_watches[watch_].end.store(0, std::memory_order_release);
  ::munmap(const_cast<uint8_t*>(begin_), size_);
  g_watches[watch_].taken.store(false);
}

void MappedFile::advance(const uint8_t* done, const uint8_t* from, size_t count) {
  if (done - released_ >= kReleased) {
    const uint8_t* const to = begin_ + (done - begin_) / static_cast<ptrdiff_t>(kPage) * static_cast<ptrdiff_t>(kPage);
    advise(released_, to, MADV_DONTNEED);
    released_ = to;
  }
  advise(from, from + std::min<size_t>(count, static_cast<size_t>(end() - from)), MADV_POPULATE_READ);
}

bool MappedFile::grow() {
  const uint64_t now = size_now();
  if (look() || now <= size_) return false;
  const ptrdiff_t released = released_ - begin_;
  void* const at = ::mremap(const_cast<uint8_t*>(begin_), size_, now, MREMAP_MAYMOVE);
  if (at == MAP_FAILED) return false;
  begin_ = static_cast<const uint8_t*>(at);
  size_ = now;
  released_ = begin_ + released;
  watch_over(g_watches[watch_], begin_, size_);
  return true;
}

bool MappedFile::look() {
  if (size_now() < size_) g_watches[watch_].damaged.store(true, std::memory_order_relaxed);
  return damaged();
}

bool MappedFile::damaged() const {
  return g_watches[watch_].damaged.load(std::memory_order_acquire);
}

uint64_t MappedFile::size_now() const {
  return size_of(fd_);
}

}  // namespace microcloud
