// On a real redis-server: answers, news of changes, what a slow or broken connection does.
#include "cloud/cloud_owners.h"

#include "cloud/owners_test_bed.h"

namespace microcloud {
namespace {

using Known = Owners::Known;

IpAddress address(uint8_t last) {
  const uint8_t bytes[] = {10, 0, 0, last};
  return IpAddress::v4(bytes);
}

class CloudOwnersTest : public OwnersTest {
 protected:
  void start(OwnersSettings settings = {}) {
    ASSERT_TRUE(writer_.wait_ready());
    OwnersTest::start(resp::Url::Kind::Node, {server_.endpoint()}, std::move(settings));
  }
  template <typename... Words>
  void write(const Words&... words) {
    const resp::Value reply = writer_.ask(words...);
    EXPECT_FALSE(reply.is_error()) << reply.text;
  }
  resp::RedisServer server_;
  Loop loop_;
  resp::TestClient writer_{loop_, server_};
};

TEST_F(CloudOwnersTest, IsAskedOnceAndHearsOfChanges) {
  start();
  write("HSET", "identity.10.0.0.1", "user", "anna");
  EXPECT_EQ(owner(address(1)), "anna");
  EXPECT_EQ(owner(address(2)), "nobody");
  for (int more = 0; more < 100; ++more) EXPECT_EQ(owner(address(1)), "anna");
  EXPECT_EQ(asked(), 2U);
  write("HSET", "identity.10.0.0.1", "user", "berta");
  EXPECT_TRUE(becomes(address(1), "berta"));
  write("HSET", "identity.10.0.0.2", "user", "carla");
  EXPECT_TRUE(becomes(address(2), "carla")) << "also where nobody was";
  EXPECT_EQ(asked(), 4U);
  write("FLUSHALL");
  EXPECT_TRUE(becomes(address(1), "nobody")) << "null: all keys";
}

TEST_F(CloudOwnersTest, AnAnswerLivesNoLongerThanItsKey) {
  start();
  write("HSET", "identity.10.0.0.1", "user", "anna");
  write("PEXPIRE", "identity.10.0.0.1", 1'000);
  EXPECT_EQ(owner(address(1)), "anna");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_EQ(owner(address(1)), "nobody") << "whether or not the server has said so";
}

TEST_F(CloudOwnersTest, AConnectionThatBrokeLeavesNothingInMemory) {
  start();
  write("HSET", "identity.10.0.0.1", "user", "anna");
  EXPECT_EQ(owner(address(1)), "anna");
  write("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  write("HSET", "identity.10.0.0.1", "user", "berta");
  EXPECT_TRUE(becomes(address(1), "berta"));
  write("HSET", "identity.10.0.0.1", "user", "carla");
  EXPECT_TRUE(becomes(address(1), "carla")) << "the new connection hears of changes too";
}

TEST_F(CloudOwnersTest, ASlowServerOpensTheBreakerAndATrialClosesIt) {
  OwnersSettings settings;
  settings.channel.breaker.failures = 1;
  settings.channel.breaker.first_pause = std::chrono::milliseconds(20);
  deadline_ = std::chrono::milliseconds(1'000);
  start(settings);
  server_.process().signal(SIGSTOP);
  owners_->owner(address(1), {});
  const auto end = std::chrono::steady_clock::now() + resp::kPatience;
  while (owners_->channel().answers() && std::chrono::steady_clock::now() < end) owners_->learn();
  EXPECT_FALSE(owners_->channel().answers());
  EXPECT_EQ(owners_->owner(address(2), {}).known, Known::Unknown) << "at once";
  server_.process().signal(SIGCONT);
  owners_->wait_until_ready(resp::kPatience);
  EXPECT_TRUE(becomes(address(2), "nobody"));
  EXPECT_EQ(owners_->channel().counts().opened.get(), 1U);
}

TEST_F(CloudOwnersTest, NobodyOwnsAGroupAndTooManyAreNotAsked) {
  OwnersSettings settings;
  settings.most_asked = 2;
  start(settings);
  const uint8_t group[] = {224, 0, 0, 1}, all[] = {255, 255, 255, 255};
  EXPECT_EQ(owners_->owner(IpAddress::v4(group), {}).known, Known::Nobody);
  EXPECT_EQ(owners_->owner(IpAddress::v4(all), {}).known, Known::Nobody);
  EXPECT_EQ(owners_->owner(address(1), {}).known, Known::Asked);
  EXPECT_EQ(owners_->owner(address(2), {}).known, Known::Asked);
  EXPECT_EQ(owners_->owner(address(3), {}).known, Known::Unknown);
  EXPECT_EQ(owners_->counts().too_many.get(), 1U);
}

TEST_F(CloudOwnersTest, HashesAreAskedForOnTheSameChannel) {
  start();
  write("HSET", "voip.endpoint.192.0.2.1:4000", "call", "c1", "end", "0");
  write("SET", "voip.call.c1", "a text");
  EXPECT_EQ(hash("voip.endpoint.192.0.2.1:4000"), (std::map<std::string, std::string>{{"call", "c1"}, {"end", "0"}}));
  EXPECT_EQ(hash("voip.endpoint.192.0.2.1:4002"), (std::map<std::string, std::string>{}));
  EXPECT_EQ(hash("voip.call.c1"), (std::map<std::string, std::string>{})) << "of another type";
  EXPECT_EQ(owners_->channel().counts().refused.get(), 1U);
  EXPECT_EQ(owner(address(1)), "nobody") << "users go on as before";
}

TEST_F(CloudOwnersTest, ChangesOfOtherTreesAreToldToWhoWatchesThem) {
  std::vector<std::string> heard;  // on the channel's thread, until stop()
  OwnersSettings settings;
  settings.channel.watched = {"tns.redir."};
  settings.hear_of_change = [&heard](const std::string& key) { heard.push_back(key); };
  start(settings);
  write("HSET", "tns.redir.10.0.0.9:1599", "server", "10.0.0.1:1521");
  write("HSET", "tns.other", "server", "10.0.0.1:1521");
  write("HSET", "identity.10.0.0.1", "user", "anna");
  EXPECT_TRUE(becomes(address(1), "anna"));
  EXPECT_EQ(hash("tns.redir.10.0.0.9:1599")->size(), 1U) << "behind all that was pushed before";
  owners_->stop();
  EXPECT_EQ(heard, std::vector<std::string>{"tns.redir.10.0.0.9:1599"});
}

}  // namespace
}  // namespace microcloud
