#include "protocols/wire/oracle_record.h"

#include <string>

#include "protocols/wire/tns_messages.h"
#include "protocols/wire/tns_packets.h"

namespace microcloud {
namespace {

constexpr Field kOwnFields[] = {
    field<&OracleTransaction::service>("oracleServiceName", {"", pen::kOwn, 210},
                                       "SERVICE_NAME that the client connects to"),
    field<&OracleTransaction::sid>("oracleSid", {"", pen::kOwn, 211}, "SID that the client connects to"),
    field<&OracleTransaction::user>("oracleUser", {"", pen::kOwn, 212},
                                    "who runs the client's program, as it says (CID): no user of the database"),
    field<&OracleTransaction::program>("oracleProgram", {"", pen::kOwn, 213}, "the client's program (CID)"),
    field<&OracleTransaction::host>("oracleClientHost", {"", pen::kOwn, 214}, "what the client calls its host (CID)"),
    field<&OracleTransaction::packet_type>(
        "oraclePacketType", {"", pen::kOwn, 215},
        "answer to a connect: 2 accepted, 4 refused, 5 redirected; 6: a statement, or another call that failed",
        Role::Identifier),
    field<&OracleTransaction::query>("oracleQuery", {"ORACLE_QUERY", pen::kNtop, 201},
                                     "SQL of the statement, with ? in the place of values unless --sql-literals"),
    field<&OracleTransaction::error>("oracleErrorCode", {"", pen::kOwn, 216},
                                     "n of ORA-n: 942, 12514, ...; 1403 ends each query (no more rows)",
                                     Role::Identifier),
    field<&OracleTransaction::redirect_host>("oracleRedirectHost", {"", pen::kOwn, 217},
                                             "where the server sends the client: host or address"),
    field<&OracleTransaction::redirect_port>("oracleRedirectPort", {"", pen::kOwn, 218},
                                             "where the server sends the client: TCP port", Role::Identifier),
    field<&OracleTransaction::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                          "from the last packet of the call to the first of its response",
                                          Role::Quantity, Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<OracleTransaction>(kOwnFields);

bool is_connect(const OracleTransaction& from) {
  return from.request_seen && from.packet_type != tns::kData;
}
bool is_statement(const OracleTransaction& from) {
  return from.query.has_value();
}
bool has_failed(const OracleTransaction& from) {
  return from.request_seen && from.error.value_or(kOracleNoMoreRows) != kOracleNoMoreRows;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "oracle.connects", "connects of the host to Oracle databases").when<&is_connect>(1),
    grow(Entity::Source, "oracle.statements", "statements of the host, as far as they were readable")
        .when<&is_statement>(1),
    grow(Entity::Source, "oracle.errors", "connects and calls of the host that a server refused").when<&has_failed>(1),
};

std::optional<ServiceCall> service(const void* body) {
  const OracleTransaction& oracle = *static_cast<const OracleTransaction*>(body);
  if (!oracle.request_seen) return std::nullopt;
  return ServiceCall{
      .failed = has_failed(oracle), .latency_us = oracle.latency_us, .begins_connection = oracle.index == 1};
}

constexpr std::string_view kRedirectionPattern = "tns.redir.<ip>:<port>";
constexpr TreeText kTexts[] = {{kRedirectionPattern, "server", "that has sent a client there, and its port"},
                               {kRedirectionPattern, "service", "SERVICE_NAME that the client wants"},
                               {kRedirectionPattern, "probe", "that saw it"}};

void note(const RecordRef& record, TreeNotes& notes) {
  const auto& told = *static_cast<const OracleTransaction*>(record.body);
  if (!told.redirect_port) return;
  const Common& common = *record.common;
  const std::string_view host = told.redirect_host ? told.redirect_host->view() : std::string_view();
  const std::string place =
      to_text(redirected_to(host, common.destination)) + ':' + std::to_string(*told.redirect_port);
  const std::string server = to_text(common.destination) + ':' + std::to_string(common.destination_port);
  const TreeNotes::Text texts[] = {{"server", server},
                                   {"service", told.service ? told.service->view() : std::string_view()},
                                   {"probe", common.probe_id}};
  notes.leave(kRedirectionTree, place, texts);
}

}  // namespace

IpAddress redirected_to(std::string_view host, const IpAddress& server) {
  return parse_address(host).value_or(server);
}

constexpr RecordType kOracleRecordType{.name = "oracle",
                                       .meaning = "connect to an Oracle database, and statement",
                                       .fields = kFields,
                                       .body_size = sizeof(OracleTransaction),
                                       .cloud = kCloud,
                                       .service = service,
                                       .note = note,
                                       .texts = kTexts};

}  // namespace microcloud
