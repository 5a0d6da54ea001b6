// pcapng, draft-ietf-opsawg-pcapng.
#include "capture/file_test_bed.h"

namespace microcloud {
namespace {

TEST_F(FileSource, ReadsPcapngOfBothByteOrders) {
  for (const bool swapped : {false, true}) {
    Writer file(swapped);
    const std::string options = file.like().u16(9).u16(1).raw(std::string("\x09\0\0\0", 4)).u16(0).u16(0).bytes();
    file.section().interface(1, 65535, options).block(5, "statistics");
    file.packet(0, 1700000000123456789, numbered(1, 61), 1514).packet(0, 1000, numbered(2, 0));
    const Outcome outcome = read(file);
    ASSERT_EQ(outcome.status, ReadStatus::End) << outcome.error;
    ASSERT_EQ(outcome.frames.size(), 2U);
    EXPECT_EQ(outcome.frames[0].data, numbered(1, 61));
    EXPECT_EQ(outcome.frames[0].length, 1514U);
    EXPECT_EQ(outcome.frames[0].time_us, 1700000000123456);
    EXPECT_EQ(outcome.frames[1].time_us, 1);
  }
}

TEST_F(FileSource, ReadsPcapngTimesOfAnyResolutionAndOffset) {
  const std::string offset = Writer().u16(14).u16(8).u32(5).u32(0).bytes();
  const std::string binary = Writer().u16(9).u16(1).raw(std::string("\x8a\0\0\0", 4)).bytes();  // 2^-10 s
  const std::string finest = Writer().u16(9).u16(1).raw(std::string("\x13\0\0\0", 4)).bytes();  // 10^-19 s
  Writer file;
  file.section().interface(1, 100).interface(1, 200, offset).interface(1, 0, binary).interface(1, 0, finest);
  file.packet(0, 7, "a").packet(1, 7, "b").packet(2, 1536, "c").packet(3, 12000000000000000000U, "d");
  const Outcome outcome = read(file);
  ASSERT_EQ(outcome.frames.size(), 4U) << outcome.error;
  EXPECT_EQ(outcome.frames[0].time_us, 7);
  EXPECT_EQ(outcome.frames[1].time_us, 5000007);
  EXPECT_EQ(outcome.frames[2].time_us, 1500000);
  EXPECT_EQ(outcome.frames[3].time_us, 1200000);
}

TEST_F(FileSource, ReadsOldAndSimplePcapngPackets) {
  Writer file;
  file.section().interface(1, 6);
  file.block(2, Writer().u16(0).u16(3).u32(0).u32(9).u32(5).u32(50).raw("older").bytes());
  file.block(3, Writer().u32(50).raw("simple").bytes()).block(3, Writer().u32(3).raw("abc").bytes());
  const Outcome outcome = read(file);
  ASSERT_EQ(outcome.frames.size(), 3U) << outcome.error;
  EXPECT_EQ(outcome.frames[0].data, "older");
  EXPECT_EQ(outcome.frames[0].length, 50U);
  EXPECT_EQ(outcome.frames[0].time_us, 9);
  EXPECT_EQ(outcome.frames[1].data, "simple");
  EXPECT_EQ(outcome.frames[1].length, 50U);
  EXPECT_EQ(outcome.frames[2].data, "abc");
}

TEST_F(FileSource, ReadsSeveralPcapngSections) {
  Writer file;
  file.section().interface(1).packet(0, 1, "first");
  file.raw(Writer(true).section().interface(1).packet(0, 2, "second").bytes());
  const Outcome outcome = read(file);
  ASSERT_EQ(outcome.frames.size(), 2U) << outcome.error;
  EXPECT_EQ(outcome.frames[1].data, "second");
  EXPECT_EQ(outcome.frames[1].time_us, 2);
}

TEST_F(FileSource, RefusesASecondLinkTypeOnlyForItsPackets) {
  Writer file;
  file.section().interface(1).interface(101).packet(0, 1, "first");
  EXPECT_EQ(read(file).status, ReadStatus::End);
  const size_t offset = file.bytes().size();
  const Outcome outcome = read(file.packet(1, 2, "raw"));
  EXPECT_EQ(outcome.status, ReadStatus::Failed);
  EXPECT_EQ(outcome.frames.size(), 1U);
  EXPECT_EQ(outcome.error,
            at(offset, "is of link type 101 (RAW) in a file of 1 (EN10MB): one link type a file is supported"));
}

TEST_F(FileSource, TellsWherePcapngIsBroken) {
  const Writer good = Writer().section().interface(1).packet(0, 1, "good");
  const size_t next = good.bytes().size();
  const auto error_after = [&](const std::string& bytes) {
    const Outcome outcome = read(Writer(good).raw(bytes));
    EXPECT_EQ(outcome.frames.size(), 1U);
    return outcome.error;
  };
  EXPECT_EQ(error_after(Writer().u32(6).u32(8).u32(8).bytes()), at(next, "has a length of 8"));
  EXPECT_EQ(error_after(Writer().u32(5).u32(13).u32(13).raw("a").bytes()), at(next, "has a length of 13"));
  EXPECT_EQ(error_after(Writer().u32(5).u32(16).u32(0).u32(20).bytes()),
            at(next, "does not repeat its length at its end"));
  EXPECT_EQ(error_after(Writer().block(6, "short").bytes()), at(next, "is too short for its packet"));
  EXPECT_EQ(error_after(Writer().block(6, Writer().u32(0).u32(0).u32(0).u32(9).u32(9).raw("12345678").bytes()).bytes()),
            at(next, "is too short for its packet"));
  EXPECT_EQ(error_after(Writer().packet(1, 0, "x").bytes()), at(next, "is of interface 1, which is not described"));
  EXPECT_EQ(error_after(Writer().block(1, "").bytes()), at(next, "is too short for an interface description"));
  EXPECT_EQ(error_after(Writer().interface(1, 0, std::string("\x09\0\x01\0\x14\0\0\0", 8)).bytes()),
            at(next, "has a time resolution that is not supported"));
  EXPECT_EQ(error_after(Writer().block(0x0a0d0d0a, "no magic").bytes()), at(next, "has no byte-order magic"));
  EXPECT_EQ(error_after(Writer().u32(6).u32(0x7ffffffc).u32(0).bytes()),
            at(next, "is broken: its length 2147483632 is larger than the limit of 67108864"));
  EXPECT_EQ(error_after(Writer().packet(0, 0, "x").bytes().substr(0, 20)),
            at(next, "is cut: the file ends after 8 of the 24 bytes behind its header"));
}

TEST_F(FileSource, RefusesPcapngWithOneSentence) {
  EXPECT_EQ(refusal(Writer().section().interface(195).bytes()), ": link type 195 (IEEE802_15_4) is not supported");
  EXPECT_EQ(refusal(Writer().section().interface(1).bytes().substr(0, 40)),
            ": the record at byte 28 is cut: the file ends after 0 of the 8 bytes behind its header");
  EXPECT_EQ(read(Writer().section()).status, ReadStatus::End);
  EXPECT_EQ(read(Writer().section().packet(0, 1, "x")).error, at(28, "is of interface 0, which is not described"));
}

TEST_F(FileSource, FiltersAndCutsPcapng) {
  write(Writer().section().interface(1).packet(0, 1, udp_frame(80)).packet(0, 2, udp_frame(53)).bytes());
  const std::unique_ptr<Source> source = open_file(path(), "udp port 53", 20);
  const Outcome outcome = read_all(*source);
  ASSERT_EQ(outcome.frames.size(), 1U);
  EXPECT_EQ(outcome.frames[0].data, udp_frame(53).substr(0, 20));
  EXPECT_EQ(source->drops().filtered, 1U);
}

/// Runs `reader` with a pipe as standard input, into which `bytes` come in pieces.

}  // namespace
}  // namespace microcloud
