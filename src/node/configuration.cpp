#include "node/configuration.h"

#include <optional>
#include <string_view>

namespace microcloud::node {
namespace {

/// A word of redis.conf: in quotes, with the escapes that Redis undoes.
std::string quoted(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append("\\").append(1, c);
    } else if (byte < 0x20) {
      out.append("\\x").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    } else {
      out += c;
    }
  }
  return out + '"';
}

class Lines {
 public:
  void set(std::string_view name, std::string_view value) { text_.append(name).append(" ").append(value) += '\n'; }
  void set(std::string_view name, uint64_t value) { set(name, std::to_string(value)); }
  void text(std::string_view name, std::string_view value) { set(name, quoted(value)); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void listening(Lines& lines, const NodeSettings& settings, uint16_t port) {
  std::string addresses;
  for (const std::string& address : settings.addresses) addresses += (addresses.empty() ? "" : " ") + address;
  lines.set("bind", addresses);
  lines.set("protected-mode", "yes");
  lines.set("tcp-keepalive", 60);
  if (!settings.tls.used()) {
    lines.set("port", port);
    return;
  }
  lines.set("port", 0);
  lines.set("tls-port", port);
  lines.text("tls-cert-file", settings.tls.certificate);
  lines.text("tls-key-file", settings.tls.key);
  if (!settings.tls.authorities.empty()) lines.text("tls-ca-cert-file", settings.tls.authorities);
  lines.set("tls-auth-clients", "optional");
  lines.set("tls-replication", "yes");
  if (settings.cluster()) lines.set("tls-cluster", "yes");
}

// The log of writes is the persistence; a snapshot beside it would only cost.
void persistence(Lines& lines) {
  lines.set("appendonly", "yes");
  lines.set("appendfsync", "everysec");
  lines.set("aof-load-truncated", "yes");
  lines.set("save", "\"\"");
}

// Volatile keys go before memory ends, persistent ones and the ledgers never do. Clients that do not read are cut off
// rather than kept.
void memory(Lines& lines, const NodeSettings& settings) {
  if (settings.memory_bytes > 0) lines.set("maxmemory", settings.memory_bytes / settings.servers());
  lines.set("maxmemory-policy", "volatile-lru");
  lines.set("maxmemory-clients", "20%");
  lines.set("client-output-buffer-limit", "normal 256mb 64mb 60");
  lines.set("client-output-buffer-limit", "pubsub 32mb 8mb 60");
  lines.set("client-output-buffer-limit", "replica 256mb 64mb 60");
  lines.set("lazyfree-lazy-expire", "yes");
  lines.set("lazyfree-lazy-eviction", "yes");
  lines.set("lazyfree-lazy-server-del", "yes");
  lines.set("hash-max-listpack-entries", 128);
}

/// "HOST PORT", empty: nobody.
std::string told_to_follow(const NodeSettings& settings) {
  if (settings.replica_of_host.empty()) return {};
  return settings.replica_of_host + " " + std::to_string(settings.replica_of_port);
}

/// What `before` was told is in it as a comment, which a server that rewrites its configuration leaves as it is.
std::string told_line(const NodeSettings& settings) {
  const std::string told = told_to_follow(settings);
  return "# --replica-of " + (told.empty() ? "nobody" : told);
}

/// The rest of the line that begins with `start`; nothing: there is none.
std::optional<std::string> rest_of_line(const std::string& text, const std::string& start) {
  for (size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
    if (at > 0 && text[at - 1] != '\n') continue;
    const size_t begin = at + start.size();
    return text.substr(begin, text.find_first_of("\r\n", begin) - begin);
  }
  return std::nullopt;
}

void replication(Lines& lines, const NodeSettings& settings, const std::string& secret, const std::string& followed) {
  constexpr uint64_t kLagS = 2;
  lines.set("masteruser", "replica");
  lines.text("masterauth", secret);
  lines.set("repl-backlog-size", "64mb");
  lines.set("shutdown-timeout", 3);
  if (settings.replicas_to_write > 0) {
    lines.set("min-replicas-to-write", settings.replicas_to_write);
    lines.set("min-replicas-max-lag", kLagS);
  }
  if (!settings.cluster() && !settings.announced.empty()) lines.set("replica-announce-ip", settings.announced);
  if (!followed.empty()) lines.set("replicaof", followed);
}

void cluster(Lines& lines, const NodeSettings& settings) {
  if (!settings.announced.empty()) lines.set("cluster-announce-ip", settings.announced);
  lines.set("cluster-enabled", "yes");
  lines.set("cluster-config-file", "nodes.conf");
  lines.set("cluster-node-timeout", 5000);
  lines.set("cluster-require-full-coverage", "no");
}

}  // namespace

std::string server_configuration(const NodeSettings& settings, const ServerPlace& place,
                                 const std::string& replica_secret, const std::string& before) {
  const bool told_the_same = !settings.cluster() && rest_of_line(before, told_line(settings)) == "";
  const std::string followed = told_the_same ? followed_in(before) : told_to_follow(settings);
  Lines lines;
  lines.set("daemonize", "no");
  lines.set("logfile", "\"\"");
  lines.set("loglevel", "notice");
  lines.set("databases", 1);
  lines.text("dir", place.folder);
  lines.text("aclfile", settings.directory + "/users.acl");
  listening(lines, settings, place.port);
  persistence(lines);
  memory(lines, settings);
  replication(lines, settings, replica_secret, followed);
  if (settings.cluster()) cluster(lines, settings);
  return "# Written by microcloud node at each start: change its options, not this file.\n" + told_line(settings) +
         '\n' + lines.take();
}

std::string followed_in(const std::string& configuration) {
  return rest_of_line(configuration, "replicaof ").value_or("");
}

}  // namespace microcloud::node
