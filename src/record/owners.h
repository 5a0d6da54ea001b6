// The one question that records on their way to the outputs may ask the MicroCloud: who owns an address?
#pragma once

#include <optional>
#include <string_view>

#include "base/address.h"

namespace microcloud {

/// Asked by the output thread alone. Nothing here waits.
class Owners {
 public:
  enum class Known : uint8_t {
    Somebody,
    Nobody,  // the MicroCloud knows no owner
    Asked,   // the answer comes: ask again once learn() has been true
    Unknown  // it cannot be asked now, or has not answered in time
  };
  struct Answer {
    Known known;
    std::string_view user;  // of Somebody; valid until the next call of any kind
  };

  virtual ~Owners() = default;
  /// `mac`: the address' own, where it is known; asked for where nobody is known by the address.
  virtual Answer owner(const IpAddress& address, const std::optional<Mac>& mac) = 0;
  /// Sends what was asked, and takes in what was answered since the last call; false: nothing was. A question that was
  /// Asked is answered some time: Somebody, Nobody or Unknown.
  virtual bool learn() = 0;
};

}  // namespace microcloud
