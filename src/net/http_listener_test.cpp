#include "net/http_listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace microcloud {
namespace {

TEST(ListenAddress, NumericOnly) {
  const ListenAddress v4 = parse_listen_address("127.0.0.1:9475", 9475);
  EXPECT_EQ(v4.host, "127.0.0.1");
  EXPECT_EQ(v4.port, 9475);
  EXPECT_TRUE(v4.loopback);
  EXPECT_TRUE(parse_listen_address("[::1]:80", 9475).loopback);
  EXPECT_TRUE(parse_listen_address("127.3.4.5:80", 9475).loopback);
  EXPECT_FALSE(parse_listen_address("0.0.0.0:80", 9475).loopback);
  EXPECT_FALSE(parse_listen_address("[::]:80", 9475).loopback);
  for (const char* wrong : {"", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:8x", "::1:80",
                            "[127.0.0.1]:80", "localhost:80", "[::1:80", "[]:80"}) {
    EXPECT_THROW(parse_listen_address(wrong, 9475), std::invalid_argument) << wrong;
  }
}

/// Sends `request` and gives all that comes until the listener closes.
std::string ask(uint16_t port, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string said;
  if (connect(fd, static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof address) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    char bytes[4096];
    for (ssize_t count; (count = recv(fd, bytes, sizeof bytes, 0)) > 0;) said.append(bytes, static_cast<size_t>(count));
  }
  close(fd);
  return said;
}

class HttpListenerTest : public ::testing::Test {
 protected:
  void serve(const std::string& token = {}) {
    HttpListener::Settings settings{{"127.0.0.1", 0, true}};
    settings.token = token;
    listener_ = std::make_unique<HttpListener>(settings, [](std::string_view path) {
      if (path == "/page") return HttpReply{.body = "hello\n"};
      return HttpReply{.status = 404, .body = "none\n"};
    });
    listener_->start();
    port_ = static_cast<uint16_t>(std::stoi(listener_->url().substr(listener_->url().rfind(':') + 1)));
  }
  std::string get(const std::string& words, const std::string& headers = {}) {
    return ask(port_, words + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n");
  }

  std::unique_ptr<HttpListener> listener_;
  uint16_t port_ = 0;
};

TEST_F(HttpListenerTest, PagesAndNone) {
  serve();
  EXPECT_TRUE(get("GET /page").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(get("GET /page?a=b").ends_with("\r\n\r\nhello\n"));
  EXPECT_TRUE(get("GET /other").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(get("DELETE /page").starts_with("HTTP/1.1 405 "));
  const std::string head = get("HEAD /page");
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  EXPECT_NE(head.find("Content-Length: 6"), std::string::npos) << head;
}

TEST_F(HttpListenerTest, TokenIsAsked) {
  serve("s3cret");
  EXPECT_TRUE(get("GET /page").starts_with("HTTP/1.1 401 "));
  EXPECT_TRUE(get("GET /page", "Authorization: Bearer s3creT\r\n").starts_with("HTTP/1.1 401 "));
  EXPECT_TRUE(get("GET /page", "Authorization: Bearer s3cret\r\n").starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpListenerTest, GarbageAndEndlessHeadersEndTheConnectionOnly) {
  serve();
  EXPECT_EQ(ask(port_, std::string(100, '\0') + "\r\n\r\n"), "");
  EXPECT_EQ(ask(port_, "GET /page HTTP/1.1\r\nX: " + std::string(20'000, 'x')), "");
  EXPECT_TRUE(get("GET /page").starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpListenerTest, NextFreePortWhenAsked) {
  serve();
  HttpListener::Settings settings{{"127.0.0.1", port_, true}};
  const auto nothing = [](std::string_view) { return HttpReply{}; };
  EXPECT_THROW(HttpListener(settings, nothing), std::runtime_error);
  settings.ports_to_try = 100;
  EXPECT_NE(HttpListener(settings, nothing).url(), listener_->url());
}

TEST_F(HttpListenerTest, MostClientsAtOnce) {
  serve();
  std::vector<int> open;
  for (unsigned at = 0; at < HttpListener::kMostClients + 8; ++at) {
    open.push_back(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(open.back(), static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof address),
              0);
  }
  char byte;
  EXPECT_EQ(recv(open.back(), &byte, 1, 0), 0) << "the last one is closed";
  EXPECT_EQ(listener_->refused(), 8U);
  for (const int fd : open) close(fd);
}

}  // namespace
}  // namespace microcloud
