#include "app/query_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "app/command.h"
#include "cloud/key_names.h"

namespace microcloud {
namespace {

constexpr const char* kTrees[] = {"ip", "mac", "vlan", "proto", "port", "user", "service", "url"};

bool is_tree(const std::string& word) {
  return std::find(std::begin(kTrees), std::end(kTrees), word) != std::end(kTrees);
}

}  // namespace

bool tells_health(const std::string& tree) {
  return tree == "service" || tree == "url";
}

void declare(CLI::App& app, QueryOptions& options) {
  options.cloud.url = "redis://127.0.0.1:6379";
  app.add_option(
         "question", options.question,
         "one of: keys PATTERN, names that match; get KEY, what stands there; top TREE, the keys with the most bytes, "
         "of services and URLs with the most requests; "
         "watch PATTERN, messages of the channels that match, as they come; loss, what each probe lost, stage "
         "by stage. top and loss are of one realm: without --realm of the default one")
      ->check(CLI::IsMember({"keys", "get", "top", "watch", "loss"}))
      ->required()
      ->type_name("QUESTION");
  app.add_option("subject", options.subject,
                 "a pattern as Redis knows it (ip.10.*), a key (ip.10.0.0.1), or a tree: ip, mac, vlan, proto, port, "
                 "user, service, url")
      ->type_name("SUBJECT");
  app.add_option("--cloud", options.cloud.url,
                 "the MicroCloud: a Redis server (also unix://[USER@]/PATH); "
                 "redis+sentinel://[USER@]HOST:PORT,HOST:PORT/NAME: the master that "
                 "sentinels name; redis+cluster://[USER@]HOST:PORT,HOST:PORT: a cluster; rediss: over TLS")
      ->capture_default_str()
      ->type_name("redis://[USER@]HOST:PORT")
      ->group("MicroCloud");
  declare_cloud_access(app, options.cloud);
  app.add_flag("--insecure", options.cloud.insecure, "do not verify who answers at rediss://")->group("MicroCloud");
  app.add_flag("--no-probes", options.no_probes, "ask the MicroCloud alone, not the flow caches of its live probes");
  app.add_option("--probes-user", options.faces_user, "as whom to ask the probes (probe --listen-auth)")
      ->type_name("USER");
  app.add_option("--probes-secret-file", options.faces_secret_file,
                 "a file, readable by its owner only, with the password for them")
      ->type_name("FILE");
  app.add_option("--probes-ca", options.faces_ca,
                 "probes that speak TLS (probe --listen-cert) must show a certificate that these sign (PEM; default: "
                 "--cloud-ca, else the system's)")
      ->type_name("FILE");
  app.add_option("-n,--count", options.count,
                 "top: so many keys; get: so many of a stream's last entries (default: 20)")
      ->check(CLI::Range(1U, 10'000U))
      ->type_name("N");
  app.add_option("--type", options.type, "keys: only those of this type")
      ->check(CLI::IsMember({"hash", "zset", "set", "string", "list", "stream"}))
      ->type_name("TYPE");
  app.add_flag(
      "--watch", options.again,
      "top, loss: again and again, on the whole screen of a terminal, until Ctrl-C; top then has in front what "
      "grows most, not what is largest");
  app.add_option("--interval", options.interval_s, "--watch: how often, in seconds, 0.1 to 3600 (default: 1)")
      ->type_name("SECONDS");
  app.add_flag("--json", options.json, "one JSON object a line");
  app.footer(
      "Examples:\n"
      "  microcloud query top ip --watch                 who sends and receives most, now\n"
      "  microcloud query top service                    which servers are asked most, and how fast they answer\n"
      "  microcloud query get ip.10.0.0.1 --json         one host, open flows too\n"
      "  microcloud query get lab/ip.10.0.0.1            the same of the realm lab\n"
      "  microcloud query keys 'port.tcp.*'              TCP ports that were used\n"
      "  microcloud query watch 'alert.*'                alerts as they are raised\n"
      "  microcloud query top ip --cloud redis://reader@127.0.0.1:6379 --cloud-secret-file node/secrets/reader\n"
      "                                                  of a node of microcloud node --dir node");
}

void check(const QueryOptions& options) {
  if (options.question == "loss") {
    if (!options.subject.empty()) throw UsageError("loss tells of all probes: '" + options.subject + "' has no use");
  } else if (options.subject.empty()) {
    throw UsageError(options.question + ": of what? accepted: " +
                     (options.question == "get"   ? "a key"
                      : options.question == "top" ? "a tree"
                                                  : "a pattern"));
  }
  if (options.question == "top" && !is_tree(options.subject))
    throw UsageError("top: '" + options.subject +
                     "' is no tree; accepted: ip, mac, vlan, proto, port, user, service, url");
  if (options.again && options.question != "top" && options.question != "loss")
    throw UsageError("--watch goes with top and loss; 'query watch PATTERN' tells messages as they come");
  if (options.count && options.question != "top" && options.question != "get")
    throw UsageError("--count goes with top, and with get of a stream");
  if (options.interval_s && !options.again) throw UsageError("--interval goes with --watch");
  if (options.interval_s && !(*options.interval_s >= 0.1 && *options.interval_s <= 3'600))
    throw UsageError("--interval: accepted: 0.1 to 3600 seconds");
  if (!options.type.empty() && options.question != "keys") throw UsageError("--type goes with keys");
  if (!options.faces_secret_file.empty() && options.no_probes)
    throw UsageError("--probes-secret-file: --no-probes asks none");
  if (!options.faces_ca.empty() && (options.no_probes || options.cloud.insecure))
    throw UsageError(std::string("--probes-ca: ") +
                     (options.no_probes ? "--no-probes asks none" : "nobody is verified with --insecure"));
  (void)cloud_access(options.cloud);
  QueryOptions copy = options;
  take_realm_of_subject(copy);
}

void take_realm_of_subject(QueryOptions& options) {
  if (options.question == "top" || options.question == "loss") return;
  const size_t slash = options.subject.find('/');
  if (slash == std::string::npos || !is_realm_name(options.subject.substr(0, slash))) return;
  const std::string realm = options.subject.substr(0, slash);
  if (!options.cloud.realm.empty() && options.cloud.realm != realm)
    throw UsageError("--realm: '" + options.subject + "' is of the realm " + realm + ", not of " + options.cloud.realm);
  options.cloud.realm = realm;
  options.subject.erase(0, slash + 1);
}

}  // namespace microcloud
