#include "app/face_output.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "app/command.h"
#include "base/log.h"

namespace microcloud {
namespace {

constexpr const char* kGroup = "MicroCloud";
constexpr unsigned kPortsToTry = 64;
constexpr uint16_t kUsualPort = 6380;

/// So many clients at most as descriptors may be open, all else that the probe opens left aside; the limit is raised as
/// far as it may be.
size_t clients_for_descriptors(size_t wanted) {
  constexpr rlim_t kForAllElse = 256;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  if (limit.rlim_cur < wanted + kForAllElse) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted + kForAllElse);
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
  }
  // Where there are few, all else comes first and half of what there is goes to clients.
  const rlim_t left = limit.rlim_cur > 2 * kForAllElse ? limit.rlim_cur - kForAllElse : limit.rlim_cur / 2;
  if (left >= wanted) return wanted;
  log_warning("at most " + std::to_string(left) + " Redis clients are answered at once, not " + std::to_string(wanted) +
              ": no more than " + std::to_string(limit.rlim_cur) + " descriptors may be open (ulimit -n)");
  return static_cast<size_t>(left);
}

std::shared_ptr<const StreamTls> face_tls(const FaceOptions& options) {
  return std::make_shared<StreamTls>(
      StreamTls::Side::Server, TlsSettings{.certificate_file = options.certificate_file, .key_file = options.key_file});
}

resp::ServerSettings server_settings(const FaceOptions& options) {
  resp::ServerSettings settings;
  const bool usual = options.listen.empty();
  settings.address =
      usual ? ListenAddress{"127.0.0.1", kUsualPort, true} : parse_listen_address(options.listen, kUsualPort);
  settings.ports_to_try = usual ? kPortsToTry : 1;
  settings.most_unsent = size_t{256} << 20;  // of KEYS over millions of keys
  settings.most_clients = clients_for_descriptors(settings.most_clients);
  settings.limits = {.arguments = 4'096, .bulk = 64 << 10, .line = 64 << 10, .total = 1 << 20};
  if (!options.certificate_file.empty()) settings.tls = face_tls(options);
  return settings;
}

/// What others are told of where the face is.
std::string announced(const FaceOptions& options, const ListenAddress& at, uint16_t port) {
  std::string host = options.name;
  if (host.empty() && (at.host == "0.0.0.0" || at.host == "::")) {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) host = name.data();
  }
  return (options.certificate_file.empty() ? "" : "rediss://") + Endpoint{host.empty() ? at.host : host, port}.text();
}

}  // namespace

void declare_face(CLI::App& app, FaceOptions& options) {
  app.add_option("--listen", options.listen,
                 "answer Redis clients here about the flows that are open and what the MicroCloud does not have yet; "
                 "'none': nowhere (default: none with -r, else 127.0.0.1:6380 or the next free port)")
      ->type_name("ADDR:PORT")
      ->group(kGroup);
  app.add_option("--listen-auth", options.auth_file,
                 "a file, readable by its owner only, with the users who may ask, in Redis' ACL syntax: user NAME on "
                 ">PASSWORD ~PATTERN &PATTERN; needed, with a certificate, for any address but a loopback one")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--listen-cert", options.certificate_file, "--listen speaks TLS with this certificate (PEM)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--listen-key", options.key_file, "the key of that certificate (PEM), readable by its owner only")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--listen-name", options.name,
                 "the name or address under which others reach --listen, as probe.<id> tells it (default: the address "
                 "of --listen; of 0.0.0.0 and :: the machine's name)")
      ->type_name("HOST")
      ->group(kGroup);
}

void check_face(const FaceOptions& options) {
  if (options.certificate_file.empty() != options.key_file.empty())
    throw UsageError("--listen-cert and --listen-key go together");
  try {
    if (!options.auth_file.empty()) (void)FaceUsers::read(options.auth_file);
  } catch (const std::runtime_error& error) {
    throw UsageError(std::string("--listen-auth: ") + error.what());
  }
  if (options.name.find_first_of("/@[] \t") != std::string::npos)
    throw UsageError("--listen-name: '" + options.name +
                     "' is no host; accepted: a name or an address, without a port");
  if (options.listen.empty() || options.listen == "none") return;
  try {
    if (parse_listen_address(options.listen, kUsualPort).loopback) return;
  } catch (const std::invalid_argument& error) {
    throw UsageError(std::string("--listen: ") + error.what() + ", and none");
  }
  if (options.auth_file.empty() || options.certificate_file.empty())
    throw UsageError("--listen: other hosts could read " + options.listen +
                     " unasked: give --listen-auth, --listen-cert and --listen-key, or a loopback address");
}

void FaceOutput::open(Probe& probe, LiveView view) {
  FaceSettings settings;
  settings.view = std::move(view);
  settings.version = MICROCLOUD_VERSION;
  try {
    settings.server = server_settings(options_);
    if (!options_.auth_file.empty()) add_users(settings);
    const ListenAddress at = settings.server.address;
    face_ = std::make_unique<Face>(std::move(settings), probe);
    address_ = announced(options_, at, face_->port());
    log_info("Redis clients are answered on " + Endpoint{at.host, face_->port()}.text());
  } catch (const std::runtime_error& error) {
    if (!options_.listen.empty()) throw std::runtime_error(std::string("--listen: ") + error.what());
    log_warning(std::string("Redis clients are not answered: ") + error.what());
  }
}

void FaceOutput::add_users(FaceSettings& settings) {
  users_ = std::make_shared<FaceUsers>(FaceUsers::read(options_.auth_file));
  settings.server.authenticate = [this](std::string_view user, std::string_view password) {
    return users_->authenticate(user, password);
  };
  settings.server.may_subscribe = [this](std::string_view user, std::string_view channel, bool is_pattern) {
    return is_pattern ? users_->may_subscribe_pattern(user, channel) : users_->may_subscribe(user, channel);
  };
  settings.may_read = [this](std::string_view user, std::string_view key) { return users_->may_read(user, key); };
}

/// Whoever was let in by a line that is gone or another one has to show a password anew.
void FaceOutput::reload_users() {
  auto fresh = std::make_shared<const FaceUsers>(FaceUsers::read(options_.auth_file));
  face_->call([this, fresh = std::move(fresh)](resp::Server& server) {
    const auto before = std::exchange(users_, fresh);
    server.disconnect([&](std::string_view user) { return !fresh->same(*before, user); });
  });
}

void FaceOutput::reload_certificate() {
  face_->call([tls = face_tls(options_)](resp::Server& server) { server.use_tls(tls); });
}

void FaceOutput::served_by(Service& service) {
  if (!face_) return;
  service.each_second([this] { tell_refusals(false); });
  const auto add = [this, &service](const std::string& what, void (FaceOutput::*again)()) {
    service.on_reload(what, [this, what, again] {
      try {
        (this->*again)();
      } catch (const std::runtime_error& error) {
        return "--" + what + ": " + error.what();
      }
      return std::string();
    });
  };
  if (!options_.auth_file.empty()) add("listen-auth", &FaceOutput::reload_users);
  if (!options_.certificate_file.empty()) add("listen-cert", &FaceOutput::reload_certificate);
}

void FaceOutput::start() {
  if (face_) face_->start();
}

void FaceOutput::stop() {
  if (!face_) return;
  face_->stop();
  tell_refusals(true);
}

std::array<FaceOutput::Refusal, FaceOutput::kRefusals> FaceOutput::refusals() const {
  const FaceCounters& face = face_->counters();
  const resp::ServerCounts& server = face_->server_counts();
  return {
      {{"clients", "Redis clients turned away, as too many are connected", server.refused.get()},
       {"strangers", "Redis clients without a password cut off, to make room for others", server.displaced.get()},
       {"descriptors", "Redis clients turned away, as no more descriptors may be open", face_->not_accepted().get()},
       {"overflow", "Redis clients cut off, as they did not read their answers", server.overflowed.get()},
       {"memory", "Redis clients cut off that took most of too much memory", server.evicted.get()},
       {"malformed", "Redis clients cut off, as what they sent is no Redis protocol", server.malformed.get()},
       {"busy", "commands of Redis clients given up, as workers did not answer in time", face.failed.get()},
       {"publish", "records that subscribers were not told, as too many waited", face.unpublished.get()}}};
}

void FaceOutput::tell_refusals(bool at_end) {
  constexpr uint64_t kHour = 3600;
  const std::lock_guard lock(mutex_);
  if (!at_end) ++seconds_;
  const auto now = refusals();
  for (size_t at = 0; at < now.size(); ++at) {
    Told& told = told_[at];
    if (now[at].count == told.count || (told.count > 0 && (at_end || seconds_ - told.at_s < kHour))) continue;
    log_warning(fmt::format("{}: {}", now[at].words, now[at].count));
    told = {now[at].count, seconds_};
  }
}

void FaceOutput::tell_metrics(const Probe& probe, MetricsPage& page) const {
  if (!face_) return;
  const FaceCounters& face = face_->counters();
  const resp::ServerCounts& server = face_->server_counts();
  page.gauge("microcloud_probe_face_clients", "Redis clients that are connected.", {},
             static_cast<double>(server.clients.get()));
  page.gauge("microcloud_probe_face_clients_bytes", "What they take: commands, answers, names of subscriptions.", {},
             static_cast<double>(server.memory.get()));
  page.counter("microcloud_probe_face_commands_total", "Commands of Redis clients.", {}, server.commands.get());
  for (const Refusal& refusal : refusals())
    page.counter("microcloud_probe_face_refused_total", "Clients and commands that were refused, by reason.",
                 {{"reason", refusal.reason}}, refusal.count);
  page.counter("microcloud_probe_face_questions_total", "Questions put to the workers, of many commands each.", {},
               face.questions.get());
  page.counter("microcloud_probe_face_listings_total", "Of them, KEYS, SCAN 0 and DBSIZE.", {}, face.listings.get());
  page.counter("microcloud_probe_face_questions_repeated_total", "Questions that were asked again.", {},
               face.repeated.get());
  page.counter("microcloud_probe_face_published_total", "Records published to subscribers.", {}, face.published.get());
  page.counter("microcloud_probe_face_cuts_total", "Common moments of all workers.", {{"result", "made"}},
               probe.cuts().made.get());
  page.counter("microcloud_probe_face_cuts_total", "", {{"result", "given_up"}}, probe.cuts().given_up.get());
  page.gauge("microcloud_probe_face_longest_hold_seconds", "The longest that records waited for such a moment.", {},
             static_cast<double>(probe.cuts().longest_us.get()) * 1e-6);
  uint64_t steps = 0, long_steps = 0, flows = 0, longest_ns = 0;
  for (const auto& worker : probe.workers()) {
    if (worker->teller() == nullptr) continue;
    const TellerCounters& of = worker->teller()->counters();
    steps += of.steps.get();
    long_steps += of.long_steps.get();
    flows += of.flows.get();
    longest_ns = std::max(longest_ns, of.longest_ns.get());
  }
  page.counter("microcloud_probe_face_steps_total", "Steps of answers that workers made between bursts.", {}, steps);
  page.counter("microcloud_probe_face_long_steps_total", "Of them, those that took more than 100 us of CPU.", {},
               long_steps);
  page.counter("microcloud_probe_face_flows_total", "Open flows that workers told in answers.", {}, flows);
  page.gauge("microcloud_probe_face_longest_step_seconds", "CPU of the longest step.", {},
             static_cast<double>(longest_ns) * 1e-9);
}

}  // namespace microcloud
