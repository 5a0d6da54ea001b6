#include "protocols/wire/http_record.h"

#include <algorithm>

#include "protocols/wire/url_pattern.h"

namespace microcloud {
namespace {

std::optional<std::string_view> system_name(const HttpTransaction& from) {
  return from.system ? std::optional(from.system->name) : std::nullopt;
}

std::optional<std::string_view> system_confidence(const HttpTransaction& from) {
  constexpr std::string_view kNames[] = {"low", "medium", "high"};
  return from.system ? std::optional(kNames[static_cast<size_t>(from.system->confidence)]) : std::nullopt;
}

constexpr Field kOwnFields[] = {
    field<&HttpTransaction::method>("httpRequestMethod", {"HTTP_METHOD", pen::kIana, 459}, "GET, POST, ..."),
    field<&HttpTransaction::host>("httpRequestHost", {"HTTP_HOST", pen::kIana, 460}, "the field Host, as sent"),
    field<&HttpTransaction::target>("httpRequestTarget", {"HTTP_URL", pen::kIana, 461},
                                    "what is asked for, as sent: a path, to proxies a URL or host and port"),
    field<&HttpTransaction::status>("httpStatusCode", {"HTTP_RET_CODE", pen::kIana, 457},
                                    "of the final response: 200, 404, ...; 101 where another protocol goes on",
                                    Role::Identifier),
    field<&HttpTransaction::user_agent>("httpUserAgent", {"HTTP_UA", pen::kIana, 468}, "the client's program"),
    field<&HttpTransaction::referer>("httpReferer", {"HTTP_REFERER", pen::kNtop, 182}, "the page that led here"),
    field<&HttpTransaction::content_type>("httpContentType", {"HTTP_MIME", pen::kIana, 469}, "of the response"),
    field<&HttpTransaction::depth>("httpRequestDepth", {"", pen::kOwn, 130},
                                   "1, 2, ...: which request of its connection, as far as it was seen",
                                   Role::Identifier),
    field<&HttpTransaction::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                        "from the last packet of the request to the first of its response",
                                        Role::Quantity, Unit::Microseconds),
    field<&HttpTransaction::octets>("responseOctets", {"", pen::kOwn, 131},
                                    "of the final response, its header included", Role::Quantity, Unit::Octets),
    field<&system_name>("operatingSystem", {"", pen::kOwn, 132},
                        "what the client says it runs on: Windows, macOS, iOS, Android, Chrome OS, Linux, ..."),
    field<&system_confidence>(
        "operatingSystemConfidence", {"", pen::kOwn, 133},
        "high: by Sec-CH-UA-Platform; medium: by User-Agent; low: by one that other systems have, "
        "too (an iPad calls itself a Macintosh)"),
};

constexpr auto kFields = transaction_fields<HttpTransaction>(kOwnFields);

bool request_seen(const HttpTransaction& from) {
  return from.method.has_value();
}

bool failed(const HttpTransaction& from) {
  return request_seen(from) && from.status.value_or(0) >= 400;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "http.requests", "HTTP requests that the host made").when<&request_seen>(1),
    grow(Entity::Source, "http.errors", "of its requests: answered with status 400 or more").when<&failed>(1),
};

uint64_t octets_of(const HttpTransaction& from) {
  return from.octets.value_or(0);
}

constexpr CloudRule kOfSite[] = {
    grow(Entity::Destination, "requests", "requests for this host's pages").when<&request_seen>(1),
    grow(Entity::Destination, "errors", "of their responses: status 400 or more").when<&failed>(1),
    grow(Entity::Destination, "bytes", "of their responses, headers included").by<&octets_of>(),
};

/// What the client called the server, else the server's address.
bool append_site(const RecordRef& record, std::string& out) {
  const HttpTransaction& http = *static_cast<const HttpTransaction*>(record.body);
  if (!http.method) return false;
  const std::string name = http.host ? server_name_of(http.host->view()) : std::string();
  out += name.empty() ? to_text(record.common->destination) : name;
  return true;
}

bool append_url(const RecordRef& record, std::string& out) {
  const HttpTransaction& http = *static_cast<const HttpTransaction*>(record.body);
  if (!http.target || !append_site(record, out)) return false;
  const size_t site = out.size();
  out += '.';
  append_url_pattern(out, http.target->view());
  return out.size() > site + 1;
}

constexpr CloudTree kTrees[] = {
    {.prefix = "http.host.", .pattern = "http.host.<name>", .name = append_site, .counters = kOfSite},
    {.prefix = "http.url.", .pattern = "http.url.<name>.<path>", .name = append_url, .has_health = true},
};

std::optional<ServiceCall> service(const void* body) {
  const HttpTransaction& http = *static_cast<const HttpTransaction*>(body);
  if (!http.method || http.method->view() == "CONNECT") return std::nullopt;
  return ServiceCall{.failed = failed(http), .latency_us = http.latency_us, .begins_connection = http.index == 1};
}

void teach(const RecordRef& record, HostLessons& lessons) {
  const HttpTransaction& http = *static_cast<const HttpTransaction*>(record.body);
  if (http.is_sample) lessons.system(record.common->source, http.system->family);
}

}  // namespace

std::string server_name_of(std::string_view host) {
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  const bool is_name =
      std::any_of(host.begin(), host.end(), [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }) &&
      std::all_of(host.begin(), host.end(), [](char c) {
        return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
      });
  std::string name(is_name ? host : std::string_view());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return name;
}

constexpr RecordType kHttpRecordType{.name = "http",
                                     .meaning = "HTTP request, or response whose request was not seen",
                                     .fields = kFields,
                                     .body_size = sizeof(HttpTransaction),
                                     .cloud = kCloud,
                                     .teach = teach,
                                     .trees = kTrees,
                                     .service = service};

}  // namespace microcloud
