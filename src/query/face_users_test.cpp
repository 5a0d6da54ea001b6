#include "query/face_users.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace microcloud {
namespace {

class UsersFile {
 public:
  explicit UsersFile(const std::string& text, mode_t mode = 0600) {
    const int descriptor = mkstemp(path_.data());
    EXPECT_GE(descriptor, 0);
    close(descriptor);
    std::ofstream(path_) << text;
    chmod(path_.c_str(), mode);
  }
  ~UsersFile() { unlink(path_.c_str()); }
  UsersFile(const UsersFile&) = delete;
  UsersFile& operator=(const UsersFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/microcloud-users-XXXXXX";
};

std::string refusal(const std::string& text, mode_t mode = 0600) {
  const UsersFile file(text, mode);
  try {
    FaceUsers::read(file.path());
  } catch (const std::runtime_error& error) {
    const std::string said = error.what();
    EXPECT_TRUE(said.starts_with(file.path())) << said;
    return said.substr(file.path().size());
  }
  return "taken";
}

TEST(FaceUsers, PasswordsPatternsAndChannels) {
  const UsersFile file(
      "# who may ask\n\n"
      "user ann on >one >two ~ip.10.* %R~probe.? &event.dns &event.f* +@read\n"
      "user bob on #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8 allkeys allchannels +@all\n"
      "user eve off >three allkeys\r\n");
  const FaceUsers users = FaceUsers::read(file.path());
  EXPECT_TRUE(users.authenticate("ann", "one") && users.authenticate("ann", "two"));
  EXPECT_TRUE(users.authenticate("bob", "password")) << "by its digest";
  for (const auto& [user, password] : {std::pair{"ann", ""},
                                       {"ann", "three"},
                                       {"ann", "onetwo"},
                                       {"bob", "one"},
                                       {"eve", "three"},
                                       {"", ""},
                                       {"default", ""}})
    EXPECT_FALSE(users.authenticate(user, password)) << user << " " << password;
  EXPECT_FALSE(users.authenticate("ann", std::string("one\0", 4)));
  EXPECT_TRUE(users.may_read("ann", "ip.10.0.0.1") && users.may_read("ann", "probe.p"));
  EXPECT_FALSE(users.may_read("ann", "ip.192.168.0.1") || users.may_read("ann", "probe.pp") ||
               users.may_read("ann", ""));
  EXPECT_TRUE(users.may_read("bob", "anything"));
  EXPECT_FALSE(users.may_read("nobody", "ip.10.0.0.1"));
}

TEST(FaceUsers, APatternOfChannelsMustBeTheirsAsItStands) {
  const UsersFile file("user ann on >one &event.dns &event.f* &alert.?\nuser bob on >two allchannels\n");
  const FaceUsers users = FaceUsers::read(file.path());
  EXPECT_TRUE(users.may_subscribe("ann", "event.dns") && users.may_subscribe("ann", "event.flow"));
  EXPECT_FALSE(users.may_subscribe("ann", "event.tls") || users.may_subscribe("ann", "event.dns.x"));
  EXPECT_TRUE(users.may_subscribe_pattern("ann", "event.f*") && users.may_subscribe_pattern("ann", "event.dns"));
  // Each of them matches as a text what the user may, and as a pattern more.
  for (const char* wider : {"*", "event.*", "event.fl*", "alert.*", "alert.?x", "event.[f]*"})
    EXPECT_FALSE(users.may_subscribe_pattern("ann", wider)) << wider;
  EXPECT_TRUE(users.may_subscribe_pattern("bob", "event.*") && users.may_subscribe_pattern("bob", "*"));
  EXPECT_FALSE(users.may_subscribe("nobody", "event.dns") || users.may_subscribe_pattern("nobody", "*"));
}

TEST(FaceUsers, WhatIsWrongIsToldWithItsLine) {
  EXPECT_EQ(refusal("user ann on >x\n", 0640).find(" can be read by others than its owner"), 0U);
  EXPECT_EQ(refusal("# nobody\n").find(" names no user"), 0U);
  EXPECT_EQ(refusal("\nann on >x\n").find(":2: a line begins with: user NAME"), 0U);
  EXPECT_EQ(refusal("user\n").find(":1: a line begins with"), 0U);
  EXPECT_EQ(refusal("user ann on\n").find(":1: user ann has no password"), 0U);
  EXPECT_EQ(refusal("user ann on >x\nuser ann on >y\n").find(":2: user ann stands there twice"), 0U);
  for (const char* word : {"+@write", "-@all", "nopass", "#123", "&&x-", ">"}) {
    const std::string said = refusal(std::string("user ann on >secret ") + word + "\n");
    if (std::string(word) == "&&x-") {
      EXPECT_EQ(said, "taken") << "any pattern is one";
    } else {
      EXPECT_EQ(said.find(":1: '"), 0U) << word << said;
      EXPECT_NE(said.find("accepted: on, off, >PASSWORD"), std::string::npos) << said;
    }
    EXPECT_EQ(said.find("secret"), std::string::npos) << "no secret in what is told";
  }
  try {
    FaceUsers::read("/nowhere/users");
    ADD_FAILURE();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "/nowhere/users cannot be read");
  }
}

}  // namespace
}  // namespace microcloud
