#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace microcloud {
namespace {

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "logXXXXXX";
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ + "/log";
  }
  void TearDown() override {
    set_up_log({});
    std::filesystem::remove_all(folder_);
  }
  static std::string text(const std::string& file) {
    std::ostringstream out;
    out << std::ifstream(file).rdbuf();
    return out.str();
  }

  std::string folder_;
  std::string file_;
};

TEST_F(LogTest, TextHasTimeLevelAndMessage) {
  set_up_log({.file = file_});
  log_warning("the interface is down");
  EXPECT_TRUE(std::regex_match(text(file_),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning the interface is down\n)")))
      << text(file_);
}

TEST_F(LogTest, JsonEscapesAndStaysOneLine) {
  set_up_log({.format = LogFormat::Json, .file = file_});
  log_error("a \"name\" with \\ and\na line");
  EXPECT_TRUE(
      std::regex_match(text(file_), std::regex(R"(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"error",)"
                                               R"("message":"a \\"name\\" with \\\\ and\\\\x0aa line"\}\n)")))
      << text(file_);
}

TEST_F(LogTest, AnHourlyWarningIsSaidAtOnceAndEachHour) {
  set_up_log({.file = file_});
  const auto lines = [&] {
    const std::string all = text(file_);
    return std::count(all.begin(), all.end(), '\n');
  };
  HourlyWarning warning("nobody is verified");
  EXPECT_EQ(lines(), 1);
  for (int second = 1; second < 3600; ++second) warning.second_passed();
  EXPECT_EQ(lines(), 1);
  warning.second_passed();
  EXPECT_EQ(lines(), 2);
  for (int second = 0; second < 3600; ++second) warning.second_passed();
  EXPECT_EQ(lines(), 3);
  EXPECT_NE(text(file_).find(" warning nobody is verified\n"), std::string::npos);
}

TEST_F(LogTest, LevelLeavesOutWhatIsBelow) {
  set_up_log({.level = LogLevel::Warning, .file = file_});
  log_info("one");
  log_warning("two");
  set_log_level(LogLevel::Debug);
  log_debug("three");
  set_log_level(LogLevel::Off);
  log_error("four");
  const std::string said = text(file_);
  EXPECT_EQ(said.find("one"), std::string::npos);
  EXPECT_NE(said.find("two"), std::string::npos);
  EXPECT_NE(said.find("three"), std::string::npos);
  EXPECT_EQ(said.find("four"), std::string::npos);
}

TEST_F(LogTest, ReopenGoesOnInANewFileAndKeepsTheOldOneWhenItCannot) {
  set_up_log({.file = file_});
  log_info("before");
  std::filesystem::rename(file_, file_ + ".1");
  EXPECT_EQ(reopen_log(), "");
  log_info("after");
  EXPECT_NE(text(file_ + ".1").find("before"), std::string::npos);
  EXPECT_NE(text(file_).find("after"), std::string::npos);

  std::filesystem::rename(folder_, folder_ + ".moved");
  std::ofstream(folder_) << "a file where the folder was";
  EXPECT_NE(reopen_log().find(file_), std::string::npos);
  log_info("still here");
  EXPECT_NE(text(folder_ + ".moved/log").find("still here"), std::string::npos);
  std::filesystem::remove(folder_);
  std::filesystem::rename(folder_ + ".moved", folder_);
}

TEST_F(LogTest, FileThatCannotBeOpenedIsNamed) {
  std::ofstream(file_) << "no folder";
  try {
    set_up_log({.file = file_ + "/log"});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("log file"), std::string::npos);
  }
}

}  // namespace
}  // namespace microcloud
