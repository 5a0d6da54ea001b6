#include "app/cloud_options.h"

#include <CLI/CLI.hpp>

namespace microcloud {
namespace {

constexpr const char* kGroup = "MicroCloud";

}  // namespace

void declare_cloud_access(CLI::App& app, CloudAccessOptions& options) {
  app.add_option("--cloud-secret-file", options.secret_file,
                 "a file, readable by its owner only, with the password for it (also: the environment's "
                 "MICROCLOUD_CLOUD_SECRET, or the systemd credential cloud-secret)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--cloud-ca", options.tls.ca_file,
                 "trust the certificates in this PEM file for rediss://, and no others (default: the system's)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--cloud-cert", options.tls.certificate_file, "show this certificate (PEM, with its chain) there")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--cloud-key", options.tls.key_file, "the key of --cloud-cert (PEM), readable by its owner only")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--realm", options.realm,
                 "of networks whose addresses overlap: this one's keys begin with NAME/ (default: no prefix)")
      ->type_name("NAME")
      ->group(kGroup);
}

void declare_cloud(CLI::App& app, CloudOptions& options) {
  app.add_option(
         "--cloud", options.url,
         "update the MicroCloud there: a Redis server, 7.0 or later (on this machine also unix://[USER@]/PATH), the "
         "master that sentinels name "
         "(redis+sentinel://[USER@]HOST:PORT,HOST:PORT/NAME), or a cluster, by some of its servers "
         "(redis+cluster://[USER@]HOST:PORT,HOST:PORT); rediss instead of redis: over TLS")
      ->type_name("redis://[USER@]HOST:PORT")
      ->group(kGroup);
  declare_cloud_access(app, options);
  app.add_option("--cloud-flush", options.flush_ms, "updates of one key are merged for so long before they are sent")
      ->check(CLI::Range(1U, 60'000U))
      ->capture_default_str()
      ->type_name("MILLISECONDS")
      ->group(kGroup);
  app.add_option("--cloud-memory", options.memory_bytes,
                 "memory for updates that wait, while the server is away for example; the oldest ones go when it is "
                 "full, and are counted as lost (default: 64MB)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE")
      ->group(kGroup);
  app.add_option("--cloud-spill", options.spill_directory,
                 "the oldest ones then go into a file in this directory, and leave it when the server takes updates "
                 "again (default: none)")
      ->type_name("DIR")
      ->group(kGroup);
  app.add_option("--cloud-spill-size", options.spill_bytes, "the file takes no more than so much (default: 1GB)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("SIZE")
      ->group(kGroup);
  app.add_option("--events", options.events,
                 "publish records as they are made on the channels event.TYPE, for whoever listens: types of records, "
                 "probe (it started, it stopped), or all, with commas between them (default: none)")
      ->delimiter(',')
      ->type_name("KINDS")
      ->group(kGroup);
  app.add_option("--alerts", options.alerts,
                 "rules by which alerts are written to stream.alerts, with commas between them: capture-drops, "
                 "cloud-lost, export-lost (something is lost), watched (a host of the set list.watched is seen), "
                 "all or none (default: all)")
      ->delimiter(',')
      ->type_name("RULES")
      ->group(kGroup);
  app.add_option("--volatile-ttl", options.ttl_s, "a key that is not updated is gone after so long")
      ->check(CLI::Range(10U, 30 * 86'400U))
      ->capture_default_str()
      ->type_name("SECONDS")
      ->group(kGroup);
  app.add_option(
         "--hosts", options.hosts,
         "which addresses have a key of their own: all, local ones (-L), or answered: local ones and those whose "
         "flows were answered; the rest adds up in ip.other4 and ip.other6")
      ->check(CLI::IsMember({"all", "local", "answered"}))
      ->capture_default_str()
      ->type_name("WHICH")
      ->group(kGroup);
  app.add_option("--max-new-keys", options.new_keys,
                 "hosts, MAC addresses and ports that may get a new key, per second")
      ->check(CLI::Range(1U, 10'000'000U))
      ->capture_default_str()
      ->type_name("N")
      ->group(kGroup);
  app.add_option("--max-keys", options.most_keys, "no new ones while the server holds so many keys")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->capture_default_str()
      ->type_name("N")
      ->group(kGroup);
}

}  // namespace microcloud
