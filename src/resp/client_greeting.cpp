// What a client says and asks on a new connection: HELLO, with AUTH and SETNAME in it, then ROLE, INFO and PING.
#include "resp/client_core.h"

namespace microcloud::resp {
namespace {

/// `run_id:abc` of INFO; empty: it is not there.
std::string info_field(const std::string& text, const std::string& name) {
  const size_t at = text.find("\n" + name + ":");
  if (at == std::string::npos) return {};
  const size_t from = at + name.size() + 2;
  return text.substr(from, text.find_first_of("\r\n", from) - from);
}

std::string text_under(const Value& map, std::string_view name) {
  const Value* found = map.find(name);
  return found != nullptr ? found->text : std::string();
}

}  // namespace

void Client::Core::opened() {
  is_mute = true;
  Commands hello;
  const bool authenticates = !settings.user.empty() || !settings.password.empty();
  hello.start(2 + (authenticates ? 3U : 0U) + (settings.name.empty() ? 0U : 2U));
  hello.argument("HELLO");
  hello.argument(static_cast<int>(settings.protocol));
  if (authenticates) {
    hello.argument("AUTH");
    hello.argument(settings.user.empty() ? "default" : std::string_view(settings.user));
    hello.argument(settings.password);
  }
  if (!settings.name.empty()) {
    hello.argument("SETNAME");
    hello.argument(settings.name);
  }
  send(std::move(hello), Request{.done = [this](Result result) { greeted(std::move(result)); }});
}

void Client::Core::greeted(Result result) {
  if (result.outcome != Outcome::Ok) return;  // fail() is telling it
  const Value& hello = result.replies[0];
  if (hello.is_error()) return fail("the server refuses the greeting: " + hello.text);
  facts.version = text_under(hello, "version");
  if (const Value* id = hello.find("id")) facts.client_id = id->as_integer().value_or(0);
  Commands questions;
  questions.add("ROLE");
  questions.add("INFO", "server");
  questions.add("PING");  // unlike these not answered while the server reads its data
  send(std::move(questions), Request{.done = [this](Result told_result) { learned(std::move(told_result)); }});
}

void Client::Core::learned(Result result) {
  if (result.outcome != Outcome::Ok) return;
  facts.role = parse_role(result.replies[0]).value_or(Role());
  if (result.replies[1].has_text()) facts.run_id = info_field(result.replies[1].text, "run_id");
  if (settings.master_only && facts.role.kind != Role::Kind::Master)
    return fail(std::string("the server is no master (its role: ") + facts.role.word() + ")");
  if (error_code(result.replies[2]) == "LOADING") return fail(result.replies[2].text);
  become_ready();
}

void Client::Core::become_ready() {
  is_ready = true;
  back_off.reset();
  told.clear();
  if (events.state) events.state(ClientEvents::State::Ready, facts.endpoint.text());
}

}  // namespace microcloud::resp
