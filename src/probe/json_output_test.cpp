#include "probe/json_output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace microcloud {
namespace {

struct Body {
  uint64_t number = 0;
};
constexpr Field kFields[] = {field<&Body::number>("number", {"", pen::kOwn, 1}, "")};
const RecordType kType{"toy", "toy", kFields, sizeof(Body)};

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class JsonOutputTest : public testing::Test {
 protected:
  ~JsonOutputTest() override { std::remove(path_.c_str()); }
  static void put(JsonOutput& output, uint64_t number) {
    const Common common;
    const Body body{number};
    output.put({&kType, &common, &body});
  }
  std::string path_ = testing::TempDir() + "json_output_test." + std::to_string(getpid()) + ".json";
};

TEST_F(JsonOutputTest, WritesALineARecord) {
  JsonOutput output(path_);
  put(output, 1);
  put(output, 2);
  EXPECT_EQ(read_file(path_), "") << "it waits for more";
  output.flush();
  const std::string text = read_file(path_);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_NE(text.find("\"number\":1}\n{\"record\":\"toy\""), std::string::npos) << text;
  put(output, 3);
  output.finish();
  EXPECT_TRUE(read_file(path_).ends_with("\"number\":3}\n"));
  EXPECT_EQ(output.error(), "");
}

TEST_F(JsonOutputTest, LetsOutWhatGrowsLarge) {
  JsonOutput output(path_);
  for (uint64_t number = 0; number < 20'000; ++number) put(output, number);
  EXPECT_GT(read_file(path_).size(), size_t{1} << 20) << "memory stays bounded between flushes";
  output.finish();
  const std::string text = read_file(path_);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 20'000);
}

TEST_F(JsonOutputTest, ReplacesAnOlderFile) {
  std::ofstream(path_) << "old content that is much longer than what comes";
  JsonOutput(path_).finish();
  EXPECT_EQ(read_file(path_), "");
}

TEST_F(JsonOutputTest, FullDiskIsAnErrorAndNoMoreIsTaken) {
  JsonOutput output("/dev/full");
  put(output, 1);
  EXPECT_EQ(output.error(), "");
  output.flush();
  EXPECT_EQ(output.error(), "cannot write /dev/full: No space left on device");
  for (uint64_t number = 0; number < 20'000; ++number) put(output, number);
  output.finish();
  EXPECT_EQ(output.error(), "cannot write /dev/full: No space left on device");
}

TEST_F(JsonOutputTest, FileThatCannotBeMadeIsRefused) {
  const std::string path = testing::TempDir() + "no such folder/x.json";
  try {
    JsonOutput output(path);
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "cannot create " + path + ": No such file or directory");
  }
}

}  // namespace
}  // namespace microcloud
