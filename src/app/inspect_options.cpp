#include "app/inspect_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <utility>

#include "app/command.h"
#include "base/secret.h"
#include "packet/packet.h"
#include "protocols/protocols.h"
#include "protocols/wire/call_book.h"

namespace microcloud {
namespace {

std::string known_plugins() {
  std::string names;
  for (const Protocol* protocol : protocols()) names += (names.empty() ? "" : ", ") + std::string(protocol->name);
  return names;
}

/// `udp/1234=radius`.
DecodeAs decode_as(const std::string& text, const std::vector<const Protocol*>& read) {
  const auto refuse = [&text](const std::string& why) {
    throw UsageError("--decode-as " + text + ": " + why +
                     "; accepted: udp/PORT=PROTOCOL or tcp/PORT=PROTOCOL, as udp/1234=radius");
  };
  const size_t slash = text.find('/'), equals = text.find('=');
  if (slash == std::string::npos || equals == std::string::npos || equals < slash) refuse("not of this form");
  const std::string transport = text.substr(0, slash), name = text.substr(equals + 1);
  const bool tcp = transport == "tcp";
  if (!tcp && transport != "udp") refuse("no transport '" + transport + "'");
  DecodeAs decoded;
  decoded.transport = tcp ? ip_protocol::kTcp : ip_protocol::kUdp;
  const char* const end = text.data() + equals;
  const auto [behind, error] = std::from_chars(text.data() + slash + 1, end, decoded.port);
  if (error != std::errc() || behind != end || decoded.port == 0) refuse("no port from 1 to 65535");
  const auto all = protocols();
  const auto found = std::ranges::find(all, name, [](const Protocol* protocol) { return protocol->name; });
  if (found == all.end()) refuse("there is no '" + name + "', but " + known_plugins());
  decoded.protocol = *found;
  if (!(tcp ? decoded.protocol->over_tcp : decoded.protocol->over_udp))
    refuse(name + " is not spoken over " + transport);
  if (std::ranges::find(read, decoded.protocol) == read.end()) refuse(name + " is not read (--plugins, --no-dpi, -S)");
  return decoded;
}

Disclosure disclosure(const InspectOptions& options) {
  Disclosure allowed;
  allowed.secrets = options.secrets;
  allowed.sql_literals = options.sql_literals;
  try {
    const std::string key = find_secret(options.key_file, "MICROCLOUD_KEY", "key");
    if (!key.empty()) allowed.hash = KeyedHash(key);
  } catch (const std::runtime_error& error) {
    throw UsageError(std::string("--key-file: ") + error.what());
  }
  return allowed;
}

/// For the streams of RTP, and the calls that they are of.
void rate_codecs(const std::string& file, InspectSettings& settings) {
  const auto is_rated = [](const Protocol* read) { return read == &protocol::rtp; };
  if (std::ranges::none_of(settings.protocols, is_rated))
    throw UsageError("--codec-quality: rtp is not read (--plugins, --no-dpi, -S)");
  CodecTable codecs;
  try {
    codecs.read(file);
  } catch (const std::runtime_error& error) {
    throw UsageError(std::string("--codec-quality: ") + error.what());
  }
  settings.shared->of<CallBook>().rate_by(std::move(codecs));
}

/// All but what needs a secret.
InspectSettings open_settings(const InspectOptions& options, bool sampled) {
  InspectSettings settings;
  settings.applications = !options.no_dpi;
  if (options.no_dpi && !options.ndpi_protocols.empty())
    throw UsageError("--ndpi-protocols and --no-dpi exclude each other: give one of them");
  settings.ndpi_protocols = options.ndpi_protocols;
  const auto all = protocols();
  std::vector<std::string> names = options.plugins;
  // Of sampled packets a parser would tell of answers that never came, as they were not looked at.
  if (names.empty()) names = {options.no_dpi || sampled ? "none" : "all"};
  for (const std::string& name : names) {
    if (name == "none" && names.size() == 1) break;
    if (name == "all" && names.size() == 1) {
      settings.protocols.assign(all.begin(), all.end());
      break;
    }
    const auto found = std::ranges::find(all, name, [](const Protocol* protocol) { return protocol->name; });
    if (found == all.end()) {
      throw UsageError("--plugins: there is no '" + name + "'; there are " + known_plugins() +
                       ", or all, or none alone");
    }
    if (std::ranges::find(settings.protocols, *found) == settings.protocols.end()) settings.protocols.push_back(*found);
  }
  if (!options.codec_quality.empty()) rate_codecs(options.codec_quality, settings);
  for (const std::string& text : options.decode_as) settings.decode_as.push_back(decode_as(text, settings.protocols));
  return settings;
}

}  // namespace

void declare(CLI::App& app, InspectOptions& options) {
  app.add_flag("--no-dpi", options.no_dpi,
               "look into no payload: applications are not named, and protocols not read unless --plugins says which");
  app.add_option("--plugins", options.plugins,
                 "protocols that are read, with commas between them: " + known_plugins() +
                     "; or all, or none (default: all, with --no-dpi or -S none)")
      ->delimiter(',')
      ->type_name("LIST");
  app.add_option(
         "--decode-as", options.decode_as,
         "flows with this port at either end are that protocol, whatever their bytes look like: udp/1234=radius; "
         "repeatable")
      ->type_name("TRANSPORT/PORT=PROTOCOL");
  app.add_option("--ndpi-protocols", options.ndpi_protocols,
                 "a file of custom protocols and hosts, as nDPI's ndpiReader -p takes it")
      ->type_name("FILE");
  app.add_flag("--secrets", options.secrets, "tell SNMP community strings as they are, beside their hash");
  app.add_option("--key-file", options.key_file,
                 "SNMP community strings are told as a hash under the key in this file's first line, readable by its "
                 "owner only (default: a random key, another one each run)")
      ->type_name("FILE");
  app.add_flag(
      "--sql-literals", options.sql_literals,
      "tell SQL texts with the strings and numbers in them (default: ? in the place of each); passwords of SQL's "
      "own commands are told in no case");
  app.add_option("--codec-quality", options.codec_quality,
                 "a file of codecs for the MOS of RTP, beside those that are built in or instead of them: a line has "
                 "a name as in SDP, Ie and Bpl (ITU-T G.113), as PCMU 0 25.1")
      ->type_name("FILE");
}

void check(const InspectOptions& options, bool sampled) {
  (void)open_settings(options, sampled);
}

InspectSettings inspect_settings(const InspectOptions& options, bool sampled) {
  InspectSettings settings = open_settings(options, sampled);
  settings.disclosure = disclosure(options);
  return settings;
}

}  // namespace microcloud
