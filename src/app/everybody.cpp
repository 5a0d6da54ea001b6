#include "app/everybody.h"

#include <stdexcept>

#include "app/command.h"
#include "base/secret.h"
#include "cloud/key_names.h"

namespace microcloud {
namespace {

/// What a server says that does not let in who asks, and what helps.
std::string with_help(const std::string& what, const std::string& wants_user, const std::string& lacks_right) {
  const size_t at = what.find("NOAUTH");
  if (at != std::string::npos) return what.substr(0, at) + "NOAUTH: it wants to know who asks: " + wants_user;
  return what.find("NOPERM") != std::string::npos ? what + "; " + lacks_right : what;
}

}  // namespace

Everybody::Everybody(const QueryOptions& options)
    : options_(options),
      access_(cloud_access(options.cloud)),
      cloud_(open("the MicroCloud at " + access_.url.text(), access_.url, access_.client)) {
  if (!options.faces_secret_file.empty()) {
    try {
      faces_password_ = read_secret(options.faces_secret_file);
    } catch (const std::runtime_error& error) {
      throw UsageError(std::string("--probes-secret-file: ") + error.what());
    }
  }
  if (options.no_probes) return;
  faces_tls_ = access_.client.tls;
  if (faces_tls_ && options.faces_ca.empty()) return;
  try {
    faces_tls_ = std::make_shared<StreamTls>(
        StreamTls::Side::Client, TlsSettings{.ca_file = options.faces_ca, .verify = !options.cloud.insecure});
  } catch (const std::runtime_error& error) {
    throw UsageError(std::string("--probes-ca: ") + error.what());
  }
}

std::unique_ptr<Store> Everybody::open(const std::string& name, const resp::Url& url,
                                       resp::ClientSettings settings) const {
  settings.name = "microcloud-query";
  settings.longest_pause = std::chrono::milliseconds(500);  // somebody waits
  return std::make_unique<Store>(name, url, std::move(settings));
}

std::unique_ptr<Store> Everybody::open_channels() const {
  resp::Url url = access_.url;
  if (url.kind == resp::Url::Kind::Cluster) url.kind = resp::Url::Kind::Node;
  return open(cloud_->name(), url, access_.client);
}

/// Its address may be one of another machine's loopback, where somebody else answers here.
std::unique_ptr<Store> Everybody::open_face(const ProbeFacts& probe) const {
  const std::string name = "probe " + probe.id + (probe.listen.empty() ? "" : " at " + probe.listen);
  if (find_value(probe.heartbeat, "namesake") != nullptr)
    throw std::runtime_error(name + " is not the only one of this name (--probe-id)");
  if (probe.listen.empty()) throw std::runtime_error(name + " has no --listen");
  const std::string text = probe.listen.find("://") == std::string::npos ? "redis://" + probe.listen : probe.listen;
  const resp::Url url = resp::parse_url(text, resp::PasswordInUrl::Refused);
  resp::ClientSettings settings;
  settings.user = options_.faces_user;
  settings.password = faces_password_;
  if (url.tls) settings.tls = faces_tls_;
  std::unique_ptr<Store> face = open(name, url, std::move(settings));
  resp::Commands commands;
  commands.add("EXISTS", realm_prefix(options_.cloud.realm) + "probe." + probe.id);
  const auto replies = face->ask("", commands);
  if (replies.front().is_error()) throw std::runtime_error(name + ": " + replies.front().text);
  if (replies.front().as_integer() != 1) throw std::runtime_error(name + ": another probe answers there");
  return face;
}

void Everybody::check_is_no_probe() {
  if (is_known_to_be_cloud_ || cloud_->is_cluster()) return;
  resp::Commands commands;
  commands.add("INFO", "server");  // not everybody may ask it
  const resp::Value said = cloud_->ask("", commands).front();
  if (said.has_text() && said.text.find("\nmicrocloud_probe:") != std::string::npos)
    throw std::runtime_error("at " + access_.url.text() +
                             " is no MicroCloud, but a probe: --no-probes asks it by itself");
  is_known_to_be_cloud_ = true;
}

MergedView Everybody::view() {
  faces_.clear();
  missing_.clear();
  std::vector<MergedView::Face> faces;
  if (!options_.no_probes) {
    check_is_no_probe();
    for (const ProbeFacts& probe : probes()) {
      if (!probe.alive && !probe.silent) continue;
      try {
        faces_.push_back(open_face(probe));
        faces.push_back({probe.id, faces_.back().get()});
      } catch (const std::exception& error) {
        missing_[probe.id] = with_help(error.what(), "--probes-user USER --probes-secret-file FILE",
                                       "the user of --probes-user needs ~probe.* there, and the keys that are asked "
                                       "for") +
                             ": its open flows are missing";
      }
    }
  }
  return {*cloud_, std::move(faces), options_.cloud.realm, missing_.empty()};
}

std::vector<Everybody::Face> Everybody::new_faces(const std::set<std::string>& known, const std::atomic<bool>& stop) {
  std::vector<Face> found;
  missing_.clear();
  for (const ProbeFacts& probe : probes()) {
    if (stop) break;
    if ((!probe.alive && !probe.silent) || known.contains(probe.id)) continue;
    try {
      found.push_back({probe.id, open_face(probe)});
    } catch (const std::exception& error) {
      missing_[probe.id] = error.what();
    }
  }
  return found;
}

}  // namespace microcloud
