#include "base/huge_array.h"

#include <sys/mman.h>

#include <new>

namespace microcloud {

void* map_huge(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, bytes, MADV_HUGEPAGE);  // a wish: without huge pages it is slower, not wrong
  return memory;
}

void unmap_huge(void* memory, size_t bytes) {
  munmap(memory, bytes);
}

}  // namespace microcloud
