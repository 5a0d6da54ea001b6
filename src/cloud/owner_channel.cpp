#include "cloud/owner_channel.h"

#include <utility>

#include "base/thread_name.h"
#include "cloud/owner_cluster_way.h"
#include "cloud/owner_node_way.h"

namespace microcloud {

OwnerChannel::OwnerChannel(ChannelSettings settings, OwnerDesk::Tell tell)
    : desk_(std::move(settings), std::move(tell)) {}

void OwnerChannel::start() {
  if (desk_.settings.url.kind == resp::Url::Kind::Cluster) {
    way_ = std::make_unique<OwnerClusterWay>(loop_, desk_);
  } else {
    way_ = std::make_unique<OwnerNodeWay>(loop_, desk_);
  }
  way_->start();
  thread_ = std::thread([this] {
    name_thread("mc-owners");
    loop_.run();
  });
}

void OwnerChannel::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
  desk_.answers.store(false);
  desk_.all_answer.store(false);
}

void OwnerChannel::ask(std::vector<OwnerQuestion> questions) {
  loop_.post([this, questions = std::move(questions)]() mutable { way_->ask(std::move(questions)); });
}

}  // namespace microcloud
