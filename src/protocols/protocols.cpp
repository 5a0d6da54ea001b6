#include "protocols/protocols.h"

namespace microcloud {

std::span<const Protocol* const> protocols() {
  static constexpr const Protocol* kProtocols[] = {
#define PROTOCOL(name) &protocol::name,
#include "protocols/list.inc"
#undef PROTOCOL
  };
  return kProtocols;
}

}  // namespace microcloud
