#include "base/secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace microcloud {
namespace {

class SecretTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "secretXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override {
    unsetenv("CREDENTIALS_DIRECTORY");
    unsetenv("MC_TEST_SECRET");
    std::filesystem::remove_all(folder_);
  }
  std::string write(const std::string& text, mode_t mode = 0600) const {
    const std::string path = folder_ + "/token";
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  std::string folder_;
};

TEST_F(SecretTest, FirstLine) {
  EXPECT_EQ(read_secret(write("one two\nthree\n")), "one two");
  EXPECT_EQ(read_secret(write("bare", 0400)), "bare");
}

TEST_F(SecretTest, OthersMayReadASystemdCredential) {
  const std::string path = write("from systemd", 0644);
  EXPECT_THROW(read_secret(path), std::runtime_error);
  setenv("CREDENTIALS_DIRECTORY", folder_.c_str(), 1);
  EXPECT_EQ(read_secret(path), "from systemd");
}

TEST_F(SecretTest, RefusedWithTheReason) {
  const auto why = [](const std::string& path) {
    try {
      read_secret(path);
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(why(write("x\n", 0640)).find("chmod 600"), std::string::npos);
  EXPECT_NE(why(write("x\n", 0604)).find("chmod 600"), std::string::npos);
  EXPECT_NE(why(write("\nx")).find("no secret"), std::string::npos);
  EXPECT_NE(why(write(std::string(5000, 'x'))).find("too long"), std::string::npos);
  EXPECT_NE(why(folder_).find("no file"), std::string::npos);
  EXPECT_NE(why(folder_ + "/none").find("No such file"), std::string::npos);
}

TEST_F(SecretTest, FileThenEnvironmentThenCredential) {
  EXPECT_EQ(find_secret("", "MC_TEST_SECRET", "token"), "");
  const std::string path = write("from the file", 0600);
  setenv("CREDENTIALS_DIRECTORY", folder_.c_str(), 1);
  EXPECT_EQ(find_secret("", "MC_TEST_SECRET", "token"), "from the file");
  EXPECT_EQ(find_secret("", "MC_TEST_SECRET", "other"), "");
  setenv("MC_TEST_SECRET", "from outside", 1);
  EXPECT_EQ(find_secret("", "MC_TEST_SECRET", "token"), "from outside");
  EXPECT_EQ(find_secret(path, "MC_TEST_SECRET", "none"), "from the file");
}

}  // namespace
}  // namespace microcloud
