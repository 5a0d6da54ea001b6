// For tests: a gate between a client and its server, which holds bytes back or cuts the connection.
#pragma once

#include <map>

#include "net/acceptor.h"
#include "resp/redis_test_bed.h"

namespace microcloud::resp {

class Gate {
 public:
  Gate(Loop& loop, Endpoint server)
      : loop_(loop),
        server_(std::move(server)),
        acceptor_(loop, {"127.0.0.1", 0, true}, 1,
                  [this](std::unique_ptr<Stream> stream) { came(std::move(stream)); }) {}

  Endpoint endpoint() const { return {"127.0.0.1", acceptor_.port()}; }
  /// From now on: so many bytes more of the server's are passed on, then every connection is cut.
  void cut_replies_after(size_t bytes) { replies_left_ = bytes; }
  void pass_all() { replies_left_ = kAll; }

 private:
  static constexpr size_t kAll = static_cast<size_t>(-1);
  struct Pair {
    std::unique_ptr<Stream> client;
    std::unique_ptr<Stream> server;
  };

  void came(std::unique_ptr<Stream> stream) {
    const int number = next_++;
    Pair& pair = pairs_[number];
    pair.client = std::move(stream);
    pair.server = std::make_unique<Stream>(loop_);
    const auto gone = [this, number](const std::string&) { drop(number); };
    pair.server->connect(server_, nullptr, std::chrono::seconds(5),
                         {[] {}, [this, number](Bytes bytes) { reply(number, bytes); }, gone, {}});
    pair.client->accept(nullptr, std::chrono::seconds(5),
                        {[] {},
                         [this, number](Bytes bytes) {
                           pairs_[number].server->send({bytes.begin(), bytes.end()});
                         },
                         gone,
                         {}});
  }
  void reply(int number, Bytes bytes) {
    Stream& client = *pairs_[number].client;
    const size_t passed = std::min(bytes.size(), replies_left_);
    client.send({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(passed)});
    if (replies_left_ == kAll) return;
    replies_left_ -= passed;
    if (replies_left_ > 0) return;
    client.close_when_sent();
    loop_.post([this, number] { drop(number); });
  }
  void drop(int number) { pairs_.erase(number); }

  Loop& loop_;
  Endpoint server_;
  Acceptor acceptor_;
  std::map<int, Pair> pairs_;
  int next_ = 0;
  size_t replies_left_ = kAll;
};

}  // namespace microcloud::resp
