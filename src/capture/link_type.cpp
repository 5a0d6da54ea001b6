// Names of link types, which of them are read, and libpcap's own numbers for them.
#include "capture/link_type.h"

#include <pcap/pcap.h>

namespace microcloud {

namespace {

// From 104 on a type has one number everywhere; below that platforms disagreed and files got 100 to 103 of their own.
struct FileNumber {
  uint16_t in_file;
  int dlt;
};
constexpr FileNumber kFileNumbers[] = {{100, DLT_ATM_RFC1483},
                                       {static_cast<uint16_t>(LinkType::Raw), DLT_RAW},
                                       {102, DLT_SLIP_BSDOS},
                                       {103, DLT_PPP_BSDOS}};

}  // namespace

int dlt_of(LinkType type) {
  const auto number = static_cast<uint16_t>(type);
  for (const FileNumber& row : kFileNumbers) {
    if (row.in_file == number) return row.dlt;
  }
  return type == LinkType::RawOldBsd ? DLT_RAW : number;
}

std::string link_type_name(LinkType type) {
  const char* name = pcap_datalink_val_to_name(dlt_of(type));
  return name != nullptr ? name : "LINKTYPE_" + std::to_string(static_cast<unsigned>(type));
}

bool supported(LinkType type) {
  switch (type) {
    case LinkType::Null:
    case LinkType::Ethernet:
    case LinkType::Ppp:
    case LinkType::RawOld:
    case LinkType::RawOldBsd:
    case LinkType::PppHdlc:
    case LinkType::PppEther:
    case LinkType::Raw:
    case LinkType::Loop:
    case LinkType::LinuxSll:
    case LinkType::Ieee80211:
    case LinkType::Ieee80211Radio:
    case LinkType::Ipv4:
    case LinkType::Ipv6:
    case LinkType::Nflog:
    case LinkType::LinuxSll2:
      return true;
  }
  return false;
}

std::string link_type_text(LinkType type) {
  const char* name = pcap_datalink_val_to_name(dlt_of(type));
  const std::string number = std::to_string(static_cast<unsigned>(type));
  return name != nullptr ? number + " (" + name + ")" : number;
}

}  // namespace microcloud
