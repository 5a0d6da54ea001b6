// A large array whose memory is taken as it is touched, on huge pages where the kernel has some.
#pragma once

#include <cstddef>
#include <utility>

namespace microcloud {

/// Small: where the first touch of a huge page, which the kernel fills with zeros (up to milliseconds), is too long a
/// pause.
enum class Pages : bool { Huge, Small };

/// Address space of `bytes`, zero-filled, nothing resident yet. Throws std::bad_alloc when the kernel refuses.
void* map_huge(size_t bytes, Pages pages);
void unmap_huge(void* memory, size_t bytes);

/// `T` must be fine as all zero bytes.
template <typename T>
class HugeArray {
 public:
  explicit HugeArray(size_t count = 0, Pages pages = Pages::Huge)
      : data_(count > 0 ? static_cast<T*>(map_huge(count * sizeof(T), pages)) : nullptr), count_(count) {}
  ~HugeArray() {
    if (data_ != nullptr) unmap_huge(data_, count_ * sizeof(T));
  }
  HugeArray(HugeArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  HugeArray& operator=(HugeArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  T& operator[](size_t at) { return data_[at]; }
  const T& operator[](size_t at) const { return data_[at]; }
  T* data() { return data_; }
  size_t size() const { return count_; }

 private:
  T* data_;
  size_t count_;
};

}  // namespace microcloud
