// The commands that concern the connection alone.
#include <algorithm>

#include "resp/session.h"

namespace microcloud::resp {
namespace {

constexpr size_t kMostSubscriptions = 1024;  // of a client
constexpr size_t kMostSubscribedBytes = 64 << 10;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

/// Of those that are allowed at some time, but not while subscribed.
bool is_own(std::string_view name) {
  for (const char* own : {"CLIENT", "ECHO", "SELECT"}) {
    if (is_command(name, own)) return true;
  }
  return false;
}

constexpr std::string_view kClientHelp[] = {
    "GETNAME",
    "    The name of this connection.",
    "ID",
    "    The number of this connection.",
    "INFO",
    "    What is known of this connection.",
    "SETINFO <what> <value>",
    "    Is taken, and not kept.",
    "SETNAME <name>",
    "    Gives this connection a name.",
};

/// False, and the reply is written.
bool is_client_name(std::string_view name, ReplyWriter reply) {
  if (std::none_of(name.begin(), name.end(), [](char c) { return c < '!' || c > '~'; })) return true;
  reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
  return false;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  }
  return out;
}

}  // namespace

bool is_command(std::string_view name, std::string_view upper) {
  return std::equal(name.begin(), name.end(), upper.begin(), upper.end(), [](char a, char b) {
    return (a >= 'a' && a <= 'z' ? static_cast<char>(a - ('a' - 'A')) : a) == b;
  });
}

void write_unknown_command(ReplyWriter reply, const CommandView& command) {
  constexpr size_t kShown = 128;
  std::string words =
      "ERR unknown command '" + std::string(command[0].substr(0, kShown)) + "', with args beginning with: ";
  std::string arguments;
  for (size_t at = 1; at < command.size() && arguments.size() < kShown; ++at)
    arguments += "'" + std::string(command[at].substr(0, kShown - arguments.size())) + "' ";
  reply.error(words + arguments);
}

void write_wrong_arity(ReplyWriter reply, std::string_view name) {
  reply.error("ERR wrong number of arguments for '" + lower(name) + "' command");
}

void write_unknown_subcommand(ReplyWriter reply, const CommandView& command) {
  constexpr size_t kShown = 128;
  reply.error("ERR unknown subcommand '" + std::string(command[1].substr(0, kShown)) + "'. Try " + upper(command[0]) +
              " HELP.");
}

void write_help(ReplyWriter reply, std::string_view name, std::span<const std::string_view> lines) {
  reply.array(lines.size() + 3);
  reply.simple(upper(name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const std::string_view line : lines) reply.simple(line);
  reply.simple("HELP");
  reply.simple("    Prints this help.");
}

std::string with_subcommand(const CommandView& command) {
  return lower(command[0]) + "|" + lower(command[1]);
}

bool Session::allowed_while_subscribed(std::string_view name) const {
  if (protocol_ == Protocol::Resp3 || channels_.size() + patterns_.size() == 0) return true;
  for (const char* allowed : {"SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "PING", "QUIT", "RESET"}) {
    if (is_command(name, allowed)) return true;
  }
  return false;
}

bool Session::own_command(const CommandView& command, ReplyWriter reply) {
  const std::string_view name = command[0];
  if (is_command(name, "HELLO")) return hello(command, reply), true;
  if (is_command(name, "AUTH")) return auth(command, reply), true;
  if (is_command(name, "QUIT")) return ending_ = true, reply.ok(), true;
  if (is_command(name, "RESET")) return reset(), reply.simple("RESET"), true;
  // What a browser sends that a page has sent here.
  if (is_command(name, "POST") || is_command(name, "HOST:"))
    return ending_ = true, reply.error("ERR this is no HTTP"), true;
  if (!is_authenticated_) return reply.error("NOAUTH Authentication required."), true;
  if (!allowed_while_subscribed(name)) {
    if (!is_own(name) && server_->settings.knows && !server_->settings.knows(name)) return false;
    reply.error("ERR Can't execute '" +
                (is_command(name, "CLIENT") && command.size() > 1 ? with_subcommand(command) : lower(name)) +
                "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context");
    return true;
  }
  if (is_command(name, "PING")) return ping(command, reply), true;
  if (is_command(name, "CLIENT")) return client(command, reply), true;
  if (is_command(name, "SUBSCRIBE")) return subscribe(command, reply, false), true;
  if (is_command(name, "PSUBSCRIBE")) return subscribe(command, reply, true), true;
  if (is_command(name, "UNSUBSCRIBE")) return unsubscribe(command, reply, false), true;
  if (is_command(name, "PUNSUBSCRIBE")) return unsubscribe(command, reply, true), true;
  if (is_command(name, "ECHO") || is_command(name, "SELECT")) {
    if (command.size() != 2) return write_wrong_arity(reply, name), true;
    if (is_command(name, "ECHO")) return reply.bulk(command[1]), true;
    if (command[1] == "0") return reply.ok(), true;
    return reply.error(parse_integer(command[1]) ? "ERR DB index is out of range"
                                                 : "ERR value is not an integer or out of range"),
           true;
  }
  return false;
}

/// Where nobody is asked for a password there is the user `default` alone, and takes any, as Redis' own does.
bool Session::authenticated(std::string_view user, std::string_view password, ReplyWriter reply) {
  const auto& check = server_->settings.authenticate;
  if (check ? !check(user, password) : user != "default") {
    reply.error("WRONGPASS invalid username-password pair or user is disabled.");
    return false;
  }
  is_authenticated_ = true;
  user_ = user;
  decoder_.set_limits(server_->settings.limits);
  return true;
}

void Session::auth(const CommandView& command, ReplyWriter reply) {
  if (command.size() < 2) return write_wrong_arity(reply, command[0]);
  if (command.size() > 3) return reply.error("ERR syntax error");
  if (command.size() == 2 && !server_->settings.authenticate)
    return reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?");
  if (authenticated(command.size() == 3 ? command[1] : "default", command.back(), reply)) reply.ok();
}

void Session::hello(const CommandView& command, ReplyWriter reply) {
  Protocol protocol = protocol_;
  size_t at = 1;
  if (command.size() > 1) {
    const auto number = parse_integer(command[at++]);
    if (!number) return reply.error("ERR Protocol version is not an integer or out of range");
    if (*number != 2 && *number != 3) return reply.error("NOPROTO unsupported protocol version");
    protocol = *number == 3 ? Protocol::Resp3 : Protocol::Resp2;
  }
  std::string name = name_;
  for (; at < command.size(); ++at) {
    if (is_command(command[at], "AUTH") && at + 2 < command.size()) {
      if (!authenticated(command[at + 1], command[at + 2], reply)) return;
      at += 2;
    } else if (is_command(command[at], "SETNAME") && at + 1 < command.size()) {
      name = command[++at];
      if (!is_client_name(name, reply)) return;
    } else {
      return reply.error("ERR Syntax error in HELLO option '" + std::string(command[at].substr(0, 64)) + "'");
    }
  }
  if (!is_authenticated_)
    return reply.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "
        "<pass> option can be used to authenticate the client and select the RESP protocol version at the same time");
  name_ = name;
  protocol_ = protocol;
  // The reply is in the protocol that it announces.
  ReplyWriter writer = reply.with(protocol);
  writer.map(7);
  writer.bulk("server");
  writer.bulk("redis");
  writer.bulk("version");
  writer.bulk(server_->settings.version);
  writer.bulk("proto");
  writer.integer(static_cast<int64_t>(protocol));
  writer.bulk("id");
  writer.integer(static_cast<int64_t>(id_));
  writer.bulk("mode");
  writer.bulk("standalone");
  writer.bulk("role");
  writer.bulk("master");
  writer.bulk("modules");
  writer.array(0);
}

void Session::client(const CommandView& command, ReplyWriter reply) {
  if (command.size() < 2) return write_wrong_arity(reply, command[0]);
  const std::string_view what = command[1];
  if (is_command(what, "ID") && command.size() == 2) return reply.integer(static_cast<int64_t>(id_));
  if (is_command(what, "GETNAME") && command.size() == 2) return name_.empty() ? reply.null() : reply.bulk(name_);
  if (is_command(what, "SETINFO") && command.size() == 4) return reply.ok();
  if (is_command(what, "SETNAME") && command.size() == 3) {
    if (!is_client_name(command[2], reply)) return;
    name_ = std::string(command[2]);
    return reply.ok();
  }
  if (is_command(what, "INFO") && command.size() == 2) return reply.verbatim("txt", about());
  if (is_command(what, "HELP") && command.size() == 2) return write_help(reply, command[0], kClientHelp);
  for (const char* known : {"ID", "INFO", "GETNAME", "SETINFO", "SETNAME", "HELP"}) {
    if (is_command(what, known)) return write_wrong_arity(reply, with_subcommand(command));
  }
  write_unknown_subcommand(reply, command);
}

/// As a line of Redis' CLIENT LIST, with all of its fields: 0 where there is nothing of the kind here.
std::string Session::about() const {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - since_).count();
  const auto number = [](const char* name, size_t value) {
    return " " + std::string(name) + "=" + std::to_string(value);
  };
  std::string text = "id=" + std::to_string(id_) + " addr=" + stream_->peer() + " laddr=" + stream_->local() +
                     " fd=0 name=" + name_ + " age=" + std::to_string(age) + " idle=0";
  text += channels_.size() + patterns_.size() > 0 ? " flags=P db=0" : " flags=N db=0";
  text += number("sub", channels_.size()) + number("psub", patterns_.size()) + " ssub=0 multi=-1";
  text += number("qbuf", decoder_.memory()) + " qbuf-free=0" + number("argv-mem", asked_) + " multi-mem=0 rbs=0 rbp=0";
  text += " obl=0 oll=0" + number("omem", held_ + out_.size() + stream_->unsent()) + number("tot-mem", weight_);
  text += " events=r cmd=client|info user=" + user_ + " redir=-1" + number("resp", static_cast<size_t>(protocol_));
  return text + "\n";
}

void Session::ping(const CommandView& command, ReplyWriter reply) {
  if (command.size() > 2) return write_wrong_arity(reply, command[0]);
  const std::string_view text = command.size() == 2 ? command[1] : std::string_view();
  if (protocol_ == Protocol::Resp2 && channels_.size() + patterns_.size() > 0) {
    reply.array(2);
    reply.bulk("pong");
    return reply.bulk(text);
  }
  return command.size() == 2 ? reply.bulk(text) : reply.simple("PONG");
}

void Session::confirm(ReplyWriter reply, std::string_view kind, std::string_view channel) {
  reply.push(3);
  reply.bulk(kind);
  reply.bulk(channel);
  reply.integer(static_cast<int64_t>(channels_.size() + patterns_.size()));
}

void Session::subscribe(const CommandView& command, ReplyWriter reply, bool patterns) {
  if (command.size() < 2) return write_wrong_arity(reply, command[0]);
  const auto& may = server_->settings.may_subscribe;
  for (size_t at = 1; may && at < command.size(); ++at) {
    if (!may(user_, command[at], patterns))
      return reply.error("NOPERM this user has no permissions to access one of the channels used as arguments");
  }
  size_t bytes = subscribed_;
  for (size_t at = 1; at < command.size(); ++at) bytes += command[at].size();
  if (channels_.size() + patterns_.size() + command.size() > kMostSubscriptions || bytes > kMostSubscribedBytes ||
      server_->channels.size() + server_->patterns.size() + command.size() > server_->settings.most_subscriptions)
    return reply.error("ERR too many subscriptions");
  for (size_t at = 1; at < command.size(); ++at) {
    const std::string channel(command[at]);
    if ((patterns ? patterns_ : channels_).insert(channel).second) subscribed_ += channel.size();
    (patterns ? server_->patterns : server_->channels)[channel].insert(this);
    confirm(reply, patterns ? "psubscribe" : "subscribe", channel);
  }
  server_->subscriptions_changed();
}

void Session::unsubscribe(const CommandView& command, ReplyWriter reply, bool patterns) {
  auto& mine = patterns ? patterns_ : channels_;
  const char* kind = patterns ? "punsubscribe" : "unsubscribe";
  std::vector<std::string> leaving(command.begin() + 1, command.end());
  if (leaving.empty()) leaving.assign(mine.begin(), mine.end());
  if (leaving.empty()) {
    reply.push(3);
    reply.bulk(kind);
    reply.null();
    return reply.integer(static_cast<int64_t>(channels_.size() + patterns_.size()));
  }
  for (const std::string& channel : leaving) {
    std::set<std::string, std::less<>> one;
    if (mine.erase(channel) > 0) one.insert(channel);
    forget(patterns ? server_->patterns : server_->channels, one);
    confirm(reply, kind, channel);
  }
}

void Session::reset() {
  forget(server_->channels, channels_);
  forget(server_->patterns, patterns_);
  name_.clear();
  protocol_ = Protocol::Resp2;
  user_ = "default";
  is_authenticated_ = !server_->settings.authenticate;
  if (!is_authenticated_) decoder_.set_limits(CommandLimits::of_strangers());
}

}  // namespace microcloud::resp
