// A flow that no protocol recognises and that nDPI names by its payload: whose parser gets it, and from where on.
#include "inspect/inspector_test_bed.h"
#include "tools/payloads.h"

namespace microcloud {
namespace {

constexpr std::string_view kNames[] = {"no such protocol", "http", "TLS", "SMTP"};
Verdict recognise_none(const Segment&, const Common&) {
  return Verdict::NotMine;
}
Verdict recognise_later(const Segment&, const Common&) {
  return Verdict::Unsure;
}
const Protocol kNamed{.name = "named",
                      .records = kHeardTypes,
                      .over_udp = false,
                      .over_tcp = true,
                      .ports = {},
                      .recognise = recognise_none,
                      .make_parser = make_listener,
                      .ndpi_names = kNames};
const Protocol kNamedOverUdp{.name = "other",
                             .records = kHeardTypes,
                             .over_udp = true,
                             .over_tcp = false,
                             .ports = {},
                             .recognise = recognise_none,
                             .make_parser = make_listener,
                             .ndpi_names = kNames};
const Protocol kUnsure{.name = "unsure",
                       .records = kHeardTypes,
                       .over_udp = false,
                       .over_tcp = true,
                       .ports = {},
                       .recognise = recognise_later,
                       .make_parser = make_listener};

/// Says nothing of what nDPI takes for its own, and may take over later.
class Choosy final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    return segment.bytes[0] == 'G' ? Status::Malformed : listener_.on_data(segment, dialogue);
  }
  void on_end(FlowOver why, int64_t now_us, Dialogue& dialogue) override { listener_.on_end(why, now_us, dialogue); }

 private:
  Listener listener_;
};
bool begins_with_switch(Bytes segment) {
  return segment.size() >= 2 && segment[0] == 'S' && segment[1] == 'W';
}
const Protocol kChoosy{.name = "choosy",
                       .records = kHeardTypes,
                       .over_udp = false,
                       .over_tcp = true,
                       .ports = {},
                       .recognise = recognise_none,
                       .make_parser = [] { return std::unique_ptr<Parser>(std::make_unique<Choosy>()); },
                       .takes_over = begins_with_switch,
                       .ndpi_names = kNames};

const std::string kRequest = "GET /a HTTP/1.1\r\nHost: www.example.test\r\nUser-Agent: test\r\n\r\n";

class NamedTest : public InspectorTest {
 protected:
  explicit NamedTest(std::vector<const Protocol*> protocols = {&kListener, &kNamed}, bool applications = true)
      : InspectorTest(std::move(protocols), applications) {}
  void say(const std::string& text, bool client = true) {
    uint32_t& seq = client ? client_ : server_;
    send({.text = text, .seq = seq, .client = client});
    seq += static_cast<uint32_t>(text.size());
  }
  uint64_t named() const { return inspector.counters().named.get(); }
  uint32_t client_ = 1001, server_ = 5001;
};
struct NamedOverAnother : NamedTest {
  NamedOverAnother() : NamedTest({&kListener, &kNamedOverUdp}) {}
};
struct NamedLate : NamedTest {
  NamedLate() : NamedTest({&kUnsure, &kNamed}) {}
};
struct NamedWrongly : NamedTest {
  NamedWrongly() : NamedTest({&kListener, &kChoosy}) {}
};
struct NamedByNobody : NamedTest {
  NamedByNobody() : NamedTest({&kListener, &kNamed}, false) {}
};
struct NamedAndSwitchedOff : NamedTest {
  NamedAndSwitchedOff() : NamedTest({&kListener}) {}
};

TEST_F(NamedTest, FromItsBeginning) {
  handshake();
  say(kRequest);
  say("answer", false);
  EXPECT_EQ(finish(), ">" + kRequest + " <answer run over");
  EXPECT_EQ(named(), 1U);
  EXPECT_EQ(sink.flows.at(0).application, "HTTP");
}

/// nDPI reads SMTP from several lines.
TEST_F(NamedTest, FromWhereItStands) {
  handshake();
  say("220 mx.example.test ESMTP\r\n", false);
  say("EHLO a.example.test\r\n");
  say("250-mx.example.test\r\n250 PIPELINING\r\n", false);
  say("MAIL FROM:<a@example.test>\r\n");
  say("250 ok\r\n", false);
  say("RCPT TO:<b@example.test>\r\n");
  say("250 yes\r\n", false);
  send({.text = "250 ok\r\n", .seq = server_ - 17, .client = false});  // once more
  EXPECT_EQ(finish(),
            "<(middle)250-mx.example.test\r\n250 PIPELINING\r\n >(middle)MAIL FROM:<a@example.test>\r\n <250 ok\r\n "
            ">RCPT TO:<b@example.test>\r\n <250 yes\r\n run over");
  EXPECT_EQ(inspector.counters().recognised.get(), 1U);
}

TEST_F(NamedTest, NotWhatAnotherRecognised) {
  handshake();
  say("HELLO STOP");
  say(kRequest);
  EXPECT_EQ(finish(), ">HELLO STOP");
  EXPECT_EQ(named(), 0U);
}

TEST_F(NamedTest, NotByItsPort) {
  frame(tools::Packet().eth().ipv4("10.0.0.9", "10.0.0.1").tcp(40000, 80, {.seq = 1}).payload("?"));
  EXPECT_EQ(finish(), "");
  EXPECT_EQ(sink.flows.at(0).application, "HTTP") << "a guess";
  EXPECT_EQ(named(), 0U);
}

TEST_F(NamedLate, NotWhileAnotherMayYetRecogniseIt) {
  handshake();
  say(kRequest);
  say("answer", false);
  EXPECT_EQ(heard(), "");
  for (int more = 0; more < 31; ++more) say("+");
  EXPECT_EQ(heard().substr(0, kRequest.size() + 12), ">" + kRequest + " <answer >+") << "all that was kept";
  EXPECT_EQ(named(), 1U);
  say("last");
  EXPECT_EQ(finish(), ">last run over");
}

TEST_F(NamedOverAnother, NotOverATransportThatIsNotItsOwn) {
  handshake();
  say(kRequest);
  EXPECT_EQ(finish(), "");
}

TEST_F(NamedWrongly, TheFlowIsAsFreeAsBefore) {
  handshake();
  say(kRequest);
  EXPECT_EQ(inspector.counters().malformed.get(), 1U);
  say("SWITCH");
  say("answer", false);
  EXPECT_EQ(finish(), "ended >SWITCH <answer run over");
}

TEST_F(NamedByNobody, WithoutNdpi) {
  handshake();
  say(kRequest);
  EXPECT_EQ(finish(), "");
}

TEST_F(NamedAndSwitchedOff, IsNotRead) {
  handshake();
  say(kRequest);
  EXPECT_EQ(finish(), "");
  EXPECT_EQ(sink.flows.at(0).application, "HTTP");
}

}  // namespace
}  // namespace microcloud
