#include "resp/server.h"

#include <atomic>
#include <fstream>
#include <mutex>
#include <random>
#include <sstream>

#include "resp/glob.h"
#include "resp/tls_test_bed.h"

namespace microcloud::resp {
namespace {

/// A small store whose command LATER is answered by other threads, in any order.
class ExampleServer {
 public:
  explicit ExampleServer(ServerSettings settings = {}) {
    settings.address = {"127.0.0.1", 0, true};
    server_ = std::make_unique<Server>(loop_, std::move(settings), [this](const CommandView& command, Reply reply) {
      handle(command, std::move(reply));
    });
    port_ = server_->port();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~ExampleServer() {
    for (std::thread& worker : workers_) worker.join();
    loop_.stop();
    thread_.join();
    server_.reset();
  }
  uint16_t port() const { return port_; }
  const ServerCounts& counts() const { return server_->counts(); }
  void publish(std::string channel, std::string message) {
    loop_.post(
        [this, channel = std::move(channel), message = std::move(message)] { server_->publish(channel, message); });
  }

 private:
  void handle(const CommandView& command, Reply reply) {
    ReplyWriter writer = reply.writer();
    if (is_command(command[0], "SET") && command.size() == 3) {
      store_[std::string(command[1])] = command[2];
      writer.ok();
    } else if (is_command(command[0], "GET") && command.size() == 2) {
      const auto found = store_.find(std::string(command[1]));
      found == store_.end() ? writer.null() : writer.bulk(found->second);
    } else if (is_command(command[0], "GET")) {
      write_wrong_arity(writer, command[0]);
    } else if (is_command(command[0], "HGETALL")) {
      writer.map(2);
      for (const char* text : {"bytesSent", "5", "bytesRcvd", "7"}) writer.bulk(text);
    } else if (is_command(command[0], "KEYS") && command.size() == 2) {
      std::vector<std::string> found;
      for (const auto& [key, value] : store_) {
        if (glob_matches(command[1], key)) found.push_back(key);
      }
      writer.array(found.size());
      for (const std::string& key : found) writer.bulk(key);
    } else if (is_command(command[0], "COMMAND")) {
      writer.array(0);
    } else if (is_command(command[0], "BIG")) {
      writer.bulk(std::string(1 << 20, 'x'));
    } else if (is_command(command[0], "DROP")) {
      return;
    } else if (is_command(command[0], "LATER") && command.size() == 2) {
      return answer_later(std::string(command[1]), std::move(reply));
    } else {
      write_unknown_command(writer, command);
    }
    reply.send();
  }
  /// Sixteen at a time, the last one first.
  void answer_later(std::string text, Reply reply) {
    waiting_.emplace_back(std::move(text), std::move(reply));
    if (waiting_.size() < 16) return;
    workers_.emplace_back([waiting = std::exchange(waiting_, {})]() mutable {
      for (auto one = waiting.rbegin(); one != waiting.rend(); ++one) {
        one->second.writer().bulk(one->first);
        one->second.send();
      }
    });
  }

  Loop loop_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
  std::map<std::string, std::string> store_;
  std::vector<std::pair<std::string, Reply>> waiting_;
  std::vector<std::thread> workers_;
  std::thread thread_;
};

/// A plain socket.
class Peer {
 public:
  explicit Peer(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const void* place = &address;
    EXPECT_EQ(connect(fd_, static_cast<const sockaddr*>(place), sizeof address), 0);
  }
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  void say(std::string_view text) const {
    EXPECT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// Up to the end of the connection.
  void try_to_say(std::string_view text) const { (void)::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  std::string hear(size_t count) const {
    std::string text(count, '\0');
    const ssize_t got = recv(fd_, text.data(), count, MSG_WAITALL);
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
  }
  void shut() const { shutdown(fd_, SHUT_RDWR); }
  /// All that comes until the server closes.
  std::string hear_all() const {
    std::string all;
    for (std::string some; !(some = hear(1)).empty();) all += some;
    return all;
  }

 private:
  int fd_;
};

std::string output_of(std::vector<std::string> words) {
  TemporaryFolder folder;
  const std::string file = folder.path() + "/out";
  const int status = run(std::move(words), file);
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str() + (status == 0 ? "" : "status " + std::to_string(status));
}

TEST(Glob, AsRedisMatches) {
  EXPECT_TRUE(glob_matches("ip.192.168.*", "ip.192.168.0.1"));
  EXPECT_FALSE(glob_matches("ip.192.168.*", "ip.10.0.0.1"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("h?llo", "hello"));
  EXPECT_FALSE(glob_matches("h?llo", "hllo"));
  EXPECT_TRUE(glob_matches("h[ae]llo", "hallo"));
  EXPECT_FALSE(glob_matches("h[^e]llo", "hello"));
  EXPECT_TRUE(glob_matches("h[b-z]llo", "hello"));
  EXPECT_TRUE(glob_matches("a\\*b", "a*b"));
  EXPECT_FALSE(glob_matches("a\\*b", "axb"));
  EXPECT_TRUE(glob_matches("*a*b*c", "xxaxxbxxc"));
  EXPECT_FALSE(glob_matches("*a*b*c", "xxaxxbxx"));
  std::string stars;
  for (int time = 0; time < 200; ++time) stars += "*a";
  EXPECT_FALSE(glob_matches(stars + "b", std::string(2000, 'a'))) << "and at once";
  EXPECT_TRUE(glob_matches("[", "[") == false && glob_matches("[a", "a") && glob_matches("x\\", "x\\"));
  EXPECT_TRUE(glob_matches("[]a-]", "a-]") == false && glob_matches("[^]", "a") && glob_matches("[z-a]", "m"));
  EXPECT_TRUE(glob_matches("[\\]x]", "]") && glob_matches("[\\]x]", "x"));
}

/// As it is written in Redis' documentation: the shortest way to say it, which may take for ever.
bool matches_plainly(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return matches_plainly(pattern.substr(1), text) || (!text.empty() && matches_plainly(pattern, text.substr(1)));
  if (text.empty()) return false;
  return (pattern[0] == '?' || pattern[0] == text[0]) && matches_plainly(pattern.substr(1), text.substr(1));
}

TEST(Glob, StarsAndQuestionMarksAgreeWithThePlainWay) {
  std::mt19937 random(3);
  const auto some = [&](const char* letters, size_t most) {
    std::string text;
    for (size_t count = random() % (most + 1); count > 0; --count) text += letters[random() % std::strlen(letters)];
    return text;
  };
  int matched = 0;
  for (int time = 0; time < 20'000; ++time) {
    const std::string pattern = some("ab*?*", 8), text = some("ab", 10);
    EXPECT_EQ(glob_matches(pattern, text), matches_plainly(pattern, text)) << pattern << " " << text;
    matched += glob_matches(pattern, text) ? 1 : 0;
  }
  EXPECT_GT(matched, 1'000);
}

TEST(Glob, CostsNoMoreThanTheTextSquaredHoweverLongThePatternIs) {
  const std::string text(50, 'a');
  const Glob classes("*[" + std::string(60'000, 'b') + "]"), stars(std::string(60'000, '*') + "b"),
      questions("*" + std::string(60'000, '?'));
  for (int time = 0; time < 20'000; ++time) {  // a look at 60,000 characters for each would take a minute
    EXPECT_FALSE(classes.matches(text));
    EXPECT_FALSE(stars.matches(text));
    EXPECT_FALSE(questions.matches(text));
  }
}

TEST(Server, RedisCli) {
  ExampleServer server;
  const auto cli = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"redis-cli", "-p", std::to_string(server.port())});
    return output_of(words);
  };
  EXPECT_EQ(cli({"SET", "ip.10.0.0.1", "a b"}), "OK\n");
  EXPECT_EQ(cli({"GET", "ip.10.0.0.1"}), "a b\n");
  EXPECT_EQ(cli({"-3", "HGETALL", "x"}), "bytesSent 5\nbytesRcvd 7\n");
  EXPECT_EQ(cli({"KEYS", "ip.*"}), "ip.10.0.0.1\n");
  EXPECT_NE(cli({"NONSENSE", "a"}).find("ERR unknown command 'NONSENSE', with args beginning with: 'a'"),
            std::string::npos);
  EXPECT_NE(cli({"GET"}).find("ERR wrong number of arguments for 'get' command"), std::string::npos);
  EXPECT_NE(cli({"DROP"}).find("ERR no answer was given"), std::string::npos);
}

TEST(Server, RedisPy) {
  ServerSettings settings;
  settings.authenticate = [](std::string_view user, std::string_view password) {
    return user == "app" && password == "pass";
  };
  ExampleServer server(std::move(settings));
  EXPECT_EQ(output_of({"/usr/bin/python3", "-c", R"(
import redis, sys
r = redis.Redis(port=int(sys.argv[1]), username="app", password="pass", client_name="me", decode_responses=True)
assert r.ping() and r.set("a", "ä") and r.get("a") == "ä" and r.get("b") is None
assert r.client_getname() == "me" and r.client_id() > 0
assert r.hgetall("h") == {"bytesSent": "5", "bytesRcvd": "7"}
p = r.pipeline(transaction=False)
for i in range(1000): p.set(f"k{i}", i).get(f"k{i}")
assert p.execute() == [x for i in range(1000) for x in (True, str(i))]
s = r.pubsub()
s.psubscribe("event.*")
assert s.get_message(timeout=5)["type"] == "psubscribe"
s.ping()
assert s.get_message(timeout=5)["type"] == "pong"
s.punsubscribe()
assert s.get_message(timeout=5)["type"] == "punsubscribe"
try: redis.Redis(port=int(sys.argv[1]), username="app", password="x").ping(); sys.exit("taken")
except redis.exceptions.RedisError as e: pass
try: redis.Redis(port=int(sys.argv[1])).ping(); sys.exit("taken")
except redis.exceptions.RedisError as e: pass
)",
                       std::to_string(server.port())}),
            "");
}

TEST(Server, PerlRedis) {
  ExampleServer server;
  EXPECT_EQ(output_of({"perl", "-e", R"(
use strict; use Redis;
my $r = Redis->new(server => "127.0.0.1:$ARGV[0]");
$r->set("perl.a" => "1"); die unless $r->get("perl.a") eq "1"; die if defined $r->get("perl.b");
my @keys = $r->keys("perl.*"); die "@keys" unless "@keys" eq "perl.a";
my %h = $r->hgetall("h"); die unless $h{bytesRcvd} == 7;
die unless $r->ping; $r->quit;
)",
                       std::to_string(server.port())}),
            "");
}

TEST(Server, Hiredis) {
  ExampleServer server;
  EXPECT_EQ(output_of({"/usr/bin/python3", "-c", R"(
import ctypes, sys
h = ctypes.CDLL("libhiredis.so.0.14")
h.redisConnect.restype = h.redisCommand.restype = ctypes.c_void_p
class Reply(ctypes.Structure): _fields_ = [("type", ctypes.c_int), ("integer", ctypes.c_longlong), ("len", ctypes.c_size_t), ("str", ctypes.c_char_p)]
c = ctypes.c_void_p(h.redisConnect(b"127.0.0.1", int(sys.argv[1])))
ask = lambda *words: Reply.from_address(h.redisCommand(c, *words))
assert ask(b"SET %s %s", b"k", b"v").str == b"OK"
reply = ask(b"GET k")
assert (reply.type, reply.str) == (1, b"v")
assert ask(b"GET none").type == 4
assert ask(b"NONSENSE").type == 6
)",
                       std::to_string(server.port())}),
            "");
}

TEST(Server, AnswersThatComeLaterLeaveInTheOrderOfTheCommands) {
  ServerSettings settings;
  settings.most_unanswered = 40;  // of 1,600: reading stops and goes on
  ExampleServer server(std::move(settings));
  Peer peer(server.port());
  std::string sent, expected;
  for (int number = 0; number < 1600; ++number) {
    const std::string digits = std::to_string(10'000 + number);
    sent += "LATER " + digits + "\r\n";
    expected += "$5\r\n" + digits + "\r\n";
  }
  peer.say(sent);
  EXPECT_EQ(peer.hear(expected.size()), expected);
}

TEST(Server, ProtocolErrorsInRedisWordsEndTheConnection) {
  ExampleServer server;
  const auto answer = [&](std::string_view said) {
    Peer peer(server.port());
    peer.say(said);
    return peer.hear_all();
  };
  EXPECT_EQ(answer("PING\r\n*1\r\n$1073741824\r\n"), "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n");
  EXPECT_EQ(answer("*1\r\nx\r\n"), "-ERR Protocol error: expected '$', got 'x'\r\n");
  EXPECT_EQ(answer("POST / HTTP/1.1\r\nHost: x\r\n"), "-ERR this is no HTTP\r\n");
  EXPECT_EQ(answer("QUIT\r\nPING\r\n"), "+OK\r\n");
  EXPECT_EQ(server.counts().malformed.get(), 2U);
  {
    Peer half(server.port());
    half.say("*2\r\n$3\r\nGE");
  }
  EXPECT_EQ(answer("ping\r\nquit\r\n"), "+PONG\r\n+OK\r\n");
}

TEST(Server, StrangersGetLittle) {
  ServerSettings settings;
  settings.authenticate = [](std::string_view, std::string_view password) { return password == "pass"; };
  ExampleServer server(std::move(settings));
  Peer peer(server.port());
  peer.say("PING\r\nHELLO 3\r\nAUTH x\r\nHELLO 3 AUTH u pass\r\n");
  EXPECT_EQ(peer.hear(33), "-NOAUTH Authentication required.\r");
  peer.say("GET none\r\nQUIT\r\n");
  const std::string rest = peer.hear_all();
  EXPECT_NE(rest.find("-NOAUTH HELLO"), std::string::npos);
  EXPECT_NE(rest.find("-WRONGPASS"), std::string::npos);
  EXPECT_TRUE(rest.ends_with("$7\r\nmodules\r\n*0\r\n_\r\n+OK\r\n")) << rest;
  Peer greedy(server.port());
  greedy.say("*1\r\n$100000\r\n");
  EXPECT_EQ(greedy.hear_all(), "-ERR Protocol error: unauthenticated bulk length\r\n");
}

TEST(Server, WhoDoesNotReadIsDisconnectedAndCounted) {
  ServerSettings settings;
  settings.most_unsent = 4 << 20;
  ExampleServer server(std::move(settings));
  Peer lazy(server.port()), listener(server.port());
  lazy.say("SUBSCRIBE event.flow\r\n");
  listener.say("PSUBSCRIBE event.*\r\n");
  lazy.hear(20);
  listener.hear(20);
  constexpr size_t kMessage = 10'000;
  std::atomic<size_t> heard{0};
  std::thread reading([&] {
    while (server.counts().overflowed.get() == 0) {
      listener.hear(kMessage);
      heard += kMessage;
    }
  });
  for (size_t said = kMessage; said < 20'000 * kMessage && server.counts().overflowed.get() == 0; said += kMessage) {
    server.publish("event.flow", std::string(kMessage, 'x'));
    // As fast as the one who reads does, however slow that is here.
    while (said > heard + (size_t{1} << 20) && server.counts().overflowed.get() == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (int time = 0; time < 10; ++time)
    server.publish("event.flow", std::string(kMessage, 'y'));  // so that the reader sees it
  reading.join();
  EXPECT_EQ(server.counts().overflowed.get(), 1U);

  Peer asks_and_does_not_read(server.port());
  std::string asked;
  for (int time = 0; time < 100; ++time) asked += "BIG\r\n";
  asks_and_does_not_read.say(asked);
  for (int time = 0; time < 1000 && server.counts().overflowed.get() == 1; ++time)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(server.counts().overflowed.get(), 2U);
}

TEST(Server, TenThousandConnections) {
  ServerSettings settings;
  settings.most_clients = 50;
  ExampleServer server(std::move(settings));
  std::vector<std::unique_ptr<Peer>> peers;
  for (int number = 0; number < 50; ++number) {
    peers.push_back(std::make_unique<Peer>(server.port()));
    peers.back()->say("PING\r\n");
    ASSERT_EQ(peers.back()->hear(7), "+PONG\r\n");
  }
  EXPECT_EQ(Peer(server.port()).hear_all(), "-ERR max number of clients reached\r\n");
  for (int number = 0; number < 10'000; ++number) Peer another(server.port());
  for (int time = 0; time < 2000 && server.counts().accepted.get() < 10'051; ++time)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  peers[7]->say("PING\r\n");
  EXPECT_EQ(peers[7]->hear(7), "+PONG\r\n");
  EXPECT_EQ(server.counts().clients.get(), 50U);
  EXPECT_EQ(server.counts().refused.get(), 10'001U);
}

TEST(Server, WhoTakesMostGoesWhenAllTogetherTakeTooMuch) {
  ServerSettings settings;
  settings.most_memory = 4 << 20;
  ExampleServer server(std::move(settings));
  Peer small(server.port());
  small.say("*2\r\n$3\r\nGET\r\n$100000\r\n" + std::string(50'000, 'x'));
  std::vector<std::unique_ptr<Peer>> large;
  for (int number = 0; number < 10; ++number) {
    large.push_back(std::make_unique<Peer>(server.port()));
    large.back()->say("*2\r\n$3\r\nGET\r\n$1000000\r\n" + std::string(900'000, 'x'));
  }
  for (int time = 0; time < 1000 && server.counts().evicted.get() == 0; ++time)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_GT(server.counts().evicted.get(), 0U);
  EXPECT_LE(server.counts().memory.get(), uint64_t{4} << 20);
  small.say(std::string(50'000, 'x') + "\r\n");
  EXPECT_EQ(small.hear(5), "$-1\r\n");
  large.clear();
  for (int time = 0; time < 1000 && server.counts().clients.get() > 1; ++time)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_LT(server.counts().memory.get(), 300'000U);
}

TEST(Server, WhatIsNotAnsweredIsBoundedInBytes) {
  ServerSettings settings;
  settings.most_asked = 1 << 20;
  ExampleServer server(std::move(settings));
  Peer peer(server.port());
  std::string asked, expected;
  const std::string filling(200'000, 'x');
  for (int number = 0; number < 32; ++number) asked += "*2\r\n$5\r\nLATER\r\n$200000\r\n" + filling + "\r\n";
  std::thread saying([&] { peer.try_to_say(asked); });
  // Sixteen are wanted before any is answered: so nothing comes, and nothing more is taken.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(server.counts().commands.get(), 8U);
  EXPECT_LT(server.counts().memory.get(), uint64_t{4} << 20);
  peer.shut();
  saying.join();
}

TEST(Server, StrangersGiveTheirPlacesToOthers) {
  ServerSettings settings;
  settings.most_clients = 3;
  settings.strangers_stay = std::chrono::milliseconds(200);
  settings.authenticate = [](std::string_view, std::string_view password) { return password == "pass"; };
  ExampleServer server(std::move(settings));
  Peer user(server.port()), first(server.port()), second(server.port());
  user.say("AUTH u pass\r\n");
  EXPECT_EQ(user.hear(5), "+OK\r\n");
  EXPECT_EQ(Peer(server.port()).hear_all(), "-ERR max number of clients reached\r\n")
      << "they have time to say who they are";
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  Peer late(server.port());
  EXPECT_EQ(first.hear_all(), "");
  for (Peer* peer : {&user, &late}) {
    peer->say("AUTH u pass\r\n");
    EXPECT_EQ(peer->hear(5), "+OK\r\n");
  }
  EXPECT_EQ(server.counts().displaced.get(), 1U);
  Peer another(server.port());
  EXPECT_EQ(second.hear_all(), "");
  another.say("AUTH u pass\r\n");
  EXPECT_EQ(another.hear(5), "+OK\r\n");
  EXPECT_EQ(Peer(server.port()).hear_all(), "-ERR max number of clients reached\r\n") << "users keep theirs";
}

TEST(Server, SubscriptionsComeAndGoWhileMessagesDo) {
  ExampleServer server;
  Peer peer(server.port()), other(server.port());
  peer.say("SUBSCRIBE event.flow\r\nPSUBSCRIBE event.*\r\n");
  peer.hear(78);
  server.publish("event.flow", "1");
  const std::string message = "*3\r\n$7\r\nmessage\r\n$10\r\nevent.flow\r\n$1\r\n1\r\n";
  const std::string by_pattern = "*4\r\n$8\r\npmessage\r\n$7\r\nevent.*\r\n$10\r\nevent.flow\r\n$1\r\n1\r\n";
  EXPECT_EQ(peer.hear(message.size() + by_pattern.size()), message + by_pattern);
  other.say("SUBSCRIBE event.flow\r\n");
  other.hear(40);
  peer.say("UNSUBSCRIBE\r\n");
  peer.hear(43);
  server.publish("event.flow", "1");
  EXPECT_EQ(other.hear(message.size()), message);
  EXPECT_EQ(peer.hear(by_pattern.size()), by_pattern);
}

/// Commands and answers of many sizes, all of which wait for the other side: each way's bytes stay what they were.
void ask_all_at_once(Loop& loop, TestClient& client) {
  constexpr size_t kValues = 60;
  std::minstd_rand random(7);
  std::vector<std::string> values;
  for (size_t number = 0; number < kValues; ++number)
    values.push_back(std::string(size_t{1} << random() % 18, static_cast<char>('a' + number % 26)) +
                     std::to_string(number));
  std::vector<Value> answers;
  for (const std::string_view name : {"SET", "GET"}) {
    for (size_t number = 0; number < kValues; ++number) {
      Commands commands;
      const std::string key = "key" + std::to_string(number);
      name == "SET" ? commands.add(name, key, values[number]) : commands.add(name, key);
      client.client.send(std::move(commands), [&answers](Result result) {
        EXPECT_EQ(result.why, "");
        std::ranges::move(result.replies, std::back_inserter(answers));
      });
    }
  }
  ASSERT_TRUE(run_until(loop, [&] { return answers.size() == 2 * kValues; }));
  for (size_t number = 0; number < kValues; ++number)
    EXPECT_TRUE(answers[kValues + number].is(values[number])) << number;
}

TEST(Server, ManyBytesThatWaitForAClientStayInTheirOrder) {
  const ExampleServer server;
  Loop loop;
  TestClient client(loop, located_at({"127.0.0.1", server.port()}));
  ASSERT_TRUE(client.wait_ready());
  ask_all_at_once(loop, client);
}

TEST(Server, ClientOfOursOverTls) {
  const Certificates files;
  ServerSettings settings;
  settings.tls = std::make_shared<StreamTls>(
      StreamTls::Side::Server, TlsSettings{.certificate_file = files.certificate(), .key_file = files.key()});
  ExampleServer server(std::move(settings));
  Loop loop;
  TestClient client(loop, located_at({"127.0.0.1", server.port()}), {.tls = client_tls(files.authority())});
  ASSERT_TRUE(client.wait_ready()) << client.told.back();
  Commands commands;
  commands.add("SUBSCRIBE", "event.user");
  std::optional<Result> subscribed;
  client.client.subscribe(std::move(commands), [&](Result result) { subscribed = std::move(result); });
  ASSERT_TRUE(run_until(loop, [&] { return subscribed.has_value(); }));
  server.publish("event.user", "hello");
  ASSERT_TRUE(run_until(loop, [&] { return client.pushed.size() == 2; }));
  EXPECT_TRUE(client.pushed[1].elements[2].is("hello"));
  EXPECT_EQ(client.ask("BIG").text.size(), size_t{1} << 20);
  ask_all_at_once(loop, client);
}

}  // namespace
}  // namespace microcloud::resp
