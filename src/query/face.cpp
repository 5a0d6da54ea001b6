#include "query/face.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/key_names.h"

namespace microcloud {
namespace {

constexpr size_t kMostAtOnce = 4'096;  // commands that are asked together
constexpr size_t kFlowsAtOnce = 512;   // of an answer, before other clients have their turn
// Workers that do not come to one moment are asked again, later each time: for about a second and a half in all.
constexpr unsigned kMostTries = 13;
constexpr std::chrono::milliseconds kFirstPause{1}, kLongestPause{256};
constexpr size_t kMostScans = 8;
constexpr std::chrono::seconds kScanKept{120};
constexpr size_t kMostReplyBytes = size_t{192} << 20;
constexpr size_t kMostMessages = 16'384;  // on their way to subscribers
constexpr unsigned kScanShift = 32;       // a cursor: the scan's number, and below it where it stands

bool is(const FaceCommand& command, std::string_view name) {
  return command.name == name;
}

/// The options of SCAN; false, and the reply is written: they are wrong.
struct ScanOptions {
  uint64_t cursor = 0;
  uint64_t count = 10;
  std::string pattern = "*";
  std::string type;

  bool read(const CommandWords& words, resp::ReplyWriter reply) {
    const auto number = resp::parse_integer(words[1]);
    if (!number || *number < 0) return reply.error("ERR invalid cursor"), false;
    cursor = static_cast<uint64_t>(*number);
    for (size_t at = 2; at < words.size(); at += 2) {
      if (at + 1 == words.size()) return reply.error("ERR syntax error"), false;
      if (resp::is_command(words[at], "MATCH")) {
        pattern = words[at + 1];
      } else if (resp::is_command(words[at], "TYPE")) {
        type = words[at + 1];
        std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return std::tolower(c); });
      } else if (resp::is_command(words[at], "COUNT")) {
        const auto wanted = resp::parse_integer(words[at + 1]);
        if (!wanted) return reply.error("ERR value is not an integer or out of range"), false;
        if (*wanted < 1) return reply.error("ERR syntax error"), false;
        count = static_cast<uint64_t>(*wanted);
      } else {
        return reply.error("ERR syntax error"), false;
      }
    }
    return true;
  }
};

std::span<const std::string> keys_of(const FaceCommand& command, const CommandWords& words) {
  if (command.kind != FaceCommand::Kind::Point) return {};
  const auto first = static_cast<size_t>(command.first_key);
  const size_t end =
      command.last_key < 0 ? words.size() : std::min(words.size(), static_cast<size_t>(command.last_key) + 1);
  return std::span(words).subspan(std::min(first, end), end - std::min(first, end));
}

}  // namespace

Face::Face(FaceSettings settings, Probe& probe)
    : settings_(std::move(settings)), probe_(probe), asker_(probe, [this](unsigned lane) {
        if (!woken_[lane].exchange(true)) {
          loop_.post([this, lane] {
            woken_[lane] = false;
            work(lane);
          });
        }
      }) {
  server_ = std::make_unique<resp::Server>(
      loop_, settings_.server,
      [this](const resp::CommandView& command, resp::Reply reply) { on_command(command, std::move(reply)); });
}

Face::~Face() {
  stop();
  for (auto& batch : open_) batch.reset();
  quick_.clear();
  slow_.clear();
}

void Face::start() {
  thread_ = std::thread([this] { loop_.run(); });
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
  (slow ? slow_ : quick_).push_back({command, std::move(words), std::move(reply)});
  if (std::exchange(flush_posted_, true)) return;
  loop_.post([this] { flush(); });  // behind all commands that came with this one
}

void Face::answer_itself(const FaceCommand& command, const CommandWords& words, resp::Reply reply) {
  if (is(command, "info")) {
    reply.writer().verbatim("txt", info());
  } else {
    write_commands(words, reply.writer());
  }
  reply.send();
}

std::string Face::info() const {
  const resp::ServerCounts& counts = server_->counts();
  const auto up = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_).count();
  std::string text = "# Server\r\nredis_version:" + settings_.server.version + "\r\nredis_mode:standalone\r\n";
  text += "microcloud_version:" + settings_.version + "\r\nmicrocloud_probe:" + settings_.view.probe_id + "\r\n";
  text += "tcp_port:" + std::to_string(port()) + "\r\nuptime_in_seconds:" + std::to_string(up) + "\r\n";
  text += "\r\n# Clients\r\nconnected_clients:" + std::to_string(counts.clients.get()) + "\r\n";
  text += "\r\n# Stats\r\ntotal_connections_received:" + std::to_string(counts.accepted.get()) + "\r\n";
  text += "total_commands_processed:" + std::to_string(counts.commands.get()) + "\r\n";
  text += "rejected_connections:" + std::to_string(counts.refused.get()) + "\r\n";
  return text + "\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n";
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

bool Face::next_batch(unsigned lane) {
  std::deque<Waiting>& queue = lane == Asker::kQuick ? quick_ : slow_;
  if (queue.empty()) return false;
  auto batch = std::make_unique<Batch>();
  const bool listing = queue.front().command->kind == FaceCommand::Kind::Listing;
  do {
    batch->commands.push_back(std::move(queue.front()));
    queue.pop_front();
  } while (!listing && !queue.empty() && queue.front().command->kind == FaceCommand::Kind::Point &&
           batch->commands.size() < kMostAtOnce);
  open_[lane] = std::move(batch);
  return true;
}

void Face::ask(unsigned lane) {
  Batch& batch = *open_[lane];
  counters_.questions.add();
  const Waiting& first = batch.commands.front();
  if (first.command->kind == FaceCommand::Kind::Listing) {
    ScanOptions options;
    if (is(*first.command, "keys")) options.pattern = first.words[1];
    std::string unused;
    if (is(*first.command, "scan")) (void)options.read(first.words, {unused, resp::Protocol::Resp2});
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
  Waiting& asked = batch.commands.front();
  KeyNamesFound& found = batch.listing->found();
  resp::ReplyWriter reply = asked.reply.writer();
  constexpr size_t kFraming = 16;
  if (batch.listing->too_many() || found.bytes() + kFraming * found.size() > kMostReplyBytes) {
    reply.error("ERR too many keys for one answer; give a narrower pattern");
  } else if (is(*asked.command, "dbsize")) {
    reply.integer(static_cast<int64_t>(found.size()));
  } else if (is(*asked.command, "keys")) {
    reply.array(found.size());
    for (size_t at = 0; at < found.size(); ++at) reply.bulk(found.name(at));
  } else {
    give_scan(std::make_shared<KeyNamesFound>(std::move(found)), next_scan_++, 0, asked.words, reply);
  }
  asked.reply.send();
}

/// True: the reply is written. A scan begins with a listing, of which it goes on to give parts.
bool Face::go_on_scanning(const CommandWords& words, resp::Reply& reply) {
  ScanOptions options;
  const bool good = options.read(words, reply.writer());
  if (good && options.cursor == 0) return false;
  if (good) {
    const auto scan = scans_.find(options.cursor >> kScanShift);
    if (scan == scans_.end()) {
      reply.writer().error("ERR invalid cursor");
    } else {
      give_scan(scan->second.names, scan->first, options.cursor & ((uint64_t{1} << kScanShift) - 1), words,
                reply.writer());
    }
  }
  reply.send();
  return true;
}

void Face::give_scan(std::shared_ptr<KeyNamesFound> names, uint64_t id, uint64_t at, const CommandWords& words,
                     resp::ReplyWriter reply) {
  ScanOptions options;
  std::string unused;
  (void)options.read(words, {unused, resp::Protocol::Resp2});
  const uint64_t begin = std::min<uint64_t>(at, names->size());
  const uint64_t end = begin + std::min<uint64_t>(options.count, names->size() - begin);
  reply.array(2);
  reply.bulk(end == names->size() ? "0" : std::to_string(id << kScanShift | end));
  reply.array(end - begin);
  for (uint64_t name = begin; name < end; ++name) reply.bulk(names->name(name));
  if (end == names->size()) {
    scans_.erase(id);
  } else {
    scans_[id] = {std::move(names), Clock::now()};
    forget_scans();
  }
}

void Face::forget_scans() {
  const auto now = Clock::now();
  std::erase_if(scans_, [now](const auto& one) { return now - one.second.used > kScanKept; });
  while (scans_.size() > kMostScans) {
    scans_.erase(std::min_element(scans_.begin(), scans_.end(),
                                  [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }
}

void Face::put(const RecordRef& record) {
  if (server_->counts().subscriptions.get() == 0) return;
  Message message{record.type, {}};
  json_.append(record, message.line);
  message.line.pop_back();  // the line's end
  const std::lock_guard lock(messages_mutex_);
  if (messages_.size() >= kMostMessages) return counters_.unpublished.add();
  messages_.push_back(std::move(message));
  if (messages_.size() == 1) loop_.post([this] { publish(); });
}

void Face::publish() {
  std::vector<Message> messages;
  {
    const std::lock_guard lock(messages_mutex_);
    messages.swap(messages_);
  }
  const std::string realm = realm_prefix(settings_.view.accounting.realm);
  for (const Message& message : messages) {
    if (server_->publish(realm + "event." + std::string(message.type->name), message.line) > 0)
      counters_.published.add();
  }
}

}  // namespace microcloud
