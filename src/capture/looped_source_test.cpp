// A file read over and over.
#include "capture/looped_source.h"

#include "capture/file_test_bed.h"

namespace microcloud {
namespace {

class Looped : public FileSource {
 protected:
  std::vector<int64_t> times(const Writer& file, uint32_t passes, size_t burst) const {
    write(file.bytes());
    LoopedSource source([&] { return open_file(path()); }, passes);
    std::vector<int64_t> times;
    const Outcome outcome = read_all(source, burst);
    EXPECT_EQ(outcome.status, ReadStatus::End) << outcome.error;
    for (size_t at = 0; at < outcome.frames.size(); ++at) {
      EXPECT_EQ(outcome.frames[at].data, numbered(at % 3, 60));
      times.push_back(outcome.frames[at].time_us);
    }
    return times;
  }

  static Writer file(uint32_t first, uint32_t second, uint32_t third) {
    Writer file;
    file.file().record(first, 0, numbered(0, 60)).record(second, 0, numbered(1, 60)).record(third, 0, numbered(2, 60));
    return file;
  }
};

TEST_F(Looped, TimesGoOnAMicrosecondBehindTheLastOne) {
  for (const size_t burst : {1U, 2U, 64U}) {
    EXPECT_EQ(times(file(10, 11, 13), 3, burst),
              (std::vector<int64_t>{10'000'000, 11'000'000, 13'000'000, 13'000'001, 14'000'001, 16'000'001, 16'000'002,
                                    17'000'002, 19'000'002}));
  }
}

TEST_F(Looped, TheLatestOfTheBurstsLastOnesCounts) {
  EXPECT_EQ(times(file(10, 13, 11), 2, 2),
            (std::vector<int64_t>{10'000'000, 13'000'000, 11'000'000, 13'000'001, 16'000'001, 14'000'001}));
}

TEST_F(Looped, ItsPositionAndSizeAreOfAllPasses) {
  const Writer three = file(1, 2, 3);
  write(three.bytes());
  LoopedSource source([&] { return open_file(path()); }, 5);
  EXPECT_EQ(source.size(), 5 * three.bytes().size());
  EXPECT_EQ(read_all(source, 1).frames.size(), 15U);
  EXPECT_EQ(source.position(), source.size());
}

TEST_F(Looped, ABrokenFileEndsItInItsFirstPass) {
  write(file(1, 2, 3).bytes().substr(0, 24 + 2 * 76 + 20));
  LoopedSource source([&] { return open_file(path()); }, 5);
  const Outcome outcome = read_all(source);
  EXPECT_EQ(outcome.status, ReadStatus::Failed);
  EXPECT_EQ(outcome.frames.size(), 2U);
}

}  // namespace
}  // namespace microcloud
