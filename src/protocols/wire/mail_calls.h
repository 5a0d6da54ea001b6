// What records of a mailbox's connection (POP3, IMAP) tell of the commands that were answered.
#pragma once

#include <cstdint>
#include <optional>

#include "record/record.h"

namespace microcloud::mail_calls {

/// `Connection`: a record's body with `ServiceCalls calls`.
template <typename Connection>
uint32_t answered(const Connection& from) {
  return from.calls.answered();
}
template <typename Connection>
uint32_t refused(const Connection& from) {
  return from.calls.refused();
}
template <typename Connection>
std::optional<uint32_t> mean_latency(const Connection& from) {
  return from.calls.mean_latency_us();
}

/// RecordType::service. `Connection` also has `uint32_t index`.
template <typename Connection>
std::optional<ServiceCall> service(const void* body) {
  const Connection& connection = *static_cast<const Connection*>(body);
  if (connection.calls.answered() == 0) return std::nullopt;
  return ServiceCall{.latency_us = {}, .begins_connection = connection.index == 1, .many = &connection.calls};
}

}  // namespace microcloud::mail_calls
