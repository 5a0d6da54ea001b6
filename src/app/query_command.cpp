// microcloud query: asks the MicroCloud and the flow caches of its live probes with one question.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <thread>
#include <unordered_map>

#include "app/command.h"
#include "app/query_options.h"
#include "app/query_text.h"
#include "app/stop_signals.h"
#include "base/secret.h"
#include "cloud/key_names.h"
#include "cloud/merged_view.h"

namespace microcloud {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<bool> stop_asked{false};

extern "C" void on_query_stop_signal(int) {
  if (stop_asked.exchange(true)) _exit(kExitFailed);
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw std::runtime_error("cannot write to standard output");
}

void warn(const std::string& sentence) {
  std::fprintf(stderr, "microcloud query: %s\n", sentence.c_str());
}

/// The MicroCloud, and a connection to each live probe's face.
class Everybody {
 public:
  explicit Everybody(const QueryOptions& options)
      : options_(options), access_(cloud_access(options.cloud)), cloud_(open_cloud(access_.url)) {
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

  Store& cloud() { return *cloud_; }
  /// A connection for channels: every server of a cluster has every message.
  std::unique_ptr<Store> open_channels() const {
    resp::Url url = access_.url;
    if (url.kind == resp::Url::Kind::Cluster) url.kind = resp::Url::Kind::Node;
    return open_cloud(url);
  }
  std::vector<ProbeFacts> probes() { return known_probes(*cloud_, options_.cloud.realm); }
  const std::vector<std::unique_ptr<Store>>& faces() const { return faces_; }
  MergedView view() {
    faces_.clear();
    std::vector<MergedView::Face> faces;
    bool is_whole = true;
    if (!options_.no_probes) {
      for (const ProbeFacts& probe : probes()) {
        if (!probe.alive && !probe.silent) continue;
        if (Store* face = open_face(probe)) {
          faces.push_back({probe.id, face});
        } else {
          is_whole = false;
        }
      }
    }
    return {*cloud_, std::move(faces), options_.cloud.realm, is_whole};
  }

 private:
  std::unique_ptr<Store> open_cloud(const resp::Url& url) const {
    resp::ClientSettings settings = access_.client;
    settings.name = "microcloud-query";
    return std::make_unique<Store>("the MicroCloud at " + access_.url.text(), url, settings);
  }

  /// nullptr: what is still in this probe is not told, and stderr says why.
  Store* open_face(const ProbeFacts& probe) {
    const std::string name = "probe " + probe.id + (probe.listen.empty() ? "" : " at " + probe.listen);
    try {
      if (probe.listen.empty()) throw std::runtime_error(name + " has no --listen");
      const std::string text = probe.listen.find("://") == std::string::npos ? "redis://" + probe.listen : probe.listen;
      const resp::Url url = resp::parse_url(text, resp::PasswordInUrl::Refused);
      resp::ClientSettings settings;
      settings.name = "microcloud-query";
      settings.user = options_.faces_user;
      settings.password = faces_password_;
      if (url.tls) settings.tls = faces_tls_;
      auto face = std::make_unique<Store>(name, url, settings);
      // Its address may be one of another machine's loopback, where somebody else answers here.
      resp::Commands commands;
      commands.add("EXISTS", realm_prefix(options_.cloud.realm) + "probe." + probe.id);
      const auto replies = face->ask("", commands);
      if (replies.front().is_error()) throw std::runtime_error(name + ": " + replies.front().text);
      if (replies.front().as_integer() != 1) throw std::runtime_error(name + ": another probe answers there");
      faces_.push_back(std::move(face));
      return faces_.back().get();
    } catch (const std::exception& error) {
      if (std::find(said_.begin(), said_.end(), probe.id) == said_.end()) {
        warn(std::string(error.what()) + ": its open flows are missing");
        said_.push_back(probe.id);
      }
      return nullptr;
    }
  }

  const QueryOptions& options_;
  CloudAccess access_;
  std::unique_ptr<Store> cloud_;
  std::string faces_password_;
  std::shared_ptr<const StreamTls> faces_tls_;
  std::vector<std::unique_ptr<Store>> faces_;
  std::vector<std::string> said_;
};

void tell_keys(const QueryOptions& options, Everybody& everybody) {
  print(keys_text(everybody.view().keys(realm_prefix(options.cloud.realm) + options.subject, options.type),
                  options.json));
}

/// What is missing was said when its probe could not be asked.
void warn_of_inexact(const MergedView& view, const std::vector<Answer>& answers) {
  if (!view.is_whole()) return;
  for (const Answer& answer : answers)
    if (!answer.exact) warn(answer.key + ": updates were on their way all the time; some may be counted twice");
}

int tell_key(const QueryOptions& options, Everybody& everybody) {
  MergedView view = everybody.view();
  const std::vector<Answer> answers = view.get({realm_prefix(options.cloud.realm) + options.subject});
  const Answer& answer = answers.front();
  warn_of_inexact(view, answers);
  if (options.json) print(answer_json(answer));
  if (answer.kind == KeyKind::None) {
    warn("there is no key " + answer.key);
    return kExitFailed;
  }
  if (!options.json) print(answer_text(answer));
  return kExitDone;
}

std::vector<Answer> top(const QueryOptions& options, MergedView& view) {
  std::vector<std::string> keys;
  const bool health = tells_health(options.subject);
  const std::string tree = options.subject == "url" ? "http.url" : options.subject;
  const MergedView::SummedFields fields =
      health ? MergedView::SummedFields{"requests", "-"} : MergedView::SummedFields{"bytesSent", "bytesRcvd"};
  for (const MergedView::Top& one : view.largest(tree, options.count, fields)) keys.push_back(one.key);
  std::vector<Answer> answers = view.get(keys);
  const auto size = health ? requests_of : bytes_of;
  std::stable_sort(answers.begin(), answers.end(),
                   [size](const Answer& a, const Answer& b) { return size(a) > size(b); });
  return answers;
}

/// Each look takes the place of the one before on a terminal; elsewhere they follow each other.
template <typename Look>
void look_again(const QueryOptions& options, Look look) {
  const bool screen = options.again && !options.json && isatty(STDOUT_FILENO) != 0;
  do {
    const auto began = Clock::now();
    const std::string text = look();
    print(screen ? "\033[H\033[2J" + text : text);
    const auto until = began + std::chrono::duration<double>(options.interval_s);
    while (options.again && !stop_asked && Clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } while (options.again && !stop_asked);
}

void tell_top(const QueryOptions& options, Everybody& everybody) {
  const bool health = tells_health(options.subject);
  Before before;
  Clock::time_point looked{};
  look_again(options, [&] {
    const auto now = Clock::now();
    MergedView view = everybody.view();
    const std::vector<Answer> answers = top(options, view);
    if (looked != Clock::time_point{}) before.seconds = std::chrono::duration<double>(now - looked).count();
    std::string text;
    if (options.json) {
      for (const Answer& answer : answers) text += health ? health_json(answer) : answer_json(answer);
    } else {
      warn_of_inexact(view, answers);
      text = health ? health_text(answers, before) : top_text(answers, before);
    }
    looked = now;
    before.sums.clear();
    for (const Answer& answer : answers) before.sums[answer.key] = health ? requests_of(answer) : bytes_of(answer);
    return text;
  });
}

void tell_loss(const QueryOptions& options, Everybody& everybody) {
  look_again(options, [&] {
    const std::vector<ProbeFacts> probes = everybody.probes();
    if (probes.empty()) warn("no probe has told of itself at " + everybody.cloud().name());
    return options.json ? loss_json(probes) : loss_text(probes);
  });
}

/// What a probe publishes in the MicroCloud comes from its face too: of two that are alike and came from different
/// places, one is told.
class Messages {
 public:
  explicit Messages(bool json) : json_(json) {}
  void hear(size_t place, const std::string& channel, const std::string& message) {
    const std::string text = message_text(channel, message, json_);
    const auto heard = heard_.find(text);
    if (heard != heard_.end() && heard->second != place) {
      heard_.erase(heard);
      return;
    }
    print(text);
    if (heard != heard_.end() || !several_) return;
    heard_.emplace(text, place);
    order_.push_back(text);
    if (order_.size() <= kMostRemembered) return;
    heard_.erase(order_.front());
    order_.pop_front();
  }
  void from_several_places() { several_ = true; }

 private:
  static constexpr size_t kMostRemembered = 4'096;
  bool json_;
  bool several_ = false;
  std::unordered_map<std::string, size_t> heard_;
  std::deque<std::string> order_;
};

void tell_messages(const QueryOptions& options, Everybody& everybody) {
  const std::string pattern = realm_prefix(options.cloud.realm) + options.subject;
  Messages messages(options.json);
  (void)everybody.view();
  const std::unique_ptr<Store> channels = everybody.open_channels();
  std::vector<Store*> places = {channels.get()};
  for (const auto& face : everybody.faces()) places.push_back(face.get());
  if (places.size() > 1) messages.from_several_places();
  for (size_t place = 0; place < places.size(); ++place) {
    places[place]->subscribe(pattern, [&messages, place](const std::string& channel, const std::string& message) {
      messages.hear(place, channel, message);
    });
  }
  while (!stop_asked) {
    for (size_t place = 0; place < places.size() && !stop_asked; ++place) {
      try {
        places[place]->hear(std::chrono::milliseconds(20));
      } catch (const std::runtime_error& error) {
        if (place == 0) throw;
        warn(error.what());
        places.erase(places.begin() + static_cast<std::ptrdiff_t>(place));
        --place;
      }
    }
  }
}

}  // namespace

int run_query(int count, char** arguments) {
  QueryOptions options;
  CLI::App app(
      "Ask the MicroCloud and the flow caches of its live probes with one question.\n"
      "Probes are found by their heartbeat and asked where they --listen: what the node has and what is still open in "
      "a\nprobe add up, and nothing is counted twice.\n",
      "query");
  declare(app, options);
  if (const auto status = parse_command_line(app, count, arguments, [&options] { check(options); })) return *status;
  catch_stop_signals(on_query_stop_signal);
  Everybody everybody(options);
  if (options.question == "get") return tell_key(options, everybody);
  if (options.question == "keys") tell_keys(options, everybody);
  if (options.question == "top") tell_top(options, everybody);
  if (options.question == "loss") tell_loss(options, everybody);
  if (options.question == "watch") tell_messages(options, everybody);
  return kExitDone;
}

}  // namespace microcloud
