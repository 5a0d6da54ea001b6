#include "base/huge_array.h"

#include <sys/mman.h>

#include <new>

namespace microcloud {

void* map_huge(size_t bytes, Pages pages) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  // A wish: where the kernel has no huge pages it is slower, not wrong.
  madvise(memory, bytes, pages == Pages::Huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return memory;
}

void unmap_huge(void* memory, size_t bytes) {
  munmap(memory, bytes);
}

}  // namespace microcloud
