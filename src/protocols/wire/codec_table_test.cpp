// Codecs from a file: what is added, what is replaced, what is refused and where.
#include "protocols/wire/codec_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace microcloud {
namespace {

struct CodecFile {
  explicit CodecFile(const std::string& text)
      : path((std::filesystem::temp_directory_path() / ("codecs." + std::to_string(getpid()))).string()) {
    std::ofstream(path) << text;
  }
  ~CodecFile() { std::filesystem::remove(path); }
  CodecFile(const CodecFile&) = delete;
  CodecFile& operator=(const CodecFile&) = delete;
  std::string path;
};

CodecTable table_of(const std::string& text) {
  CodecTable table;
  table.read(CodecFile(text).path);
  return table;
}
/// What is said of it, behind the file's name.
std::string refusal_of(const std::string& text) {
  const CodecFile file(text);
  try {
    CodecTable().read(file.path);
  } catch (const std::runtime_error& error) {
    const std::string said = error.what();
    EXPECT_TRUE(said.starts_with(file.path + ":")) << said;
    return said.substr(file.path.size() + 1);
  }
  return "";
}

TEST(CodecTable, WhatIsBuiltIn) {
  const CodecTable table;
  EXPECT_EQ(table.find("PCMA")->bpl, 25.1);
  EXPECT_EQ(table.find("G729")->ie, 11);
  EXPECT_FALSE(table.find("G722")) << "wideband";
  EXPECT_FALSE(table.find("VP8"));
  EXPECT_FALSE(table.find(""));
}

TEST(CodecTable, AFileAddsAndReplaces) {
  const CodecTable table = table_of("# name Ie Bpl\n\n pcmu\t0 4.3 # no concealment\r\nilbc 11 32\nG723 15.5 1000");
  EXPECT_EQ(table.find("PCMU")->bpl, 4.3);
  EXPECT_EQ(table.find("ILBC")->ie, 11);
  EXPECT_EQ(table.find("ILBC")->bpl, 32);
  EXPECT_EQ(table.find("G723")->ie, 15.5);
  EXPECT_EQ(table.find("PCMA")->bpl, 25.1) << "as it was";
  EXPECT_TRUE(table_of("").find("PCMU"));
}

TEST(CodecTable, WhatIsWrongIsToldWithItsLine) {
  EXPECT_EQ(refusal_of("PCMU 0 4.3\nG729 11\n"), "2: not of the form NAME IE BPL, as PCMU 0 25.1");
  EXPECT_EQ(refusal_of("PCMU 0 4.3 5"), "1: not of the form NAME IE BPL, as PCMU 0 25.1");
  EXPECT_EQ(refusal_of("#\nPCMU x 4.3"), "2: Ie 'x' is no number from 0 to 95");
  for (const std::string ie : {"-1", "95.1", "1e1", "1,5", "nan", "inf", "0x1"}) {
    EXPECT_EQ(refusal_of("PCMU " + ie + " 4.3"), "1: Ie '" + ie + "' is no number from 0 to 95");
  }
  for (const std::string bpl : {"0", "0.05", "-4", "1001", "x"}) {
    EXPECT_EQ(refusal_of("PCMU 0 " + bpl), "1: Bpl '" + bpl + "' is no number from 0.1 to 1000");
  }
  EXPECT_EQ(refusal_of("PCMU 0 4\npcmu 0 5"), "2: 'PCMU' stands in the file twice");
  EXPECT_EQ(refusal_of("ABCDEFGHIJKLMNOPQ 0 4"),
            "1: the name 'ABCDEFGHIJKLMNOPQ' is too long (accepted: 16 characters)");
  std::string many;
  for (int number = 0; number <= 1000; ++number) many += "C" + std::to_string(number) + " 0 1\n";
  EXPECT_EQ(refusal_of(many), "1001: too many codecs (accepted: 1000)");
}

TEST(CodecTable, AFileThatCannotBeRead) {
  EXPECT_THROW(CodecTable().read("/not/there"), std::runtime_error);
  EXPECT_THROW(CodecTable().read("/"), std::runtime_error);
}

}  // namespace
}  // namespace microcloud
