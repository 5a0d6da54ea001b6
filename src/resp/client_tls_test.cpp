#include "resp/tls_test_bed.h"

namespace microcloud::resp {
namespace {

std::vector<std::string> options(const Certificates& files, uint16_t port) {
  return {"--tls-port", std::to_string(port), "--tls-cert-file", files.certificate(),  "--tls-key-file",
          files.key(),  "--tls-ca-cert-file", files.authority(), "--tls-auth-clients", "no"};
}

/// The first thing that a client tells which is not that nobody listens yet.
std::string first_words(TestClient& client) {
  const auto told = [&]() -> std::string {
    for (const std::string& words : client.told) {
      if (words.find("refused") == std::string::npos) return words;
    }
    return {};
  };
  EXPECT_TRUE(run_until(client.loop, [&] { return !told().empty(); }));
  return told();
}

TEST(ClientTls, ThePeerIsVerified) {
  Loop loop;
  const Certificates files, others;
  const uint16_t port = free_port();
  RedisServer server(options(files, port));
  TestClient right(loop, located_at({"127.0.0.1", port}), {.tls = client_tls(files.authority())});
  ASSERT_TRUE(right.wait_ready());
  Commands commands;
  for (int number = 0; number < 5000; ++number) commands.add("APPEND", "k", "0123456789");
  const Result result = right.result(std::move(commands));
  ASSERT_EQ(result.outcome, Outcome::Ok);
  EXPECT_EQ(result.replies.back().integer, 50'000);
  EXPECT_EQ(right.ask("GET", "k").text.size(), 50'000U);

  TestClient stranger(loop, located_at({"127.0.0.1", port}), {.tls = client_tls(others.authority())});
  EXPECT_NE(first_words(stranger).find("certificate"), std::string::npos) << first_words(stranger);
  TestClient other_name(loop, located_at({"localhost", port}), {.tls = client_tls(files.authority())});
  EXPECT_TRUE(first_words(other_name).starts_with("down")) << first_words(other_name);
  TestClient insecure(loop, located_at({"localhost", port}), {.tls = client_tls({}, false)});
  EXPECT_TRUE(insecure.wait_ready());
  TestClient in_clear(loop, server,
                      {.tls = client_tls(files.authority()), .connect_patience = std::chrono::milliseconds(500)});
  EXPECT_NE(first_words(in_clear).find("no TLS handshake within 500 ms; does it speak TLS?"), std::string::npos)
      << first_words(in_clear);
  TestClient without(loop, located_at({"127.0.0.1", port}), {});
  EXPECT_NE(first_words(without).find("before it said anything; does it want TLS (rediss://)?"), std::string::npos)
      << first_words(without);
}

TEST(ClientTls, FilesThatAreWrongAreNamed) {
  for (const TlsSettings& wrong : {TlsSettings{.ca_file = "none.pem"}, TlsSettings{.certificate_file = "none.pem"}}) {
    try {
      StreamTls tls(StreamTls::Side::Client, wrong);
      ADD_FAILURE();
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find("none.pem"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(StreamTls(StreamTls::Side::Server, {}), std::runtime_error);
}

}  // namespace
}  // namespace microcloud::resp
