// From the packets of a flow to what its parser is given.
#include "inspect/session.h"

#include <algorithm>
#include <bit>

#include "inspect/proxy_header.h"

namespace microcloud {

void Inspector::Talk::tell(const RecordType& type, const void* body, bool source_is_initiator) {
  ++inspector_.state(session_.handle).told;
  inspector_.counters_.transactions.add();
  if (source_is_initiator) {
    inspector_.sink_.put({&type, &session_.common, body});
    return;
  }
  Common turned = session_.common;
  std::swap(turned.source, turned.destination);
  std::swap(turned.source_port, turned.destination_port);
  inspector_.sink_.put({&type, &turned, body});
}

void Inspector::Talk::name_server(std::string_view name) {
  PoolString& known = inspector_.state(session_.handle).server_name;
  if (known.empty()) known = name.substr(0, kMostOfServerName);
}

void Inspector::Talk::announce(const IpAddress& address, uint16_t port) {
  inspector_.settings_.announcements->add(*inspector_.state(session_.handle).reader, address, port);
}

void Inspector::read(Session& session, const Packet& packet, bool from_initiator) {
  const Bytes bytes(packet.frame + packet.payload_at, packet.payload_captured);
  if (packet.has_tcp) {
    read_tcp(session, packet, bytes, from_initiator);
  } else if (packet.key.protocol == ip_protocol::kUdp && packet.payload_octets > 0) {
    feed(session, {bytes, packet.payload_octets, 0, from_initiator, false, packet.time_us});
  }
}

void Inspector::read_tcp(Session& session, const Packet& packet, Bytes bytes, bool from_initiator) {
  std::optional<TcpStream>& stream = from_initiator ? session.from_initiator : session.from_responder;
  if (!stream) stream.emplace(counters_.streams);
  const bool syn = (packet.tcp_flags & tcp_flag::kSyn) != 0;
  stream->add({packet.tcp_sequence, bytes, packet.payload_octets, syn, packet.time_us},
              [&](const TcpStream::Piece& piece) {
                feed(session, {piece.bytes, piece.octets, piece.gap, from_initiator, piece.in_middle, piece.time_us});
              });
  if (session.reading) return;
  if (session.from_initiator) session.from_initiator->forget();
  if (session.from_responder) session.from_responder->forget();
}

void Inspector::feed(Session& session, const Segment& segment) {
  if (!session.reading) return;
  counters_.pieces.add();
  if (session.parser) {
    give(session, segment);
    return;
  }
  const bool is_first = session.early.empty() && segment.from_initiator && segment.gap == 0;
  size_t header = is_first && session.common.protocol == ip_protocol::kTcp ? proxy_header_octets(segment.bytes) : 0;
  if (header != 0 && (at_port(session.common.destination_port) & own_proxy_header_) != 0) header = 0;
  if (header == 0) {
    recognise(session, segment);
  } else if (header == segment.octets) {
    counters_.read.add();
  } else {
    Segment behind = segment;
    behind.bytes = behind.bytes.subspan(header);
    behind.octets -= static_cast<uint32_t>(header);
    recognise(session, behind);
  }
}

/// Of TCP all that this direction has said up to now, since segments divide a message anywhere. `bytes` is room for it.
Segment Inspector::beginning(const Session& session, const Segment& segment, std::vector<uint8_t>& bytes) {
  Segment whole = segment;
  if (session.common.protocol != ip_protocol::kTcp || segment.gap != 0) return whole;
  bool cut = true;  // what is behind a hole begins anew
  for (const EarlySegment& earlier : session.early) {
    if (earlier.segment.from_initiator != segment.from_initiator) continue;
    if (cut || earlier.segment.gap != 0) {
      bytes.clear();
      whole.gap = earlier.segment.gap;
      whole.in_middle = earlier.segment.in_middle;
    }
    bytes.insert(bytes.end(), earlier.bytes.begin(), earlier.bytes.end());
    cut = earlier.bytes.size() < earlier.segment.octets;
  }
  if (cut) return segment;
  const auto before = static_cast<uint32_t>(bytes.size());
  bytes.insert(bytes.end(), segment.bytes.begin(), segment.bytes.end());
  whole.bytes = bytes;
  whole.octets = before + segment.octets;
  return whole;
}

namespace {

/// Of a protocol that no single datagram proves: it sees those that came before, too.
Verdict verdict_of(const Protocol& protocol, const Segment& segment, std::span<const EarlySegment> early,
                   const Common& flow) {
  if (protocol.recognise_more == nullptr || early.empty()) return protocol.recognise(segment, flow);
  std::vector<Segment> before;
  before.reserve(early.size());
  for (const EarlySegment& earlier : early) {
    before.push_back(earlier.segment);
    before.back().bytes = earlier.bytes;
  }
  return protocol.recognise_more(segment, before, flow);
}

}  // namespace

/// The protocols of which another flow said that they are spoken here.
uint64_t Inspector::announced_to(const Common& flow) const {
  uint64_t mask = 0;
  const auto add = [&](const Protocol& protocol) {
    const auto found = std::ranges::find(settings_.protocols, &protocol);
    if (found != settings_.protocols.end()) mask |= uint64_t{1} << (found - settings_.protocols.begin());
  };
  settings_.announcements->at(flow.destination, flow.destination_port, add);
  settings_.announcements->at(flow.source, flow.source_port, add);
  return mask;
}

const Protocol* Inspector::decoded_as(const Common& flow) const {
  const auto found = std::ranges::find_if(settings_.decode_as, [&](const DecodeAs& one) {
    return one.transport == flow.protocol && (one.port == flow.source_port || one.port == flow.destination_port);
  });
  return found == settings_.decode_as.end() ? nullptr : found->protocol;
}

/// Asks the protocols that may be it, those with a usual port of the flow first.
void Inspector::recognise(Session& session, const Segment& segment) {
  const Common& flow = session.common;
  if (const Protocol* const told = decoded_as(flow)) {
    start(session, *told);
    give(session, segment);
    return;
  }
  std::vector<uint8_t> room;
  Segment shown = session.early.empty() ? segment : beginning(session, segment, room);
  const uint64_t announced = settings_.announcements->any() ? announced_to(flow) : 0;
  // With one left there is no order.
  const uint64_t usual = std::has_single_bit(session.candidates)
                             ? session.candidates
                             : at_port(flow.source_port) | at_port(flow.destination_port) | announced;
  for (const uint64_t asked : {session.candidates & usual, session.candidates & ~usual}) {
    for (uint64_t rest = asked; rest != 0; rest &= rest - 1) {
      const auto at = static_cast<size_t>(std::countr_zero(rest));
      const Protocol& protocol = *settings_.protocols[at];
      shown.at_announced_place = (announced >> at & 1) != 0;
      switch (verdict_of(protocol, shown, session.early, flow)) {
        case Verdict::Mine:
          start(session, protocol);
          give(session, segment);
          return;
        case Verdict::NotMine:
          session.candidates &= ~(uint64_t{1} << at);
          break;
        case Verdict::Unsure:
          break;
      }
    }
  }
  keep_early(session, segment);
}

/// Until somebody knows: bounded, and then nDPI's word counts; without one it is nobody's.
void Inspector::keep_early(Session& session, const Segment& segment) {
  session.early_bytes += segment.bytes.size();
  if (session.candidates == 0 || session.early.size() == Session::kMostEarly ||
      session.early_bytes > Session::kMostEarlyBytes) {
    if (const Protocol* const named = state(session.handle).named) {
      start(session, *named, true);
      give(session, segment);
      return;
    }
    session.reading = false;
    counters_.read.add();
    drop_early(session);
    return;
  }
  session.early.push_back({segment, {segment.bytes.begin(), segment.bytes.end()}});
}

/// Nobody's.
void Inspector::drop_early(Session& session) {
  counters_.read.add(session.early.size());
  session.early.clear();
}

/// How many segments are searched for another protocol when this one reads no more (nullptr: none has read any).
uint8_t Inspector::looks_after(const Protocol* reader) const {
  return std::ranges::any_of(takers_, [&](const Protocol* taker) { return taker != reader; }) ? kMostLooks : 0;
}

/// Does a protocol begin with this segment, in a connection that nobody reads?
void Inspector::look(uint32_t handle, const Packet& packet, const FlowView& flow) {
  State& state = this->state(handle);
  if (!packet.has_tcp || packet.fragment != FragmentPart::Whole) return;
  --state.looks_left;
  const Bytes bytes(packet.frame + packet.payload_at, packet.payload_captured);
  for (const Protocol* const taker : takers_) {
    if (taker == state.reader || !taker->takes_over(bytes)) continue;
    take_over(handle, *taker, packet, flow);
    return;
  }
}

/// For a parser of a flow that none reads; the one that read it before hears of its end.
Inspector::Session& Inspector::begin_again(uint32_t handle, const FlowView& flow) {
  std::unique_ptr<Session>& kept = state(handle).session;
  if (!kept) kept = take_session(handle);
  Session& session = *kept;
  if (session.parser) {
    Talk talk(*this, session);
    session.parser->on_end(FlowOver::Ended, now_us_, talk);
    stop_listening(session);
  }
  session.common = flow.common();
  drop_early(session);
  session.reading = true;
  session.from_initiator.reset();
  session.from_responder.reset();
  return session;
}

/// nDPI named what no protocol had recognised: its parser gets the flow from this packet on, as in the middle.
void Inspector::hand_over(uint32_t handle, const Packet& packet, const FlowView& flow) {
  Session& session = begin_again(handle, flow);
  start(session, *state(handle).named, true);
  if (packet.fragment != FragmentPart::Whole) return;
  read(session, packet, packet.from_low == flow.initiator_is_low());
}

/// This packet is the first that the protocol's parser gets; of the other direction, what comes from now on.
void Inspector::take_over(uint32_t handle, const Protocol& protocol, const Packet& packet, const FlowView& flow) {
  Session& session = begin_again(handle, flow);
  const bool from_initiator = packet.from_low == flow.initiator_is_low();
  (from_initiator ? session.from_initiator : session.from_responder)
      .emplace(counters_.streams)
      .begin_at(packet.tcp_sequence);
  std::optional<TcpStream>& other = from_initiator ? session.from_responder : session.from_initiator;
  if (const std::optional<uint32_t> next = flow.next_sequence(!packet.from_low)) {
    other.emplace(counters_.streams).begin_at(*next);
  }
  start(session, protocol);
}

/// `named`: by nDPI alone.
void Inspector::start(Session& session, const Protocol& protocol, bool named) {
  State& state = this->state(session.handle);
  state.reader = &protocol;
  if (named) {
    counters_.named.add();
  } else {
    state.named = nullptr;
  }
  session.parser = protocol.make_parser();
  counters_.recognised.add();
  const auto early = std::move(session.early);
  session.early.clear();
  for (const EarlySegment& earlier : early) {
    Segment segment = earlier.segment;
    segment.bytes = earlier.bytes;
    give(session, segment);
  }
}

void Inspector::give(Session& session, const Segment& segment) {
  // Of what was kept until the protocol was known; the parser of a malformed flow is still there.
  if (!session.reading) {
    (session.parser ? counters_.refused : counters_.read).add();
    return;
  }
  Talk talk(*this, session, segment.time_us);
  const Status status = session.parser->on_data(segment, talk);
  (status == Status::Malformed ? counters_.refused : counters_.read).add();
  if (status != Status::Done) {
    if (session.parser->waits()) {
      listen(session);
    } else {
      stop_listening(session);
    }
  }
  if (status == Status::More) return;
  session.reading = false;
  if (status == Status::Malformed) {
    counters_.malformed.add();
    // What nDPI's word came to nothing for may still be taken over by any.
    State& state = this->state(session.handle);
    if (state.named != nullptr && state.transactions == 0) state.named = state.reader = nullptr;
    return;
  }
  stop_listening(session);
  session.parser.reset();
}

void Inspector::listen(Session& session) {
  if (session.listener != Session::kNotListening) return;
  session.listener = listening_.size();
  listening_.push_back(&session);
}

void Inspector::stop_listening(Session& session) {
  if (session.listener == Session::kNotListening) return;
  Session* const last = listening_.back();
  last->listener = session.listener;
  listening_[session.listener] = last;
  listening_.pop_back();
  session.listener = Session::kNotListening;
}

}  // namespace microcloud
