// Where Oracle's listeners send clients, as other probes saw it: the MicroCloud tells of each such place as it is
// written, and the connections there are looked at as those that this probe announces itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/owner_channel.h"
#include "inspect/announcements.h"
#include "protocols/protocols.h"

namespace microcloud {

/// On the channel's thread.
class CloudRedirections {
 public:
  static constexpr size_t kMostAsked = 64;  // without an answer

  CloudRedirections(OwnerChannel& channel, std::string_view realm);

  /// Before the first packet.
  void serve(Announcements& announcements) { announcements_ = &announcements; }
  /// A key of theirs has changed. Whether it is there is asked: those that are gone are told of, too.
  void hear_of_change(const std::string& key);
  /// False: this is no answer to that.
  bool hear(const OwnerNews& news);

 private:
  struct Place {
    IpAddress address;
    uint16_t port;
  };
  std::optional<Place> place_of(std::string_view key) const;

  OwnerChannel& channel_;
  const std::string prefix_;
  Announcements* announcements_ = nullptr;
  size_t open_ = 0;
};

}  // namespace microcloud
