// What every line of protocols/list.inc is held to, without a line of code by its author. Golden payloads are the flows
// of captures/real/ that the protocol's own recogniser takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "inspect/ndpi_adapter.h"
#include "protocols/protocols.h"
#include "record/json_grammar_test.h"
#include "tests/protocols/conversation.h"
#include "tests/protocols/parser_driver.h"

namespace microcloud {
namespace {

// So that the tests end in seconds under a sanitizer: each is about as many runs as a conversation has bytes.
constexpr size_t kMostConversations = 12;
constexpr size_t kMostOctets = 6000;
constexpr size_t kPayloadsToRecognise = 4;

using Lines = std::vector<std::string>;

/// The conversation up to kMostOctets, in whole payloads; the first one stays in any case.
Conversation beginning_of(Conversation conversation) {
  size_t octets = 0, count = 0;
  for (const Said& said : conversation.said) {
    octets += said.bytes.size();
    if (count > 0 && octets > kMostOctets) break;
    ++count;
  }
  conversation.said.resize(count);
  return conversation;
}

bool speaks(const Protocol& protocol, const Conversation& conversation) {
  if (conversation.over_tcp() ? !protocol.over_tcp : !protocol.over_udp) return false;
  for (size_t at = 0; at < std::min(conversation.said.size(), kPayloadsToRecognise); ++at) {
    std::vector<Segment> before;
    for (size_t earlier = 0; earlier < at; ++earlier) before.push_back(conversation.said[earlier].segment());
    const bool more = protocol.recognise_more != nullptr && !before.empty();
    const Segment segment = conversation.said[at].segment();
    const Verdict verdict = more ? protocol.recognise_more(segment, before, conversation.flow)
                                 : protocol.recognise(segment, conversation.flow);
    if (verdict != Verdict::Unsure) return verdict == Verdict::Mine;
  }
  return false;
}

const std::vector<Conversation>& all_conversations() {
  static const std::vector<Conversation> all = conversations_in(MICROCLOUD_CAPTURES "/real");
  return all;
}

LineDialogue run(const Protocol& protocol, const Common& flow, const std::vector<Segment>& segments,
                 FlowOver why = FlowOver::Ended) {
  DrivenFlow driven(protocol, flow);
  for (const Segment& segment : segments) driven.data(segment);
  driven.time(driven.now_us() + 1'000'000);
  driven.end(why);
  return std::move(driven.dialogue);
}

std::vector<Segment> segments_of(const Conversation& conversation) {
  std::vector<Segment> segments;
  for (const Said& said : conversation.said) segments.push_back(said.segment());
  return segments;
}

/// `segments` with the one that has byte `at` of them all divided there.
std::vector<Segment> split_at(const std::vector<Segment>& segments, size_t at) {
  std::vector<Segment> parts;
  for (const Segment& segment : segments) {
    const size_t size = segment.bytes.size();
    if (at > 0 && at < size) {
      for (const Bytes bytes : {segment.bytes.first(at), segment.bytes.subspan(at)}) {
        parts.push_back(segment);
        parts.back().bytes = bytes;
        parts.back().octets = static_cast<uint32_t>(bytes.size());
      }
    } else {
      parts.push_back(segment);
    }
    at = at >= size ? at - size : 0;
  }
  return parts;
}

std::vector<Segment> byte_by_byte(const std::vector<Segment>& segments) {
  std::vector<Segment> parts;
  for (const Segment& segment : segments) {
    for (size_t at = 0; at < segment.bytes.size(); ++at) {
      parts.push_back(segment);
      parts.back().bytes = segment.bytes.subspan(at, 1);
      parts.back().octets = 1;
    }
  }
  return parts;
}

size_t octets_of(const std::vector<Segment>& segments) {
  size_t octets = 0;
  for (const Segment& segment : segments) octets += segment.bytes.size();
  return octets;
}

void expect_good(const Protocol& protocol, const LineDialogue& told) {
  EXPECT_EQ(told.disagrees, "") << "exports would leave it out, or write it empty";
  for (const RecordType* type : told.types) {
    ASSERT_NE(std::find(protocol.records.begin(), protocol.records.end(), type), protocol.records.end())
        << type->name << " is told, but is not in the protocol's list of records";
  }
  for (const std::string& line : told.lines) ASSERT_TRUE(JsonGrammar::accepts(line)) << line;
}

class EveryProtocol : public testing::TestWithParam<const Protocol*> {
 protected:
  const Protocol& protocol() const { return *GetParam(); }

  /// Of each capture some, so that all kinds are among them.
  std::vector<Conversation> golden() const {
    std::map<std::string, std::vector<const Conversation*>> by_capture;
    for (const Conversation& conversation : all_conversations()) {
      if (speaks(protocol(), conversation)) by_capture[conversation.capture].push_back(&conversation);
    }
    std::vector<Conversation> chosen;
    for (size_t round = 0; chosen.size() < kMostConversations; ++round) {
      const size_t before = chosen.size();
      for (const auto& [capture, list] : by_capture) {
        if (round < list.size() && chosen.size() < kMostConversations) chosen.push_back(beginning_of(*list[round]));
      }
      if (chosen.size() == before) break;
    }
    return chosen;
  }

  template <typename Check>
  void each_golden(const Check& check) const {
    for (const Conversation& conversation : golden()) {
      SCOPED_TRACE(conversation.name());
      check(conversation, segments_of(conversation));
      if (testing::Test::HasFatalFailure()) return;
    }
  }
};

TEST_P(EveryProtocol, IsDeclaredWhole) {
  EXPECT_FALSE(protocol().name.empty());
  EXPECT_TRUE(std::all_of(protocol().name.begin(), protocol().name.end(),
                          [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }));
  EXPECT_TRUE(protocol().over_tcp || protocol().over_udp);
  EXPECT_NE(protocol().recognise, nullptr);
  ASSERT_NE(protocol().make_parser, nullptr);
  EXPECT_NE(protocol().make_parser(), nullptr);
  EXPECT_FALSE(protocol().records.empty());
}

TEST_P(EveryProtocol, NdpiKnowsItsNames) {
  const Ndpi ndpi({});
  for (const std::string_view name : GetParam()->ndpi_names) EXPECT_NE(ndpi.number_of(name), 0) << name;
}

TEST_P(EveryProtocol, ItsRecordsHaveEachElementOnce) {
  for (const RecordType* type : protocol().records) {
    std::set<std::string_view> names{"record"};
    for (const Field& field : common_fields()) names.insert(field.name);
    for (const Field& field : type->fields) {
      EXPECT_TRUE(names.insert(field.name).second) << type->name << ": " << field.name;
      EXPECT_FALSE(field.meaning.empty()) << field.name;
    }
    EXPECT_GT(type->body_size, 0U);
  }
}

TEST_P(EveryProtocol, ShippedCapturesHaveEachOfItsRecords) {
  std::set<const RecordType*> seen;
  for (const Conversation& conversation : all_conversations()) {
    if (!speaks(protocol(), conversation)) continue;
    const LineDialogue told = run(protocol(), conversation.flow, segments_of(conversation));
    expect_good(protocol(), told);
    seen.insert(told.types.begin(), told.types.end());
  }
  for (const RecordType* type : protocol().records) {
    EXPECT_TRUE(seen.contains(type)) << "no record of type " << type->name
                                     << " comes of captures/real/: put a capture of the protocol there";
  }
}

TEST_P(EveryProtocol, OnePayloadSplitAnywhereGivesTheSameRecords) {
  each_golden([&](const Conversation& conversation, const std::vector<Segment>& segments) {
    if (!conversation.over_tcp()) return;
    const Lines whole = run(protocol(), conversation.flow, segments).lines;
    for (size_t at = 1; at < octets_of(segments); ++at)
      ASSERT_EQ(run(protocol(), conversation.flow, split_at(segments, at)).lines, whole) << "split at " << at;
    ASSERT_EQ(run(protocol(), conversation.flow, byte_by_byte(segments)).lines, whole) << "byte by byte";
  });
}

TEST_P(EveryProtocol, NoBeginningOfItsTcpPayloadIsSaidToBeAnothers) {
  each_golden([&](const Conversation& conversation, const std::vector<Segment>& segments) {
    if (!conversation.over_tcp()) return;
    for (const Segment& segment : segments) {
      const Verdict whole = protocol().recognise(segment, conversation.flow);
      if (whole == Verdict::Unsure) continue;
      for (size_t size = 1; size < segment.bytes.size(); ++size) {
        Segment part = segment;
        part.bytes = segment.bytes.first(size);
        part.octets = static_cast<uint32_t>(size);
        ASSERT_NE(protocol().recognise(part, conversation.flow), Verdict::NotMine) << size << " bytes";
      }
      return;
    }
  });
}

TEST_P(EveryProtocol, CutAtEveryByte) {
  each_golden([&](const Conversation& conversation, const std::vector<Segment>& segments) {
    for (size_t number = 0; number < segments.size(); ++number) {
      for (size_t size = 0; size < segments[number].bytes.size(); ++size) {
        // In memory of just its size, so that a sanitizer sees a read behind it.
        const std::vector<uint8_t> left(segments[number].bytes.begin(),
                                        segments[number].bytes.begin() + static_cast<std::ptrdiff_t>(size));
        std::vector<Segment> cut = segments;
        cut[number].bytes = left;
        expect_good(protocol(), run(protocol(), conversation.flow, cut));  // the capture has no more of this packet
        cut.resize(number + 1);
        cut[number].octets = static_cast<uint32_t>(size);
        expect_good(protocol(), run(protocol(), conversation.flow, cut, FlowOver::RunOver));  // the flow ends here
        protocol().recognise(cut[number], conversation.flow);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  });
}

TEST_P(EveryProtocol, EachByteFlipped) {
  each_golden([&](const Conversation& conversation, const std::vector<Segment>& segments) {
    for (size_t number = 0; number < segments.size(); ++number) {
      std::vector<uint8_t> damaged(segments[number].bytes.begin(), segments[number].bytes.end());
      std::vector<Segment> all = segments;
      all[number].bytes = damaged;
      for (uint8_t& byte : damaged) {
        for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
          byte = static_cast<uint8_t>(byte ^ flip);
          protocol().recognise(all[number], conversation.flow);
          expect_good(protocol(), run(protocol(), conversation.flow, all));
          byte = static_cast<uint8_t>(byte ^ flip);
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  });
}

TEST_P(EveryProtocol, EachTcpPayloadMissing) {
  each_golden([&](const Conversation& conversation, const std::vector<Segment>& segments) {
    if (!conversation.over_tcp()) return;
    for (size_t missing = 0; missing < segments.size(); ++missing) {
      std::vector<Segment> rest = segments;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(missing));
      const bool from_initiator = segments[missing].from_initiator;
      for (size_t at = missing; at < rest.size(); ++at) {
        if (rest[at].from_initiator != from_initiator) continue;
        rest[at].gap = segments[missing].octets;
        break;
      }
      expect_good(protocol(), run(protocol(), conversation.flow, rest));
    }
  });
}

TEST_P(EveryProtocol, OneDirectionOnly) {
  each_golden([&](const Conversation& conversation, const std::vector<Segment>& segments) {
    for (const bool initiator : {true, false}) {
      std::vector<Segment> one;
      std::copy_if(segments.begin(), segments.end(), std::back_inserter(one),
                   [&](const Segment& segment) { return segment.from_initiator == initiator; });
      if (!one.empty()) one.front().in_middle = conversation.over_tcp();
      expect_good(protocol(), run(protocol(), conversation.flow, one));
    }
  });
}

// Where list.inc has no line there is nothing to hold.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryProtocol);
INSTANTIATE_TEST_SUITE_P(ListInc, EveryProtocol, testing::ValuesIn(protocols().begin(), protocols().end()),
                         [](const auto& protocol) { return std::string(protocol.param->name); });

TEST(Protocols, NamesAndRecordTypesAreDistinct) {
  std::set<std::string_view> names, types;
  for (const Protocol* protocol : protocols()) {
    EXPECT_TRUE(names.insert(protocol->name).second) << protocol->name;
    for (const RecordType* type : protocol->records) EXPECT_TRUE(types.insert(type->name).second) << type->name;
  }
}

}  // namespace
}  // namespace microcloud
