// Capture files written here by hand, byte by byte, and read back.
#include <fcntl.h>

#include <thread>

#include "capture/file_test_bed.h"

namespace microcloud {
namespace {

TEST_F(FileSource, ReadsBothByteOrdersAndBothPrecisions) {
  for (const bool swapped : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      Writer file(swapped);
      file.file(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
      file.record(1700000000, nanoseconds ? 123456789 : 123456, numbered(1, 60), 1514).record(1, 0, numbered(2, 61));
      const Outcome outcome = read(file);
      ASSERT_EQ(outcome.status, ReadStatus::End);
      ASSERT_EQ(outcome.frames.size(), 2U);
      EXPECT_EQ(outcome.frames[0].data, numbered(1, 60));
      EXPECT_EQ(outcome.frames[0].length, 1514U);
      EXPECT_EQ(outcome.frames[0].time_us, 1700000000123456);
      EXPECT_EQ(outcome.frames[1].data, numbered(2, 61));
      EXPECT_EQ(outcome.frames[1].time_us, 1000000);
    }
  }
}

TEST_F(FileSource, ReadsRareDialects) {
  Writer kuznetzov;
  kuznetzov.file(0xa1b2cd34);
  for (size_t i = 0; i < 2; ++i) {
    kuznetzov.u32(7).u32(i).u32(20).u32(20).u32(0x11111111).u32(0x22222222).raw(numbered(i, 20));
  }
  EXPECT_EQ(read(kuznetzov).frames.at(1).data, numbered(1, 20));

  Writer old;
  old.file(0xa1b2c3d4, 1, 65535, 2).u32(7).u32(8).u32(99).u32(20).raw(numbered(3, 20));
  const Outcome outcome = read(old);
  EXPECT_EQ(outcome.frames.at(0).data, numbered(3, 20));
  EXPECT_EQ(outcome.frames.at(0).length, 99U);
}

TEST_F(FileSource, TakesMicrosecondsAboveAMillion) {
  const Outcome outcome = read(Writer().file().record(10, 1500000, numbered(0, 20)));
  EXPECT_EQ(outcome.frames.at(0).time_us, 11500000);
}

TEST_F(FileSource, EndsAtOnceWithoutRecords) {
  const Outcome outcome = read(Writer().file());
  EXPECT_EQ(outcome.status, ReadStatus::End);
  EXPECT_TRUE(outcome.frames.empty());
}

TEST_F(FileSource, GivesEveryRecordAcrossTheBuffersEnds) {
  // Sizes without a common divisor with the buffer, one empty frame, and frames larger than the buffer.
  Writer file;
  file.file(0xa1b2c3d4, 1, 1U << 20);
  std::vector<size_t> sizes;
  for (size_t i = 0; i < 3000; ++i) sizes.push_back(i * 37 % 1500);
  sizes.push_back(300000);
  sizes.push_back(1000000);
  for (size_t i = 0; i < 3000; ++i) sizes.push_back(i * 41 % 1500);
  for (size_t i = 0; i < sizes.size(); ++i) file.record(static_cast<uint32_t>(i), 0, numbered(i, sizes[i]), 2000000);
  for (const size_t burst : {1U, 32U, 5000U}) {
    write(file.bytes());
    const std::unique_ptr<Source> source = open_file(path());
    const Outcome outcome = read_all(*source, burst);
    ASSERT_EQ(outcome.status, ReadStatus::End) << outcome.error;
    ASSERT_EQ(outcome.frames.size(), sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) ASSERT_EQ(outcome.frames[i].data, numbered(i, sizes[i])) << i;
    EXPECT_EQ(source->position(), file.bytes().size());
    EXPECT_EQ(source->size(), file.bytes().size());
  }
}

TEST_F(FileSource, FramesOfABurstStayUntilTheNextRead) {
  Writer file;
  file.file();
  for (size_t i = 0; i < 1000; ++i) file.record(0, 0, numbered(i, 1000));
  write(file.bytes());
  const std::unique_ptr<Source> source = open_file(path());
  std::vector<Frame> burst(1000);
  size_t number = 0;
  for (ReadResult result = source->read(burst); result.count > 0; result = source->read(burst)) {
    for (size_t i = 0; i < result.count; ++i, ++number) {
      ASSERT_EQ(std::string(burst[i].data, burst[i].data + burst[i].captured), numbered(number, 1000));
    }
  }
  EXPECT_EQ(number, 1000U);
}

TEST_F(FileSource, TellsWhereItIsCut) {
  const Writer whole = Writer().file().record(1, 0, numbered(1, 60)).record(2, 0, numbered(2, 60));
  const size_t second = 24 + 16 + 60;
  for (size_t size = second + 1; size < whole.bytes().size(); ++size) {
    write(whole.bytes().substr(0, size));
    const Outcome outcome = read_all(*open_file(path()));
    ASSERT_EQ(outcome.status, ReadStatus::Failed);
    ASSERT_EQ(outcome.frames.size(), 1U);
    const size_t held = size - second;
    const std::string what =
        held < 16 ? "is cut: the file ends after " + std::to_string(held) + " of the 16 bytes of its header"
                  : "is cut: the file ends after " + std::to_string(held - 16) + " of the 60 bytes behind its header";
    ASSERT_EQ(outcome.error, at(second, what));
  }
}

TEST_F(FileSource, RefusesARecordLongerThanTheLimit) {
  const Writer file =
      Writer().file().record(1, 0, numbered(1, 60)).u32(2).u32(0).u32(262145).u32(60).raw(numbered(2, 60));
  const Outcome outcome = read(file);
  EXPECT_EQ(outcome.status, ReadStatus::Failed);
  EXPECT_EQ(outcome.frames.size(), 1U);
  EXPECT_EQ(outcome.error, at(100, "is broken: its length 262145 is larger than the limit of 262144"));

  const Outcome huge = read(Writer().file(0xa1b2c3d4, 1, ~0U).u32(2).u32(0).u32(~0U).u32(60));
  EXPECT_EQ(huge.error, at(24, "is broken: its length 4294967295 is larger than the limit of 67108864"));
}

TEST_F(FileSource, RefusesARecordLongerThanTheLimitThatIsThere) {
  const Outcome outcome = read(Writer().file().record(1, 0, numbered(1, 60)).record(2, 0, numbered(2, 262145)));
  EXPECT_EQ(outcome.frames.size(), 1U);
  EXPECT_EQ(outcome.error, at(100, "is broken: its length 262145 is larger than the limit of 262144"));
}

/// Many records, so that they are not all read at once.
class ChangingFile : public FileSource {
 protected:
  static constexpr size_t kRecords = 8000;
  static constexpr size_t kData = 1000;
  static constexpr size_t kRecord = 16 + kData;

  static Writer records(size_t from, size_t to) {
    Writer file;
    if (from == 0) file.file();
    for (size_t i = from; i < to; ++i) file.record(static_cast<uint32_t>(i), 0, numbered(i, kData));
    return file;
  }
  static void expect_whole(const Outcome& outcome, size_t first) {
    for (size_t i = 0; i < outcome.frames.size(); ++i) {
      ASSERT_EQ(outcome.frames[i].data, numbered(first + i, kData)) << first + i;
    }
  }
};

TEST_F(ChangingFile, IsReadToTheEndThatItHasThen) {
  write(records(0, kRecords / 2).bytes());
  const std::unique_ptr<Source> source = open_file(path());
  std::vector<Frame> burst(32);
  ASSERT_EQ(source->read(burst).count, 32U);
  std::FILE* const file = std::fopen(path().c_str(), "ab");
  const std::string more = records(kRecords / 2, kRecords).bytes();
  ASSERT_EQ(std::fwrite(more.data(), 1, more.size(), file), more.size());
  std::fclose(file);

  const Outcome outcome = read_all(*source);
  EXPECT_EQ(outcome.status, ReadStatus::End) << outcome.error;
  ASSERT_EQ(outcome.frames.size(), kRecords - 32);
  expect_whole(outcome, 32);
}

// The bytes are the system's own: reading one that is gone is a signal.
TEST_F(ChangingFile, ThatBecomesShorterIsToldAndNothingThatIsNotThereIsGiven) {
  for (const size_t left : {size_t{100}, kRecords / 2}) {  // within what was asked for already, and beyond it
    write(records(0, kRecords).bytes());
    const std::unique_ptr<Source> source = open_file(path());
    std::vector<Frame> burst(32);
    ASSERT_EQ(source->read(burst).count, 32U);
    const size_t size = 24 + left * kRecord + 5;
    ASSERT_EQ(::truncate(path().c_str(), static_cast<off_t>(size)), 0);

    const Outcome outcome = read_all(*source);
    EXPECT_EQ(outcome.status, ReadStatus::Failed);
    EXPECT_EQ(outcome.error,
              path() + " became shorter while it was read: it ends at byte " + std::to_string(size) + " now");
    EXPECT_EQ(outcome.frames.size(), left - 32) << "all that is whole, and no more";
    expect_whole(outcome, 32);
  }
}

TEST_F(ChangingFile, ManyAtOnceAreReadOneWayOrTheOther) {
  write(records(0, 100).bytes());
  std::vector<std::unique_ptr<Source>> sources(300);
  for (std::unique_ptr<Source>& source : sources) source = open_file(path());
  for (const std::unique_ptr<Source>& source : sources) {
    const Outcome outcome = read_all(*source);
    ASSERT_EQ(outcome.frames.size(), 100U);
    expect_whole(outcome, 0);
  }
}

TEST_F(FileSource, TakesTheFrameCheckSequenceOff) {
  const uint32_t two_words = 0x24000001;
  const Outcome outcome = read(Writer()
                                   .file(0xa1b2c3d4, two_words)
                                   .record(0, 0, numbered(1, 64))
                                   .record(0, 0, numbered(2, 40), 64)
                                   .record(0, 0, numbered(3, 62), 64)
                                   .record(0, 0, numbered(4, 2)));
  ASSERT_EQ(outcome.frames.size(), 4U);
  EXPECT_EQ(outcome.frames[0].data, numbered(1, 60));
  EXPECT_EQ(outcome.frames[0].length, 60U);
  EXPECT_EQ(outcome.frames[1].data, numbered(2, 40));
  EXPECT_EQ(outcome.frames[2].data, numbered(3, 60));
  EXPECT_TRUE(outcome.frames[3].data.empty());
  EXPECT_EQ(read(Writer().file(0xa1b2c3d4, 0x20000001).record(0, 0, numbered(1, 64))).frames.at(0).length, 64U);
}

TEST_F(FileSource, FiltersAndCounts) {
  Writer file;
  file.file();
  for (unsigned i = 0; i < 100; ++i) file.record(i, 0, udp_frame(i % 4 == 0 ? 53 : 80));
  write(file.bytes());
  const std::unique_ptr<Source> source = open_file(path(), "udp port 53");
  const Outcome outcome = read_all(*source);
  ASSERT_EQ(outcome.frames.size(), 25U);
  EXPECT_EQ(outcome.frames[1].time_us, 4000000);
  EXPECT_EQ(source->drops().filtered, 75U);
}

TEST_F(FileSource, FiltersRawAddressesOfALinkTypeThatLibpcapNumbersOtherwise) {
  const Outcome outcome =
      read(Writer().file(0xa1b2c3d4, 101).record(0, 0, udp_frame(53).substr(14)).record(1, 0, udp_frame(80).substr(14)),
           "udp dst port 80");
  ASSERT_EQ(outcome.frames.size(), 1U);
  EXPECT_EQ(outcome.frames[0].time_us, 1000000);
}

TEST_F(FileSource, CutsToTheSnapLengthAfterTheFilter) {
  const Outcome outcome = read(Writer().file().record(0, 0, udp_frame(53)), "udp port 53", 20);
  ASSERT_EQ(outcome.frames.size(), 1U);
  EXPECT_EQ(outcome.frames[0].data, udp_frame(53).substr(0, 20));
  EXPECT_EQ(outcome.frames[0].length, 42U);
  EXPECT_EQ(read(Writer().file().record(0, 0, numbered(0, 90)), "", 20).frames.at(0).data, numbered(0, 20));
}

TEST_F(FileSource, RefusesWithOneSentence) {
  const std::string header = Writer().file().bytes();
  EXPECT_EQ(refusal_of(folder_ + "/none"), ": No such file or directory");
  EXPECT_EQ(refusal_of(folder_), " is a directory, not a capture file");
  EXPECT_EQ(refusal(""), " is empty");
  EXPECT_EQ(refusal(header.substr(0, 23)), " is cut in its first 24 bytes");
  EXPECT_EQ(refusal("{\"a\": 1}"), " is not a capture file: it begins with 7b 22 61 22; pcap and pcapng are read");
  EXPECT_EQ(refusal("\x1f\x8b\x08"),
            " is not a capture file: it begins with 1f 8b 08 (gzip: unpack it, perhaps into standard input); pcap and "
            "pcapng are read");
  EXPECT_EQ(refusal(Writer().file(0xa1b2c3d4, 195).bytes()), ": link type 195 (IEEE802_15_4) is not supported");
  EXPECT_EQ(refusal(Writer().file(0xa1b2c3d4, 100).bytes()), ": link type 100 (ATM_RFC1483) is not supported");
  EXPECT_EQ(refusal(Writer().file(0xa1b2c3d4, 9999).bytes()), ": link type 9999 is not supported");
  EXPECT_EQ(refusal(Writer().u32(0xa1b2c3d4).u16(3).u16(0).raw(std::string(16, '\0')).bytes()),
            ": pcap version 3.0 is not supported, only 2.x");
  EXPECT_EQ(refusal(header, "udp prot 53").rfind("bad BPF filter 'udp prot 53': ", 0), 0U);
}

TEST_F(FileSource, NamesLinkTypes) {
  EXPECT_EQ(link_type_name(LinkType::Ethernet), "EN10MB");
  EXPECT_EQ(link_type_name(LinkType::Raw), "RAW");
  EXPECT_EQ(link_type_name(LinkType::LinuxSll2), "LINUX_SLL2");
  EXPECT_EQ(link_type_name(static_cast<LinkType>(9999)), "LINKTYPE_9999");
  EXPECT_TRUE(supported(LinkType::Nflog));
  EXPECT_FALSE(supported(static_cast<LinkType>(195)));
}

void with_standard_input(const std::string& bytes, const std::function<void()>& reader) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int kept = ::dup(STDIN_FILENO);
  ASSERT_GE(kept, 0);
  ASSERT_GE(::dup2(ends[0], STDIN_FILENO), 0);
  ::close(ends[0]);
  std::thread writer([&] {
    for (size_t at = 0; at < bytes.size(); at += 70001) {
      const std::string piece = bytes.substr(at, 70001);
      if (::write(ends[1], piece.data(), piece.size()) < 0) break;
    }
    ::close(ends[1]);
  });
  reader();
  writer.join();
  ::dup2(kept, STDIN_FILENO);
  ::close(kept);
}

TEST_F(FileSource, ReadsStandardInputThroughAPipe) {
  Writer pcap;
  pcap.file();
  Writer pcapng;
  pcapng.section().interface(1);
  for (size_t i = 0; i < 1000; ++i) {
    pcap.record(0, 0, numbered(i, 1000));
    pcapng.packet(0, 0, numbered(i, 1000));
  }
  for (const Writer* file : {&pcap, &pcapng}) {
    with_standard_input(file->bytes(), [] {
      const std::unique_ptr<Source> source = open_file("-");
      EXPECT_EQ(source->size(), 0U);
      const Outcome outcome = read_all(*source);
      ASSERT_EQ(outcome.status, ReadStatus::End) << outcome.error;
      ASSERT_EQ(outcome.frames.size(), 1000U);
      for (size_t i = 0; i < 1000; ++i) ASSERT_EQ(outcome.frames[i].data, numbered(i, 1000));
    });
  }
  with_standard_input(pcap.bytes().substr(0, 50), [] {
    EXPECT_EQ(
        read_all(*open_file("-")).error,
        "standard input: the record at byte 24 is cut: the file ends after 10 of the 1000 bytes behind its header");
  });
}

TEST_F(FileSource, AQuietPipeIsIdleAndGivesWhatCameAtOnce) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  const int writer = ::open(path().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  const std::string bytes = Writer().file().record(1, 0, "first").record(2, 0, "second").bytes();
  const auto send = [&](size_t from, size_t to) {
    ASSERT_EQ(::write(writer, bytes.data() + from, to - from), static_cast<ssize_t>(to - from));
  };
  send(0, 24);
  const std::unique_ptr<Source> source = open_file(path());
  Frame burst[4];
  EXPECT_EQ(source->read(burst).status, ReadStatus::Idle);
  send(24, 50);
  const ReadResult first = source->read(burst);
  EXPECT_EQ(first.status, ReadStatus::More);
  ASSERT_EQ(first.count, 1U);
  EXPECT_EQ(burst[0].captured, 5U);
  EXPECT_EQ(source->read(burst).status, ReadStatus::Idle);
  send(50, bytes.size());
  EXPECT_EQ(source->read(burst).count, 1U);
  ::close(writer);
  EXPECT_EQ(source->read(burst).status, ReadStatus::End);
}

}  // namespace
}  // namespace microcloud
