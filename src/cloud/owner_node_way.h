// Who owns an address, asked of one Redis master: at its address, or where sentinels say that it is.
#pragma once

#include "cloud/asked_server.h"

namespace microcloud {

class OwnerNodeWay final : public OwnerWay {
 public:
  OwnerNodeWay(Loop& loop, OwnerDesk& desk);
  void start() override { client_.start(); }
  void ask(std::vector<OwnerQuestion> questions) override;

 private:
  void on_state(resp::ClientEvents::State state);
  void on_answers(uint64_t go, const std::vector<OwnerQuestion>& questions, const resp::Result& result);

  OwnerDesk& desk_;
  AskedServer server_;
  resp::Client client_;
  uint64_t go_ = 0;
};

}  // namespace microcloud
