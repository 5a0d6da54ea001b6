#include "app/privileges.h"

#include <cap-ng.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <stdexcept>

namespace microcloud {
namespace {

std::string own_name() {
  const passwd* entry = getpwuid(geteuid());
  return entry != nullptr ? entry->pw_name : "user " + std::to_string(geteuid());
}

void become(const passwd& user) {
  capng_clear(CAPNG_SELECT_ALL);
  const auto flags = static_cast<capng_flags_t>(CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
  if (capng_change_id(static_cast<int>(user.pw_uid), static_cast<int>(user.pw_gid), flags) != 0) {
    throw std::runtime_error(std::string("cannot go on as user ") + user.pw_name +
                             ": the system refuses it here; --user root stays root, without its capabilities");
  }
}

void stay(bool root) {
  capng_clear(CAPNG_SELECT_ALL);
  if (root) {
    capng_updatev(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED), CAP_DAC_OVERRIDE,
                  CAP_DAC_READ_SEARCH, -1);
  }
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) throw std::runtime_error("cannot give up capabilities");
}

}  // namespace

std::string usual_user() {
  return getpwnam("microcloud") != nullptr ? "microcloud" : "nobody";
}

std::string drop_privileges(const std::string& user) {
  const bool root = geteuid() == 0;
  std::string done;
  if (root && !user.empty() && user != "root") {
    const passwd* entry = getpwnam(user.c_str());
    if (entry == nullptr) throw std::runtime_error("--user: there is no user '" + user + "'");
    become(*entry);
    done = "goes on as user " + user + ", without capabilities";
  } else {
    if (!root && !user.empty() && user != own_name())
      throw std::runtime_error("--user: only root can go on as another user");
    stay(root);
    done = "goes on as " + own_name() + (root ? ", with the capabilities for files alone" : ", without capabilities");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw std::runtime_error("cannot refuse new privileges");
#ifdef __SANITIZE_ADDRESS__
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // the sanitizer looks at its own process for leaks, which this change forbids
#endif
  return done;
}

}  // namespace microcloud
