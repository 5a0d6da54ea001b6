// TCP connections that go well, go wrong, and come again: what is counted and when a record ends.
#include <string>

#include "tools/captures.h"

namespace microcloud::tools {

namespace {

constexpr int64_t kMillisecond = 1000;
const char* const kClient = "10.4.0.1";
const char* const kServer = "10.4.0.2";

Flow& connection(Scene& scene, const std::string& what) {
  return scene.flow(what, kClient, kServer);
}

void make_retransmission(Scene& scene, uint16_t port) {
  Flow& flow = connection(scene, "the second of three segments is sent again");
  TcpTalk talk(flow, port, 9000);
  talk.handshake();
  talk.say(Way::There, "give me three");
  talk.say(Way::Back, std::string(1000, '1'));
  const Packet second = talk.segment(Way::Back, std::string(1000, '2'));
  flow.send(Way::Back, second);
  talk.say(Way::Back, std::string(1000, '3'));
  scene.wait(200 * kMillisecond);
  flow.send(Way::Back, second);
  flow.add("tcpRetransmittedPackets", 1);
  talk.ack(Way::There);
  talk.close();
}

void make_reordering(Scene& scene, uint16_t port) {
  Flow& flow = connection(scene, "the third of three segments comes before the second");
  TcpTalk talk(flow, port, 9000);
  talk.handshake();
  talk.say(Way::There, "give me three");
  talk.say(Way::Back, std::string(1000, '1'));
  const Packet second = talk.segment(Way::Back, std::string(1000, '2'));
  talk.say(Way::Back, std::string(1000, '3'));
  flow.send(Way::Back, second);
  flow.add("tcpOutOfOrderPackets", 1);
  talk.ack(Way::There);
  talk.close();
}

void make_repeated_syn(Scene& scene, uint16_t port) {
  Flow& flow = connection(scene, "the first SYN was lost behind the probe: latency counts from the second");
  TcpTalk talk(flow, port, 9000);
  const TcpOptions syn{.seq = 1000, .flags = kSyn, .options = {2, 4, 5, 180, 4, 2, 1, 3, 3, 7}};
  flow.send(Way::There, Packet().tcp(port, 9000, syn));
  flow.add("tcpRetransmittedPackets", 1);
  scene.wait(1000 * kMillisecond);
  talk.handshake(6000, 3000);
  talk.say(Way::There, "at last");
  talk.close();
}

void make_late_packets(Scene& scene, uint16_t port) {
  Flow& flow = connection(scene, "after both FINs the last one is sent again and acknowledged again");
  TcpTalk talk(flow, port, 9000);
  talk.handshake();
  talk.say(Way::There, "bye");
  talk.fin(Way::There);
  const Packet last = talk.segment(Way::Back, "", kAck | kFin);
  flow.send(Way::Back, last);
  talk.ack(Way::There);
  scene.wait(200 * kMillisecond);
  flow.send(Way::Back, last);
  flow.add("tcpRetransmittedPackets", 1);
  talk.ack(Way::There);
  flow.ends(EndReason::End);
}

void make_reset(Scene& scene, uint16_t port) {
  Flow& reset = connection(scene, "reset by the client while data is on its way");
  TcpTalk talk(reset, port, 9000);
  talk.handshake();
  talk.say(Way::There, "give me three");
  talk.say(Way::Back, std::string(1000, '1'));
  talk.send(Way::There, kRst);
  talk.say(Way::Back, std::string(1000, '2'));
  reset.ends(EndReason::End);

  Flow& refused = connection(scene, "refused");
  TcpTalk knock(refused, static_cast<uint16_t>(port + 1), 9000);
  knock.send(Way::There, kSyn);
  knock.send(Way::Back, kRst | kAck);
  refused.ends(EndReason::End);
}

void make_port_reuse(Scene& scene, uint16_t port) {
  for (const uint32_t first_sequence : {1000U, 5'000'000U}) {
    Flow& flow = connection(scene, "the same ports a second after the close: a record each");
    TcpTalk talk(flow, port, 9000, first_sequence);
    talk.handshake();
    talk.say(Way::There, "the same ports");
    talk.close();
    scene.wait(1000 * kMillisecond);
  }
}

void make_middles(Scene& scene, uint16_t port) {
  Flow& answered = connection(scene, "seen from the SYN+ACK on: its receiver is the initiator");
  TcpTalk first(answered, port, 9000);
  first.segment(Way::There, "", kSyn);
  answered.element("tcpControlBits", 0);
  first.send(Way::Back, kSyn | kAck);
  first.ack(Way::There);
  first.say(Way::There, "asked");
  first.say(Way::Back, "answered");
  first.close();
  answered.element("tcpControlBits", kAck | kPsh | kFin);

  Flow& middle = scene.flow("seen from the middle: the first sender is the initiator", kServer, kClient);
  TcpTalk second(middle, 9000, static_cast<uint16_t>(port + 1));
  second.say(Way::There, "in the middle");
  second.ack(Way::Back);
  second.say(Way::There, "of something");

  Flow& half = connection(scene, "closed by the client only");
  TcpTalk third(half, static_cast<uint16_t>(port + 2), 9000);
  third.handshake();
  third.say(Way::There, "all I have");
  third.fin(Way::There);
  for (int count = 0; count < 3; ++count) third.say(Way::Back, "still talking");
  third.ack(Way::There);
}

void make_wrap(Scene& scene, uint16_t port) {
  Flow& flow = connection(scene, "sequence numbers pass 2^32");
  TcpTalk talk(flow, port, 9000, 0xfffff000);
  talk.handshake();
  for (int count = 0; count < 6; ++count) talk.say(Way::There, std::string(1000, 'w'));
  talk.ack(Way::Back);
  talk.close();
}

}  // namespace

void make_tcp(Scene& scene) {
  http_exchange(connection(scene, "all goes well"), 50000);
  http_exchange(scene.flow("all goes well over IPv6", "2001:db8:4::1", "2001:db8:4::2"), 50000);
  make_retransmission(scene, 50001);
  make_reordering(scene, 50002);
  make_repeated_syn(scene, 50003);
  make_late_packets(scene, 50004);
  make_reset(scene, 50010);
  make_port_reuse(scene, 50020);
  make_middles(scene, 50030);
  make_wrap(scene, 50040);
}

}  // namespace microcloud::tools
