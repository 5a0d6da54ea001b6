#include "app/export_options.h"

#include <CLI/CLI.hpp>

namespace microcloud {

void declare_exports(CLI::App& app, ExportOptions& options) {
  constexpr uint32_t kMostSeconds = 86'400;
  app.add_option("-n,--collector", options.collectors,
                 "where records are exported to: udp://HOST:PORT; tcp://HOST:PORT or tls://HOST:PORT (IPFIX); "
                 "sctp://HOST:PORT, or sctp://HOST:PORT?udp=9899 in UDP; file:PATH (IPFIX); may be repeated; none: "
                 "records are made and dropped")
      ->type_name("COLLECTOR");
  app.add_option("-V,--export-version", options.version, "5 or 9: NetFlow, 10: IPFIX")
      ->check(CLI::IsMember({5U, 9U, 10U}))
      ->capture_default_str()
      ->type_name("VERSION");
  app.add_option("-T,--template", options.templates,
                 "what is exported of a flow: NetFlow labels and IANA names, as '%IPV4_SRC_ADDR %octetDeltaCount'; of "
                 "other records: 'TYPE: NAMES'; may be repeated (default: all that has a number)")
      ->type_name("TEMPLATE");
  app.add_flag("-a,--all-collectors", options.all_collectors,
               "every record to each collector; else flows go to several collectors in turns");
  app.add_flag("--uniflow", options.uniflow,
               "each direction of a flow as a record of its own (NetFlow does so anyway)");
  app.add_option("--elements", options.elements,
                 "ntop: ntop's numbers where it has the very element; own: all under --pen")
      ->check(CLI::IsMember({"ntop", "own"}))
      ->capture_default_str()
      ->type_name("WHOSE");
  app.add_option("--pen", options.pen, "your private enterprise number: own elements are exported under it only")
      ->check(CLI::Range(1U, 0xfffffffeU))
      ->type_name("N");
  app.add_option("--observation-domain", options.domain,
                 "observation domain (IPFIX), source id (v9) (default: made from the probe's name)")
      ->check(CLI::Range(0U, 0xffffffffU))
      ->each([&options](const std::string&) { options.has_domain = true; })
      ->type_name("N");
  app.add_option("--template-refresh", options.template_refresh_s, "repeat templates over UDP after so many seconds")
      ->check(CLI::Range(1U, kMostSeconds))
      ->capture_default_str()
      ->type_name("SECONDS");
  app.add_option(
         "--drain", options.drain_s,
         "how long the end of a file, or a full buffer, waits for collectors to take what is held; a run that is "
         "told to end waits 3 s at most")
      ->check(CLI::Range(0U, kMostSeconds))
      ->capture_default_str()
      ->type_name("SECONDS");
  app.add_option("--tls-ca", options.tls.ca_file,
                 "trust the certificates in this PEM file for tls:// collectors, and no others (default: the system's)")
      ->type_name("FILE");
  app.add_option("--tls-cert", options.tls.certificate_file, "show this certificate (PEM, with its chain) to them")
      ->type_name("FILE");
  app.add_option("--tls-key", options.tls.key_file, "the key of --tls-cert (PEM), readable by its owner only")
      ->type_name("FILE");
  app.add_flag(
      "--insecure", options.insecure,
      "do not verify tls:// collectors and a rediss:// MicroCloud; a warning says so at the start and every hour");
}

}  // namespace microcloud
