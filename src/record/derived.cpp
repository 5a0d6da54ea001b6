// The rows that only exports have.
#include "record/template.h"

namespace microcloud {
namespace {

constexpr Field kFields[] = {
    field<&Derived::end_uptime_ms>("flowEndSysUpTime", {"LAST_SWITCHED", pen::kIana, 21},
                                   "last packet of the slice, since the exporter's start (NetFlow v9)", Role::Default,
                                   Unit::Milliseconds),
    field<&Derived::start_uptime_ms>("flowStartSysUpTime", {"FIRST_SWITCHED", pen::kIana, 22},
                                     "first packet of the slice, since the exporter's start (NetFlow v9)",
                                     Role::Default, Unit::Milliseconds),
    field<&Derived::duration_ms>("flowDurationMilliseconds", {"FLOW_DURATION_MILLISECONDS", pen::kIana, 161},
                                 "from the slice's first packet to its last", Role::Default, Unit::Milliseconds),
    field<&Derived::ip_version>("ipVersion", {"IP_PROTOCOL_VERSION", pen::kIana, 60}, "4 or 6", Role::Identifier),
    field<&Derived::biflow_direction>("biflowDirection", {"BIFLOW_DIRECTION", pen::kIana, 239},
                                      "1: from the initiator, 2: the reverse record of --uniflow", Role::Identifier),
};

}  // namespace

std::span<const Field> derived_fields() {
  return kFields;
}

uint64_t put_derived_fixed(const Derived& derived, char* out) {
  return fixed_writer<kFields>()(&derived, out);
}

}  // namespace microcloud
