#include "node/users.h"

#include <openssl/sha.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <filesystem>
#include <stdexcept>

#include "base/secret.h"
#include "node/private_file.h"

namespace microcloud::node {
namespace {

// The first word of every key's name (a key of a realm has REALM/ before it).
constexpr std::string_view kTrees[] = {"ip",   "mac",     "vlan",    "proto", "port",  "user", "identity",
                                       "flow", "session", "service", "http",  "dns",   "voip", "mysql",
                                       "tns",  "mc",      "probe",   "meta",  "stream"};
// What people and applications decide, and probes obey.
constexpr std::string_view kDecisions[] = {"list", "rule"};

constexpr User kUsers[] = {
    {"probe", "probes and collectors: read and write the trees, read lists and rules, publish events",
     "TREES DECISIONS &event.* &alert.* &*/event.* &*/alert.* &__redis__:invalidate -@all +@connection +@read "
     "-@dangerous -client +client|id +client|setname +client|getname +client|kill +client|tracking +client|caching "
     "+info +role +time +wait +hset +hsetnx +hincrby +hdel +set +setnx +incrby +del +unlink +expire "
     "+pexpire "
     "+persist +zadd +zincrby +zrem +zremrangebyrank +zremrangebyscore +sadd +srem +pfadd +pfmerge +xadd +xtrim "
     "+publish "
     "+subscribe +psubscribe +unsubscribe +punsubscribe +watch +unwatch +multi +exec +discard +eval +evalsha "
     "+script|load "
     "+asking +readonly +cluster|slots +cluster|shards +cluster|nodes +cluster|info +cluster|myid "
     "+cluster|countkeysinslot"},
    {"app", "applications: read all, change lists and rules, keep keys of their own under app., raise alerts",
     "%R~* ~list.* ~rule.* ~app.* ~stream.alerts ~*/list.* ~*/rule.* ~*/app.* ~*/stream.alerts &* -@all +@connection "
     "-client +client|id +client|setname +client|getname +client|tracking +client|caching +@read +@write +@pubsub "
     "+@transaction +@stream -@dangerous +keys +info +role +time +asking +readonly +cluster|slots +cluster|shards "
     "+cluster|nodes +cluster|info +cluster|keyslot"},
    {"reader", "dashboards and people who look: read all, subscribe, change nothing",
     "%R~* &* -@all +@connection -client +client|id +client|setname +client|getname +@read +@pubsub -publish -spublish "
     "+multi +exec -@dangerous +keys +info +role +time +asking +readonly +cluster|slots +cluster|shards +cluster|nodes "
     "+cluster|info "
     "+cluster|keyslot"},
    {"admin", "the operator: everything", "~* &* +@all"},
    {"replica", "servers among themselves: replication", "-@all +psync +replconf +ping"},
    {"sentinel", "Redis Sentinel: watches, and takes over",
     "&* -@all +multi +slaveof +replicaof +ping +exec +subscribe +publish +config|rewrite +role +info +client|setname "
     "+client|kill +script|kill"},
};

std::string hex(std::span<const unsigned char> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string make_secret() {
  std::array<unsigned char, 24> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("the system gives no random bytes for a secret");
  return hex(bytes);
}

void append_trees(std::string& text, std::span<const std::string_view> trees, const char* sign) {
  for (const std::string_view tree : trees) {
    for (const char* realm : {"", "*/"}) {
      text += ' ';
      text += sign;
      text.append(realm).append(tree).append(".*");
    }
  }
}

void append_rules(std::string& text, std::string_view rules) {
  while (!rules.empty()) {
    const std::string_view word = rules.substr(0, rules.find(' '));
    rules.remove_prefix(std::min(rules.size(), word.size() + 1));
    if (word == "TREES") {
      append_trees(text, kTrees, "~");
    } else if (word == "DECISIONS") {
      append_trees(text, kDecisions, "%R~");
    } else {
      text.append(" ").append(word);
    }
  }
}

}  // namespace

std::span<const User> users() {
  return kUsers;
}

Secrets keep_secrets(const std::string& directory) {
  const std::string folder = directory + "/secrets";
  make_private_folder(folder);
  Secrets secrets;
  for (const User& user : kUsers) {
    const std::string file = folder + "/" + user.name;
    if (!std::filesystem::exists(file)) write_private_file(file, make_secret() + '\n');
    secrets.emplace_back(user.name, read_secret(file));
  }
  return secrets;
}

const std::string& secret_of(const Secrets& secrets, std::string_view name) {
  const auto found =
      std::find_if(secrets.begin(), secrets.end(), [name](const auto& one) { return one.first == name; });
  assert(found != secrets.end());
  return found->second;
}

std::string acl_text(const Secrets& secrets) {
  // Nobody can be this user, as it is off and has no password ("off" alone would leave it open, and Redis protect
  // itself). But a server runs its own append-only file as `default`, and EXEC asks for rights then, too.
  std::string text = "user default reset ~* &* +@all\n";
  for (const User& user : kUsers) {
    const std::string& secret = secret_of(secrets, user.name);
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(static_cast<const unsigned char*>(static_cast<const void*>(secret.data())), secret.size(), digest.data());
    text.append("user ").append(user.name).append(" on #").append(hex(digest));
    append_rules(text, user.rules);
    text += '\n';
  }
  return text;
}

}  // namespace microcloud::node
