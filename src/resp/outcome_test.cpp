#include "resp/outcome.h"

#include <gtest/gtest.h>

namespace microcloud::resp {
namespace {

Outcome of(std::string_view words) {
  return outcome_of(Value::of_error(words));
}

TEST(Outcome, OfReplies) {
  EXPECT_EQ(outcome_of(Value()), Outcome::Ok);
  for (const char* words :
       {"MOVED 1 127.0.0.1:7000", "ASK 1 127.0.0.1:7000", "TRYAGAIN x", "CLUSTERDOWN The cluster is down", "LOADING x",
        "READONLY x", "OOM command not allowed", "EXECABORT x", "NOREPLICAS x"}) {
    EXPECT_EQ(of(words), Outcome::Retry) << words;
    EXPECT_TRUE(provably_unapplied(Value::of_error(words))) << words;
  }
  for (const char* words :
       {"NOPERM x", "NOAUTH x", "ERR Function not found", "ERR unknown command 'x'", "NOSCRIPT x"}) {
    EXPECT_EQ(of(words), Outcome::Refused) << words;
    EXPECT_TRUE(provably_unapplied(Value::of_error(words))) << words;
  }
  for (const char* words : {"ERR hash value is not an integer", "WRONGTYPE x", "MOVEDx"}) {
    EXPECT_EQ(of(words), Outcome::Refused) << words;
    EXPECT_FALSE(provably_unapplied(Value::of_error(words))) << words;
  }
}

TEST(Outcome, AnErrorFromTheMiddleOfAScriptIsNotUnapplied) {
  const Value error =
      Value::of_error("OOM command not allowed when used memory > 'maxmemory'. script: f_x, on @user_script:3.");
  EXPECT_FALSE(provably_unapplied(error));
  EXPECT_EQ(outcome_of(error), Outcome::Refused);
}

}  // namespace
}  // namespace microcloud::resp
