#include "query/face.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/resident_memory.h"
#include "base/thread_name.h"
#include "cloud/key_names.h"

namespace microcloud {
namespace {

constexpr size_t kMostAtOnce = 4'096;  // commands that are asked together, and keys, unless one command has more
constexpr size_t kMostListings = 16;   // clients that one listing answers
constexpr size_t kFlowsAtOnce = 512;   // of an answer, before other clients have their turn
// Workers that do not come to one moment are asked again, later each time: for about a second and a half in all.
constexpr unsigned kMostTries = 13;
constexpr std::chrono::milliseconds kFirstPause{1}, kLongestPause{256};
constexpr size_t kMostReplyBytes = size_t{192} << 20;
constexpr size_t kMostMessages = 16'384;  // on their way to subscribers
constexpr size_t kMessagesAtOnce = 64;    // before other clients have their turn

bool is(const FaceCommand& command, std::string_view name) {
  return command.name == name;
}

/// What a listing is of: KEYS, SCAN and DBSIZE that ask for the same are answered together.
ScanOptions listing_of(const CommandWords& words, const FaceCommand& command) {
  ScanOptions options;
  std::string unused;
  if (is(command, "keys")) options.pattern = words[1];
  if (is(command, "scan")) (void)options.read(words, {unused, resp::Protocol::Resp2});
  return options;
}

std::span<const std::string> keys_of(const FaceCommand& command, const CommandWords& words) {
  if (command.kind != FaceCommand::Kind::Point) return {};
  const auto first = static_cast<size_t>(command.first_key);
  const size_t end =
      command.last_key < 0 ? words.size() : std::min(words.size(), static_cast<size_t>(command.last_key) + 1);
  return std::span(words).subspan(std::min(first, end), end - std::min(first, end));
}

/// Of the whole probe, in bytes: what is resident; and what the clients of the face take of it.
std::string memory_lines(uint64_t of_clients) {
  std::string text;
  if (const auto used = resident_bytes())
    text = "used_memory:" + std::to_string(*used) + "\r\nused_memory_rss:" + std::to_string(*used) + "\r\n";
  return text + "mem_clients_normal:" + std::to_string(of_clients) + "\r\n";
}

}  // namespace

Face::Face(FaceSettings settings, Probe& probe)
    : learnt_(settings.view.seed), settings_(std::move(settings)), probe_(probe), asker_(probe, [this](unsigned lane) {
        if (!woken_[lane].exchange(true)) {
          loop_.post([this, lane] {
            woken_[lane] = false;
            work(lane);
          });
        }
      }) {
  settings_.view.learnt = &learnt_;
  settings_.server.knows = [](std::string_view name) { return find_command(name) != nullptr; };
  server_ = std::make_unique<resp::Server>(
      loop_, settings_.server,
      [this](const resp::CommandView& command, resp::Reply reply) { on_command(command, std::move(reply)); });
}

Face::~Face() {
  stop();
  for (auto& batch : open_) batch.reset();
  for (auto& queue : waiting_) queue.clear();
}

void Face::start() {
  thread_ = std::thread([this] {
    name_thread("mc-face");
    loop_.run();
  });
}

void Face::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void Face::on_command(const resp::CommandView& view, resp::Reply reply) {
  const FaceCommand* command = find_command(view[0]);
  if (command == nullptr) {
    resp::write_unknown_command(reply.writer(), view);
    return reply.send();
  }
  if (!has_arity(*command, view.size())) {
    resp::write_wrong_arity(reply.writer(), view[0]);
    return reply.send();
  }
  CommandWords words(view.begin(), view.end());
  if (command->kind == FaceCommand::Kind::Itself) return answer_itself(*command, words, std::move(reply));
  for (const std::string& key : keys_of(*command, words)) {
    if (!settings_.may_read || settings_.may_read(reply.user(), key)) continue;
    reply.writer().error("NOPERM this user has no permissions to access one of the keys used as arguments");
    return reply.send();
  }
  bool slow = command->kind == FaceCommand::Kind::Listing;
  if (!slow) {
    for (const std::string& key : keys_of(*command, words))
      slow = slow || parse_key(key, settings_.view.accounting.realm).needs_walk();
  } else if (is(*command, "scan") && go_on_scanning(words, reply)) {
    return;
  }
  const uint64_t client = reply.client();
  waiting_[slow ? Asker::kWalk : Asker::kQuick].push(client, {command, std::move(words), std::move(reply)});
  if (std::exchange(flush_posted_, true)) return;
  loop_.post([this] { flush(); });  // behind all commands that came with this one
}

void Face::answer_itself(const FaceCommand& command, const CommandWords& words, resp::Reply reply) {
  if (is(command, "info")) {
    reply.writer().verbatim("txt", info(words));
  } else {
    write_commands(words, reply.writer());
  }
  reply.send();
}

/// The sections that are asked for, all where none is.
std::string Face::info(const CommandWords& words) const {
  const resp::ServerCounts& counts = server_->counts();
  const auto up = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_).count();
  const auto wanted = [&words](std::string_view section) {
    const auto is_meant = [section](std::string_view word) {
      return resp::is_command(word, section) || resp::is_command(word, "ALL") || resp::is_command(word, "DEFAULT") ||
             resp::is_command(word, "EVERYTHING");
    };
    return words.size() == 1 || std::any_of(words.begin() + 1, words.end(), is_meant);
  };
  std::string text;
  const auto section = [&](std::string_view name, const char* upper, const std::string& lines) {
    if (wanted(upper)) text += (text.empty() ? "# " : "\r\n# ") + std::string(name) + "\r\n" + lines;
  };
  section("Server", "SERVER",
          "redis_version:" + settings_.server.version + "\r\nredis_mode:standalone\r\nmicrocloud_version:" +
              settings_.version + "\r\nmicrocloud_probe:" + settings_.view.probe_id +
              "\r\ntcp_port:" + std::to_string(port()) + "\r\nuptime_in_seconds:" + std::to_string(up) + "\r\n");
  section("Clients", "CLIENTS",
          "connected_clients:" + std::to_string(counts.clients.get()) +
              "\r\nmaxclients:" + std::to_string(settings_.server.most_clients) + "\r\nblocked_clients:0\r\n");
  section("Memory", "MEMORY", memory_lines(counts.memory.get()));
  section("Stats", "STATS",
          "total_connections_received:" + std::to_string(counts.accepted.get()) +
              "\r\ntotal_commands_processed:" + std::to_string(counts.commands.get()) +
              "\r\nrejected_connections:" + std::to_string(counts.refused.get()) + "\r\n");
  section("Replication", "REPLICATION", "role:master\r\nconnected_slaves:0\r\n");
  section("Cluster", "CLUSTER", "cluster_enabled:0\r\n");
  return text;
}

void Face::flush() {
  flush_posted_ = false;
  for (unsigned lane = 0; lane < open_.size(); ++lane) {
    if (!open_[lane] && next_batch(lane)) {
      ask(lane);
      work(lane);
    }
  }
}

/// False: nothing waits.
bool Face::next_batch(unsigned lane) {
  FairQueue<Waiting>& queue = waiting_[lane];
  // Who has gone wants no answer.
  while (!queue.empty() && !queue.front().reply.is_wanted()) queue.pop();
  if (queue.empty()) return false;
  auto batch = std::make_unique<Batch>();
  add(*batch, queue.pop());
  const bool points = batch->commands.front().command->kind == FaceCommand::Kind::Point;
  queue.take(
      points ? kMostAtOnce : 1, [&](const Waiting& one) { return fits(*batch, one); },
      [&](Waiting&& one) { add(*batch, std::move(one)); });
  open_[lane] = std::move(batch);
  return true;
}

bool Face::fits(const Batch& batch, const Waiting& one) const {
  const Waiting& first = batch.commands.front();
  const bool points = one.command->kind == FaceCommand::Kind::Point;
  const size_t most = points ? kMostAtOnce : kMostListings;
  if (first.command->kind != one.command->kind || batch.commands.size() >= most) return false;
  if (points) return batch.keys + keys_of(*one.command, one.words).size() <= kMostAtOnce;
  const ScanOptions wanted = listing_of(one.words, *one.command), asked = listing_of(first.words, *first.command);
  return wanted.pattern == asked.pattern && wanted.type == asked.type;
}

void Face::add(Batch& batch, Waiting&& one) {
  batch.keys += keys_of(*one.command, one.words).size();
  batch.commands.push_back(std::move(one));
}

void Face::ask(unsigned lane) {
  Batch& batch = *open_[lane];
  counters_.questions.add();
  const Waiting& first = batch.commands.front();
  if (first.command->kind == FaceCommand::Kind::Listing) {
    const ScanOptions options = listing_of(first.words, *first.command);
    counters_.listings.add();
    batch.listing = std::make_unique<Listing>(settings_.view, options.pattern, options.type);
    return asker_.ask(lane, batch.listing->question(), {});
  }
  std::vector<std::string> keys;
  for (const Waiting& one : batch.commands) {
    for (const std::string& key : keys_of(*one.command, one.words)) keys.push_back(key);
  }
  batch.points = std::make_unique<PointAnswer>(settings_.view, keys);
  asker_.ask(lane, batch.points->question(), [this, points = batch.points.get()] {
    points->at_cut();
    probe_.each_waiting([points](const RecordRef& record) { points->keep(record); });
  });
}

void Face::work(unsigned lane) {
  while (open_[lane]) {
    Batch& batch = *open_[lane];
    const Asker::State state =
        asker_.gather(lane, kFlowsAtOnce, [&batch](const Common& common, const FlowRecord& flow) {
          if (batch.points) batch.points->add(common, flow);
          if (batch.listing) batch.listing->add(common, flow);
        });
    if (state == Asker::State::Waiting) return;
    if (state == Asker::State::More) return loop_.post([this, lane] { work(lane); });
    if (state == Asker::State::Failed && ++batch.tries < kMostTries) return ask_later(lane);
    if (state == Asker::State::Done) {
      answer(batch);
    } else {
      refuse(batch);
    }
    open_[lane].reset();
    if (next_batch(lane)) ask(lane);
  }
}

/// The rings were held for nothing: they are let go on meanwhile.
void Face::ask_later(unsigned lane) {
  counters_.repeated.add();
  const auto pause = std::min(kLongestPause, kFirstPause * (1 << (open_[lane]->tries - 1)));
  again_[lane].start(pause, [this, lane] {
    ask(lane);
    work(lane);
  });
}

void Face::refuse(Batch& batch) {
  for (Waiting& one : batch.commands) {
    counters_.failed.add();
    one.reply.writer().error("TRYAGAIN the probe has too much to do to answer now");
    one.reply.send();
  }
}

void Face::answer(Batch& batch) {
  if (batch.points) {
    batch.points->finish();
    answer_points(batch);
  } else {
    batch.listing->finish();
    answer_listing(batch);
  }
}

void Face::answer_points(Batch& batch) {
  std::vector<const Entry*> entries;
  for (Waiting& one : batch.commands) {
    entries.clear();
    for (const std::string& key : keys_of(*one.command, one.words)) entries.push_back(&batch.points->entry(key));
    one.command->answer(one.words, entries, one.reply.writer());
    one.reply.send();
  }
}

void Face::answer_listing(Batch& batch) {
  constexpr size_t kFraming = 16;
  const bool too_many = batch.listing->too_many();
  const auto found = std::make_shared<const KeyNamesFound>(std::move(batch.listing->found()));
  const bool too_long = found->bytes() + kFraming * found->size() > kMostReplyBytes;
  for (Waiting& asked : batch.commands) {
    if (!asked.reply.is_wanted()) continue;  // of one that did not read the answers before
    resp::ReplyWriter reply = asked.reply.writer();
    if (too_many || (is(*asked.command, "keys") && too_long)) {
      reply.error("ERR too many keys for one answer; give a narrower pattern");
    } else if (is(*asked.command, "dbsize")) {
      reply.integer(static_cast<int64_t>(found->size()));
    } else if (is(*asked.command, "keys")) {
      reply.array(found->size());
      for (size_t at = 0; at < found->size(); ++at) reply.bulk(found->name(at));
    } else {
      scans_.begin(found, listing_of(asked.words, *asked.command).count, reply);
    }
    asked.reply.send();
  }
}

/// True: the reply is written. A scan begins with a listing, of which it goes on to give parts.
bool Face::go_on_scanning(const CommandWords& words, resp::Reply& reply) {
  ScanOptions options;
  const bool good = options.read(words, reply.writer());
  if (good && options.cursor == 0) return false;
  if (good) scans_.go_on(options.cursor, options.count, reply.writer());
  reply.send();
  return true;
}

void Face::put(const RecordRef& record) {
  learnt_.put(record);
  if (server_->counts().subscriptions.get() == 0) return;
  Message message{record.type, {}};
  json_.append(record, message.line);
  message.line.pop_back();  // the line's end
  const std::lock_guard lock(messages_mutex_);
  if (messages_.size() >= kMostMessages) return counters_.unpublished.add();
  messages_.push_back(std::move(message));
  if (std::exchange(publish_posted_, true)) return;
  loop_.post([this] { publish(); });
}

void Face::publish() {
  if (publishing_.empty()) {
    const std::lock_guard lock(messages_mutex_);
    std::move(messages_.begin(), messages_.end(), std::back_inserter(publishing_));
    messages_.clear();
  }
  const std::string realm = realm_prefix(settings_.view.accounting.realm);
  for (size_t count = 0; count < kMessagesAtOnce && !publishing_.empty(); ++count) {
    const Message& message = publishing_.front();
    if (server_->publish(realm + "event." + std::string(message.type->name), message.line) > 0)
      counters_.published.add();
    publishing_.pop_front();
  }
  const std::lock_guard lock(messages_mutex_);
  publish_posted_ = !publishing_.empty() || !messages_.empty();
  if (publish_posted_) loop_.post([this] { publish(); });
}

}  // namespace microcloud
