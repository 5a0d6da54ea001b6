// Asks a Redis server by hiredis and prints what it got, a line a reply: hiredis_client PORT KEY FIELD PATTERN.
// It goes through one connection as programs do: single commands, a SCAN, a pipeline, a subscription at the end.
#include <hiredis/hiredis.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr int kPipelined = 10'000;

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;
using Context = std::unique_ptr<redisContext, decltype(&redisFree)>;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "hiredis_client: %s\n", why.c_str());
  std::exit(1);
}

Reply next(redisContext* context) {
  void* reply = nullptr;
  if (redisGetReply(context, &reply) != REDIS_OK || reply == nullptr) fail(context->errstr);
  return Reply(static_cast<redisReply*>(reply));
}

Reply ask(redisContext* context, const std::vector<std::string>& words) {
  std::vector<const char*> starts;
  std::vector<size_t> sizes;
  for (const std::string& word : words) {
    starts.push_back(word.data());
    sizes.push_back(word.size());
  }
  if (redisAppendCommandArgv(context, static_cast<int>(words.size()), starts.data(), sizes.data()) != REDIS_OK)
    fail(context->errstr);
  return next(context);
}

std::string text_of(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_STATUS:
      return "+" + std::string(reply.str, reply.len);
    case REDIS_REPLY_ERROR:
      return "-" + std::string(reply.str, reply.len);
    case REDIS_REPLY_INTEGER:
      return ":" + std::to_string(reply.integer);
    case REDIS_REPLY_NIL:
      return "nil";
    case REDIS_REPLY_STRING:
      return std::string(reply.str, reply.len);
    default:
      break;
  }
  std::string text;
  for (size_t at = 0; at < reply.elements; ++at) text += (at == 0 ? "" : "\t") + text_of(*reply.element[at]);
  return text;
}

void tell(const char* what, const std::string& text) {
  std::printf("%s\t%s\n", what, text.c_str());
  std::fflush(stdout);
}

void scan(redisContext* context, const std::string& pattern) {
  std::string cursor = "0", names;
  do {
    const Reply reply = ask(context, {"SCAN", cursor, "MATCH", pattern, "COUNT", "7"});
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) fail("SCAN: " + text_of(*reply));
    cursor = text_of(*reply->element[0]);
    if (reply->element[1]->elements > 0) names += "\t" + text_of(*reply->element[1]);
  } while (cursor != "0");
  tell("scan", names.empty() ? names : names.substr(1));
}

void pipeline(redisContext* context, const char* key, const char* field) {
  for (int count = 0; count < kPipelined; ++count) redisAppendCommand(context, "HGET %s %s", key, field);
  const std::string first = text_of(*next(context));
  for (int count = 1; count < kPipelined; ++count) {
    if (text_of(*next(context)) != first) fail("replies of one pipeline differ");
  }
  tell("pipeline", first);
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) fail("usage: hiredis_client PORT KEY FIELD PATTERN");
  const std::string key = words[2], field = words[3], pattern = words[4];
  const Context context(redisConnect("127.0.0.1", std::atoi(words[1])), redisFree);
  if (!context || context->err != 0) fail(context ? context->errstr : "no memory");
  redisEnableKeepAlive(context.get());
  tell("ping", text_of(*ask(context.get(), {"PING"})));
  tell("hello", text_of(*ask(context.get(), {"HELLO", "2", "SETNAME", "hiredis"})));
  tell("getname", text_of(*ask(context.get(), {"CLIENT", "GETNAME"})));
  tell("hgetall", text_of(*ask(context.get(), {"HGETALL", key})));
  tell("hmget", text_of(*ask(context.get(), {"HMGET", key, field, "none"})));
  tell("type", text_of(*ask(context.get(), {"TYPE", key})));
  tell("zrange", text_of(*ask(context.get(), {"ZREVRANGE", key + ".peers", "0", "-1", "WITHSCORES"})));
  tell("wrongtype", text_of(*ask(context.get(), {"ZCARD", key})));
  tell("unknown", text_of(*ask(context.get(), {"NONSENSE", std::string("a\0b", 3)})));
  tell("keys", text_of(*ask(context.get(), {"KEYS", pattern})));
  scan(context.get(), pattern);
  pipeline(context.get(), key.c_str(), field.c_str());
  tell("subscribe", text_of(*ask(context.get(), {"SUBSCRIBE", "event.flow"})));
  tell("message", text_of(*next(context.get())));
  tell("quit", text_of(*ask(context.get(), {"QUIT"})));
}
