#include "record/field.h"

#include <cassert>

namespace microcloud {

std::string_view to_text(DataType type) {
  switch (type) {
    case DataType::Unsigned8:
      return "unsigned8";
    case DataType::Unsigned16:
      return "unsigned16";
    case DataType::Unsigned32:
      return "unsigned32";
    case DataType::Unsigned64:
      return "unsigned64";
    case DataType::Signed32:
      return "signed32";
    case DataType::Float64:
      return "float64";
    case DataType::Boolean:
      return "boolean";
    case DataType::String:
      return "string";
    case DataType::OctetArray:
      return "octetArray";
    case DataType::Ipv4:
      return "ipv4Address";
    case DataType::Ipv6:
      return "ipv6Address";
    case DataType::MacAddress:
      return "macAddress";
    case DataType::Milliseconds:
      return "dateTimeMilliseconds";
    case DataType::BasicList:
      return "basicList";
  }
  assert(false);
  return "";
}

std::string_view to_text(Role role) {
  switch (role) {
    case Role::Default:
      return "default";
    case Role::Quantity:
      return "quantity";
    case Role::DeltaCounter:
      return "deltaCounter";
    case Role::Identifier:
      return "identifier";
    case Role::Flags:
      return "flags";
    case Role::List:
      return "list";
  }
  assert(false);
  return "";
}

std::string_view to_text(Unit unit) {
  switch (unit) {
    case Unit::None:
      return "";
    case Unit::Octets:
      return "octets";
    case Unit::Packets:
      return "packets";
    case Unit::Seconds:
      return "seconds";
    case Unit::Milliseconds:
      return "milliseconds";
    case Unit::Microseconds:
      return "microseconds";
  }
  assert(false);
  return "";
}

}  // namespace microcloud
