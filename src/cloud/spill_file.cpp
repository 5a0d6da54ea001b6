#include "cloud/spill_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace microcloud {
namespace {

constexpr size_t kBlockBytes = size_t{32} << 10;
constexpr uint64_t kGiveBackBytes = uint64_t{1} << 20;  // at once
constexpr uint64_t kPage = 4'096;                       // of file systems: parts of one are not given back
constexpr std::chrono::seconds kPause{1};               // until what failed is tried again

std::string last_error() {
  return std::system_category().message(errno);
}

/// Without a name, readable for this process only.
int open_nameless(const std::string& directory) {
  const int file = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  std::string name = directory + "/.microcloud-spill-XXXXXX";
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) unlink(name.c_str());
  return named;
}

}  // namespace

SpillFile::SpillFile(std::string directory, uint64_t most_bytes, HashSeed seed)
    : directory_(std::move(directory)), most_bytes_(most_bytes), seed_(seed), names_(seed) {
  file_ = open_nameless(directory_);
  if (file_ < 0) throw std::runtime_error("cannot make a file in " + directory_ + ": " + last_error());
}

SpillFile::~SpillFile() {
  close(file_);
}

bool SpillFile::push(const KeyUpdate& update, uint64_t elsewhere) {
  if (last_bytes_.size() >= kBlockBytes && !write_last(elsewhere)) return false;
  if (!append_update(last_bytes_, update, names_)) {
    refuse("there are too many different fields");
    return false;
  }
  last_.bytes = last_bytes_.size();
  last_.increments += update.increments();
  ++last_.updates;
  ++updates_;
  return true;
}

bool SpillFile::write_last(uint64_t elsewhere) {
  if (Clock::now() < write_again_) return false;
  if (bytes() + elsewhere > most_bytes_) give_back();
  if (bytes() + elsewhere > most_bytes_) {
    refuse(fmt::format("it has {} MB, as much as it may", most_bytes_ >> 20));
    return false;
  }
  for (size_t written = 0; written < last_bytes_.size();) {
    const ssize_t count =
        pwrite(file_, last_bytes_.data() + written, last_bytes_.size() - written, static_cast<off_t>(end_ + written));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      ++failures_;
      write_again_ = Clock::now() + kPause;
      refuse(count < 0 ? last_error() : "nothing more was written");
      return false;
    }
    written += static_cast<size_t>(count);
  }
  last_.checksum = hash_text(seed_, last_bytes_);
  end_ += last_.bytes;
  blocks_.push_back(std::exchange(last_, {}));
  last_bytes_.clear();
  return true;
}

/// The block that was not written stays, and is tried again.
void SpillFile::refuse(const std::string& why) {
  if (std::exchange(refusal_told_, true)) return;
  log_error("the spill file in " + directory_ + " takes no more, the oldest updates are lost: " + why);
}

void SpillFile::pop(const std::function<void(const SpilledUpdate&)>& take) {
  if (empty()) return;
  Block block;
  std::string why;
  if (blocks_.empty()) {
    block = std::exchange(last_, {});
    read_bytes_.swap(last_bytes_);
    last_bytes_.clear();
  } else {
    block = blocks_.front();
    blocks_.pop_front();
    why = read(block);
  }
  updates_ -= block.updates;
  if (empty()) refusal_told_ = false;
  uint64_t taken = 0;
  std::string_view rest = why.empty() ? std::string_view(read_bytes_) : std::string_view();
  while (!rest.empty()) {
    if (!read_update(rest, names_, update_)) {
      why = "what it holds is no update";
      break;
    }
    taken += update_.increments;
    take(update_);
  }
  if (!why.empty()) lose(block, block.increments - std::min(block.increments, taken), why);
}

/// The next block, into read_bytes_; why that did not do. Behind the last one the file begins anew.
std::string SpillFile::read(const Block& block) {
  std::string why;
  read_bytes_.resize(block.bytes);
  size_t count = 0;
  while (count < block.bytes && why.empty()) {
    const ssize_t now =
        pread(file_, read_bytes_.data() + count, block.bytes - count, static_cast<off_t>(begin_ + count));
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) why = now < 0 ? last_error() : "it is shorter than it was";
    if (now > 0) count += static_cast<size_t>(now);
  }
  if (why.empty() && hash_text(seed_, read_bytes_) != block.checksum) why = "it holds something else than was written";
  begin_ += block.bytes;
  if (blocks_.empty() || begin_ - given_back_ >= kGiveBackBytes) give_back();
  return why;
}

/// Where the file system cannot do that, what was read takes its room until all is.
void SpillFile::give_back() {
  if (blocks_.empty()) {
    if (ftruncate(file_, 0) == 0) begin_ = end_ = given_back_ = 0;
    return;
  }
  const uint64_t upto = begin_ / kPage * kPage;
  if (upto > given_back_ && fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                      static_cast<off_t>(given_back_), static_cast<off_t>(upto - given_back_)) == 0)
    given_back_ = upto;
}

void SpillFile::lose(const Block& block, uint64_t increments, const std::string& why) {
  ++failures_;
  lost_ += increments;
  if (std::exchange(loss_told_, true)) return;
  log_error(fmt::format("the spill file in {} cannot be read back, {} increments of {} keys are lost: {}", directory_,
                        increments, block.updates, why));
}

}  // namespace microcloud
