#include "app/cloud_access.h"

#include <stdexcept>

#include "app/command.h"
#include "base/secret.h"
#include "cloud/key_names.h"

namespace microcloud {
namespace {

/// How to reach it encrypted; nothing: in clear. Throws UsageError.
std::shared_ptr<const StreamTls> cloud_tls(const CloudAccessOptions& options) {
  const TlsSettings& given = options.tls;
  if (!uses_tls(options)) {
    const bool any = !given.ca_file.empty() || !given.certificate_file.empty() || !given.key_file.empty();
    if (any) throw UsageError("--cloud-ca, --cloud-cert and --cloud-key go with --cloud rediss://HOST:PORT");
    return nullptr;
  }
  if (options.insecure && !given.ca_file.empty())
    throw UsageError("--insecure: nobody is verified, so --cloud-ca has no use beside it; give one of them");
  if (given.certificate_file.empty() != given.key_file.empty())
    throw UsageError("--cloud-cert and --cloud-key go together: a certificate and its key");
  TlsSettings settings = given;
  settings.verify = !options.insecure;
  try {
    return std::make_shared<StreamTls>(StreamTls::Side::Client, settings);
  } catch (const std::runtime_error& error) {
    const bool of_ca = std::string(error.what()).find(given.ca_file) != std::string::npos && !given.ca_file.empty();
    throw UsageError(std::string(of_ca ? "--cloud-ca: " : "--cloud-cert, --cloud-key: ") + error.what());
  }
}

}  // namespace

bool uses_tls(const CloudAccessOptions& options) {
  return options.url.starts_with("rediss");
}

CloudAccess cloud_access(const CloudAccessOptions& options) {
  CloudAccess access;
  access.client.tls = cloud_tls(options);
  try {
    // A command line that holds a password was refused; a configuration file may.
    access.url = resp::parse_url(options.url, resp::PasswordInUrl::Allowed);
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string("--cloud: ") + error.what());
  }
  access.client.user = access.url.user;
  access.client.password = access.url.password;
  if (!access.client.password.empty() && !options.secret_file.empty())
    throw UsageError("--cloud-secret-file: there is a password in the URL of --cloud too; give one of them");
  try {
    if (access.client.password.empty())
      access.client.password = find_secret(options.secret_file, "MICROCLOUD_CLOUD_SECRET", "cloud-secret");
  } catch (const std::runtime_error& error) {
    throw UsageError(std::string("--cloud-secret-file: ") + error.what());
  }
  if (!options.realm.empty() && !is_realm_name(options.realm))
    throw UsageError("--realm: '" + options.realm + "' is no name of one; accepted: up to 64 letters, digits, - and _");
  return access;
}

void CloudCredentials::read_again(const CloudAccessOptions& options) {
  resp::ClientSettings client = cloud_access(options).client;
  const std::lock_guard lock(mutex_);
  last_ = {std::move(client.user), std::move(client.password), std::move(client.tls)};
}

void CloudCredentials::renew(resp::ClientSettings& client, std::shared_ptr<const CloudCredentials> credentials) {
  client.renew = [credentials = std::move(credentials)](resp::ClientSettings& its) {
    const std::lock_guard lock(credentials->mutex_);
    if (!credentials->last_) return;
    its.user = credentials->last_->user;
    its.password = credentials->last_->password;
    its.tls = credentials->last_->tls;
  };
}

}  // namespace microcloud
