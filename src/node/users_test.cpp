#include "node/users.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace microcloud::node {
namespace {

class UsersTest : public testing::Test {
 protected:
  UsersTest() : folder_(testing::TempDir() + "users_test." + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~UsersTest() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& user) const { return folder_ + "/secrets/" + user; }

  std::string folder_;
};

TEST_F(UsersTest, SecretsAreMadeOnceAndKept) {
  const Secrets first = keep_secrets(folder_);
  EXPECT_EQ(first.size(), users().size());
  EXPECT_EQ(secret_of(first, "probe").size(), 48U);
  EXPECT_NE(secret_of(first, "probe"), secret_of(first, "admin"));
  EXPECT_EQ(keep_secrets(folder_), first);
  struct stat facts {};
  ASSERT_EQ(::stat(file("probe").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
}

TEST_F(UsersTest, ASecretThatOthersMayReadIsRefused) {
  keep_secrets(folder_);
  ASSERT_EQ(::chmod(file("app").c_str(), 0644), 0);
  EXPECT_THROW(keep_secrets(folder_), std::runtime_error);
}

TEST_F(UsersTest, ASecretThatIsGivenIsTaken) {
  keep_secrets(folder_);
  std::ofstream(file("reader")) << "abc\n";
  const Secrets secrets = keep_secrets(folder_);
  EXPECT_EQ(secret_of(secrets, "reader"), "abc");
  // SHA-256 of "abc": FIPS 180-4's example.
  EXPECT_NE(acl_text(secrets).find("user reader on #ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad "),
            std::string::npos);
}

TEST_F(UsersTest, AclNamesNoSecretAndLocksOutTheDefaultUser) {
  const Secrets secrets = keep_secrets(folder_);
  const std::string acl = acl_text(secrets);
  EXPECT_TRUE(acl.starts_with("user default reset ~* &* +@all\n"));
  for (const auto& [name, secret] : secrets) {
    EXPECT_EQ(acl.find(secret), std::string::npos);
    EXPECT_NE(acl.find("user " + name + " on #"), std::string::npos);
  }
  EXPECT_NE(acl.find(" ~ip.* ~*/ip.* "), std::string::npos);
  EXPECT_NE(acl.find(" %R~list.* %R~*/list.* "), std::string::npos);
  EXPECT_EQ(acl.find("TREES"), std::string::npos);
}

}  // namespace
}  // namespace microcloud::node
