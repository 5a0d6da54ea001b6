#include "node/directory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace microcloud::node {
namespace {

class DirectoryTest : public testing::Test {
 protected:
  DirectoryTest() {
    settings_.directory = testing::TempDir() + "directory_test." + std::to_string(getpid());
    settings_.port = 7000;
    std::filesystem::create_directories(settings_.directory);
  }
  ~DirectoryTest() override { std::filesystem::remove_all(settings_.directory); }

  void leave_alone(unsigned port) {
    std::filesystem::create_directories(settings_.directory + "/" + std::to_string(port) + "/appendonlydir");
  }
  void leave_in_cluster(unsigned port, unsigned masters, unsigned replicas = 0) {
    leave_alone(port);
    std::ofstream file(settings_.directory + "/" + std::to_string(port) + "/nodes.conf");
    for (unsigned one = 0; one < masters + replicas; ++one) {
      const std::string flags = std::string(one == 0 ? "myself," : "") + (one < masters ? "master" : "slave");
      file << "id" << one << " 127.0.0.1:" << 7000 + one << "@" << 17000 + one << " " << flags
           << " - 0 0 1 connected\n";
    }
    file << "ffff :0@0 master,noaddr - 0 0 1 disconnected\nvars currentEpoch 3 lastVoteEpoch 0\n";
  }
  /// What the refusal says; empty: it is taken.
  std::string refusal() const {
    try {
      check_directory(settings_);
      return {};
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }

  NodeSettings settings_;
};

TEST_F(DirectoryTest, AnEmptyOneAndOneThatIsNotThereAreTaken) {
  for (const unsigned masters : {0U, 3U}) {
    settings_.masters = masters;
    EXPECT_EQ(refusal(), "");
  }
  settings_.directory += "/none";
  EXPECT_EQ(refusal(), "");
}

TEST_F(DirectoryTest, OneServerOfAClusterIsNotStartedAlone) {
  for (const unsigned port : {7000U, 7001U, 7002U}) leave_in_cluster(port, 2, 1);
  EXPECT_NE(refusal().find("/7000 holds one server of a Redis Cluster, which has a share"), std::string::npos);
  settings_.masters = 3;
  EXPECT_EQ(refusal(), "");
}

TEST_F(DirectoryTest, AMemberStaysAMember) {
  leave_in_cluster(7000, 3);
  EXPECT_NE(refusal().find("start it with --cluster-member, or"), std::string::npos);
  settings_.masters = 3;
  EXPECT_NE(refusal().find("of 3 whose others are not in this directory: start it with --cluster-member"),
            std::string::npos);
  settings_.masters = 0;
  settings_.cluster_member = true;
  EXPECT_EQ(refusal(), "");
}

// As a first start leaves it that some server did not come up in.
TEST_F(DirectoryTest, AClusterThatWasNeverFormedIsFormedAgain) {
  leave_in_cluster(7000, 1);
  settings_.masters = 3;
  EXPECT_EQ(refusal(), "");
}

TEST_F(DirectoryTest, WhatIsNotStartedIsNamed) {
  leave_alone(7000);
  leave_alone(7001);
  std::filesystem::create_directories(settings_.directory + "/secrets/appendonlydir");
  std::filesystem::create_directories(settings_.directory + "/7002");  // came up never
  ASSERT_EQ(check_directory(settings_).size(), 1U);
  EXPECT_NE(check_directory(settings_).front().find("/7001 holds the data"), std::string::npos);
}

}  // namespace
}  // namespace microcloud::node
