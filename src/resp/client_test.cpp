#include "resp/client.h"

#include "resp/gate_test_bed.h"

namespace microcloud::resp {
namespace {

using std::chrono::milliseconds;

Commands incr(const char* key, int times = 1) {
  Commands commands;
  for (int time = 0; time < times; ++time) commands.add("INCR", key);
  return commands;
}

TEST(Client, RepliesComeInOrderAndTheServerIsKnown) {
  Loop loop;
  RedisServer server;
  TestClient client(loop, server, {.name = "tester"});
  ASSERT_TRUE(client.wait_ready());
  EXPECT_EQ(client.told.back(), "ready " + server.endpoint().text());

  const NodeFacts& node = client.client.node();
  EXPECT_TRUE(node.version.find('.') != std::string::npos) << node.version;
  EXPECT_EQ(node.run_id.size(), 40U);
  EXPECT_EQ(node.role.kind, Role::Kind::Master);
  EXPECT_EQ(client.ask("CLIENT", "ID").integer, node.client_id);
  EXPECT_EQ(client.ask("CLIENT", "GETNAME").text, "tester");

  const Result result = client.result(incr("n", 20'000));
  ASSERT_EQ(result.outcome, Outcome::Ok) << result.why;
  ASSERT_EQ(result.replies.size(), 20'000U);
  for (size_t at = 0; at < result.replies.size(); ++at)
    ASSERT_EQ(result.replies[at].integer, static_cast<int64_t>(at) + 1);
  EXPECT_EQ(client.client.awaited(), 0U);

  Commands mixed = incr("n");
  mixed.add("HGET", "n", "field");
  mixed.add("PING");
  const Result with_error = client.result(std::move(mixed));
  EXPECT_EQ(with_error.outcome, Outcome::Ok) << "answered, one by an error";
  EXPECT_EQ(error_code(with_error.replies[1]), "WRONGTYPE");
  EXPECT_TRUE(with_error.replies[2].is("PONG"));
}

TEST(Client, AclUserAndWrongPassword) {
  Loop loop;
  RedisServer server({"--user", "probe", "on", ">pass", "~*", "+@all"});
  TestClient right(loop, server, {.user = "probe", .password = "pass"});
  ASSERT_TRUE(right.wait_ready());
  EXPECT_EQ(right.ask("ACL", "WHOAMI").text, "probe");

  TestClient wrong(loop, server, {.user = "probe", .password = "other"});
  ASSERT_TRUE(run_until(loop, [&] { return !wrong.told.empty(); }));
  run_until(
      loop, [] { return false; }, std::chrono::seconds(1));
  ASSERT_EQ(wrong.told.size(), 1U) << "once, however many attempts";
  EXPECT_NE(wrong.told[0].find("WRONGPASS"), std::string::npos) << wrong.told[0];
  EXPECT_EQ(wrong.told[0].find("other"), std::string::npos);
}

TEST(Client, AUserWithoutTheRightToAskForFactsIsReady) {
  Loop loop;
  RedisServer server({"--user", "small", "on", ">pass", "~*", "+get", "+hello"});
  TestClient client(loop, server, {.user = "small", .password = "pass"});
  ASSERT_TRUE(client.wait_ready());
  EXPECT_EQ(client.client.node().role.kind, Role::Kind::Unknown);
  EXPECT_EQ(client.client.node().run_id, "");
  EXPECT_EQ(error_code(client.ask("SET", "a", "b")), "NOPERM");
}

TEST(Client, AServerThatDiesAndReturns) {
  Loop loop;
  RedisServer server;
  TestClient client(loop, server);
  ASSERT_TRUE(client.wait_ready());
  const std::string run_id = client.client.node().run_id;
  client.told.clear();
  server.process().end();
  ASSERT_TRUE(run_until(loop, [&] { return !client.client.ready(); }));
  const Result result = client.result(incr("n"));
  EXPECT_EQ(result.outcome, Outcome::Retry);
  run_until(
      loop, [] { return false; }, std::chrono::seconds(1));
  EXPECT_LE(client.told.size(), 2U) << "closed, then refused: each reason once";
  server.start();
  ASSERT_TRUE(client.wait_ready());
  EXPECT_NE(client.client.node().run_id, run_id);
  EXPECT_EQ(client.ask("GET", "n").type, Type::Null) << "what was answered Retry did not go out";
}

TEST(Client, CutBetweenBytesAndReplyIsIndeterminateAndNotRepeated) {
  Loop loop;
  RedisServer server;
  Gate gate(loop, server.endpoint());
  TestClient direct(loop, server);
  TestClient client(loop, located_at(gate.endpoint()));
  ASSERT_TRUE(direct.wait_ready());
  for (size_t cut = 0; cut < 12; ++cut) {
    ASSERT_TRUE(client.wait_ready());
    direct.ask("DEL", "n");
    gate.cut_replies_after(cut);
    const Result result = client.result(incr("n", 3));  // three replies of four bytes
    gate.pass_all();
    EXPECT_EQ(result.outcome, Outcome::Indeterminate) << cut;
    EXPECT_EQ(result.replies.size(), cut / 4) << cut;
    ASSERT_TRUE(client.wait_ready());
    EXPECT_EQ(direct.ask("GET", "n").as_integer(), 3) << cut;
  }
}

TEST(Client, DeadlineDoesNotDisturbTheOrder) {
  Loop loop;
  RedisServer server;
  TestClient client(loop, server);
  ASSERT_TRUE(client.wait_ready());
  client.told.clear();
  Commands slow;
  slow.add("BLPOP", "none", 1);
  std::optional<Result> late, next;
  client.client.send(
      std::move(slow), [&](Result result) { late = std::move(result); }, milliseconds(30));
  client.client.send(incr("n"), [&](Result result) { next = std::move(result); });
  ASSERT_TRUE(run_until(loop, [&] { return late.has_value(); }));
  EXPECT_EQ(late->outcome, Outcome::Indeterminate);
  EXPECT_FALSE(next.has_value());
  ASSERT_TRUE(run_until(loop, [&] { return next.has_value(); }));
  ASSERT_EQ(next->outcome, Outcome::Ok);
  EXPECT_EQ(next->replies[0].integer, 1);
  EXPECT_TRUE(client.told.empty()) << "the same connection";
}

TEST(Client, AServerThatIsSilentIsLeft) {
  Loop loop;
  RedisServer server;
  TestClient client(loop, server, {.connect_patience = milliseconds(300), .silence = milliseconds(300)});
  ASSERT_TRUE(client.wait_ready());
  server.process().signal(SIGSTOP);
  const Result result = client.result(incr("n"));
  EXPECT_EQ(result.outcome, Outcome::Indeterminate);
  EXPECT_FALSE(client.client.ready());
  server.process().signal(SIGCONT);
  ASSERT_TRUE(client.wait_ready());
}

TEST(Client, InvalidationIsPushed) {
  Loop loop;
  RedisServer server;
  TestClient reader(loop, server), writer(loop, server);
  ASSERT_TRUE(reader.wait_ready() && writer.wait_ready());
  EXPECT_TRUE(reader.ask("CLIENT", "TRACKING", "ON").is("OK"));
  reader.ask("GET", "k");
  writer.ask("SET", "k", "v");
  ASSERT_TRUE(run_until(loop, [&] { return !reader.pushed.empty(); }));
  EXPECT_EQ(reader.pushed[0].type, Type::Push);
  EXPECT_TRUE(reader.pushed[0].elements[0].is("invalidate"));
  EXPECT_TRUE(reader.pushed[0].elements[1].elements[0].is("k"));
  reader.pushed.clear();
  writer.ask("FLUSHALL");
  ASSERT_TRUE(run_until(loop, [&] { return !reader.pushed.empty(); }));
  EXPECT_TRUE(reader.pushed[0].elements[1].is_null()) << "all keys";
}

TEST(Client, Resp2TrackingByASecondConnection) {
  Loop loop;
  RedisServer server;
  TestClient listener(loop, server, {.protocol = Protocol::Resp2}), reader(loop, server, {.protocol = Protocol::Resp2}),
      writer(loop, server);
  ASSERT_TRUE(listener.wait_ready() && reader.wait_ready() && writer.wait_ready());
  Commands commands;
  commands.add("SUBSCRIBE", "__redis__:invalidate");
  std::optional<Result> subscribed;
  listener.client.subscribe(std::move(commands), [&](Result result) { subscribed = std::move(result); });
  ASSERT_TRUE(run_until(loop, [&] { return subscribed.has_value(); }));
  EXPECT_TRUE(subscribed->replies.empty());
  EXPECT_TRUE(reader.ask("CLIENT", "TRACKING", "ON", "REDIRECT", listener.client.node().client_id).is("OK"));
  reader.ask("GET", "k");
  listener.pushed.clear();
  writer.ask("SET", "k", "v");
  ASSERT_TRUE(run_until(loop, [&] { return !listener.pushed.empty(); }));
  EXPECT_TRUE(listener.pushed[0].elements[1].is("__redis__:invalidate"));
  EXPECT_TRUE(listener.pushed[0].elements[2].elements[0].is("k"));
}

TEST(Client, SubscriptionsAndTheirErrors) {
  Loop loop;
  RedisServer server({"--user", "app", "on", ">pass", "~*", "&event.*", "+@all"});
  TestClient writer(loop, server);
  ASSERT_TRUE(writer.wait_ready());
  for (const Protocol protocol : {Protocol::Resp2, Protocol::Resp3}) {
    TestClient client(loop, server, {.user = "app", .password = "pass", .protocol = protocol});
    ASSERT_TRUE(client.wait_ready());
    Commands commands;
    commands.add("SUBSCRIBE", "event.flow");
    commands.add("SUBSCRIBE", "alert.x");
    commands.add("PSUBSCRIBE", "event.*");
    std::optional<Result> result;
    client.client.subscribe(std::move(commands), [&](Result one) { result = std::move(one); });
    ASSERT_TRUE(run_until(loop, [&] { return result.has_value(); }));
    ASSERT_EQ(result->replies.size(), 1U);
    EXPECT_EQ(error_code(result->replies[0]), "NOPERM");
    EXPECT_EQ(client.pushed.size(), 2U) << "the confirmations";
    EXPECT_EQ(writer.ask("PUBLISH", "event.flow", "hello").integer, 2);
    ASSERT_TRUE(run_until(loop, [&] { return client.pushed.size() == 4; }));
    EXPECT_TRUE(client.pushed.back().elements.back().is("hello"));
  }
}

TEST(Client, UnixSocket) {
  Loop loop;
  RedisServer server({"--unixsocket", "s"});
  TestClient client(loop, located_at({{}, 0, server.folder() + "/s"}));
  ASSERT_TRUE(client.wait_ready());
  EXPECT_TRUE(client.ask("PING").is("PONG"));
}

TEST(Client, WhatIsNoRedisIsLeft) {
  Loop loop;
  for (const char* said : {"HTTP/1.1 400 Bad Request\r\n\r\n", "*1000000000\r\n", "$1073741824\r\n", ":1\r\n:2\r\n",
                           "-ERR no\r\n", "%1\r\n+id\r\n+x\r\n*0\r\n+x\r\n+PONG\r\n:1\r\n",
                           "%1\r\n+id\r\n+x\r\n*0\r\n+x\r\n-LOADING Redis is loading the dataset in memory\r\n"}) {
    std::vector<std::unique_ptr<Stream>> streams;
    Acceptor acceptor(loop, {"127.0.0.1", 0, true}, 1, [&](std::unique_ptr<Stream> stream) {
      Stream& one = *streams.emplace_back(std::move(stream));
      one.accept(nullptr, std::chrono::seconds(1),
                 {[&one, said] { one.send(said); }, [](Bytes) {}, [](const std::string&) {}, {}});
    });
    TestClient client(loop, located_at({"127.0.0.1", acceptor.port()}));
    ASSERT_TRUE(run_until(loop, [&] { return !client.told.empty() && client.told.back().starts_with("down"); }))
        << said;
  }
}

TEST(Client, AnErrorInsideAScriptNamesTheScript) {
  Loop loop;
  RedisServer server;
  TestClient client(loop, server);
  ASSERT_TRUE(client.wait_ready());
  client.ask("SET", "text", "x");
  const Value half = client.ask("EVAL", "redis.call('INCR', 'n') return redis.call('HINCRBY', 'text', 'f', 1)", 0);
  EXPECT_EQ(error_code(half), "WRONGTYPE");
  EXPECT_FALSE(provably_unapplied(half)) << half.text;
  EXPECT_EQ(client.ask("GET", "n").as_integer(), 1) << "half of it was applied";
  client.ask("CONFIG", "SET", "maxmemory", "1");
  const Value before = client.ask("EVAL", "#!lua\nreturn redis.call('INCR', 'n')", 0);
  EXPECT_EQ(outcome_of(before), Outcome::Retry) << before.text;
  EXPECT_TRUE(provably_unapplied(before));
  EXPECT_TRUE(provably_unapplied(client.ask("FCALL", "none", 0)));
  EXPECT_TRUE(provably_unapplied(client.ask("NOCOMMAND")));
  EXPECT_TRUE(provably_unapplied(client.ask("EVALSHA", "0000000000000000000000000000000000000000", 0)));
}

}  // namespace
}  // namespace microcloud::resp
