#include "inspect/inspector.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "inspect/session.h"

namespace microcloud {

Inspector::Inspector(const InspectSettings& settings, RecordSink& sink)
    : settings_(settings), sink_(sink), reassembly_(settings.seed) {
  settings_.shared->join();
  std::ranges::copy_if(settings_.protocols, std::back_inserter(takers_),
                       [](const Protocol* protocol) { return protocol->takes_over != nullptr; });
  std::map<uint16_t, uint64_t> usual;
  for (size_t at = 0; at < settings_.protocols.size(); ++at) {
    const Protocol& protocol = *settings_.protocols[at];
    const uint64_t bit = uint64_t{1} << at;
    if (protocol.over_tcp) over_tcp_ |= bit;
    if (protocol.over_udp) over_udp_ |= bit;
    if (protocol.own_proxy_header) own_proxy_header_ |= bit;
    for (const uint16_t port : protocol.ports) usual[port] |= bit;
    if (protocol.prepare != nullptr) protocol.prepare();
  }
  usual_.assign(usual.begin(), usual.end());
  for (const auto& [port, protocols] : usual_) maybe_usual_.set(port % maybe_usual_.size());
  if (!settings_.applications) return;
  ndpi_ = std::make_unique<Ndpi>(Ndpi::Settings{settings_.ndpi_protocols});
  for (const Protocol* const protocol : settings_.protocols) {
    for (const std::string_view name : protocol->ndpi_names) {
      const uint16_t number = ndpi_->number_of(name);
      if (number >= named_.size()) named_.resize(number + size_t{1});
      named_[number] = protocol;
    }
  }
  if (!named_.empty()) named_[0] = nullptr;  // what nDPI does not know
}

Inspector::~Inspector() {
  for (State& state : states_) {
    if (state.dpi != nullptr) ndpi_->close(state.dpi);
  }
  delete offered_.load();
}

uint64_t Inspector::candidates(uint8_t transport) const {
  return transport == ip_protocol::kTcp ? over_tcp_ : transport == ip_protocol::kUdp ? over_udp_ : 0;
}

uint64_t Inspector::at_port(uint16_t port) const {
  if (!maybe_usual_[port % maybe_usual_.size()]) return 0;
  const auto found = std::ranges::lower_bound(usual_, port, {}, &std::pair<uint16_t, uint64_t>::first);
  return found != usual_.end() && found->first == port ? found->second : 0;
}

uint32_t Inspector::take_state() {
  if (free_ == 0) {
    states_.emplace_back();
    return static_cast<uint32_t>(states_.size());
  }
  const uint32_t handle = free_;
  free_ = std::exchange(state(handle).next_free, 0);
  return handle;
}

std::unique_ptr<Inspector::Session> Inspector::take_session(uint32_t handle) {
  auto session = std::make_unique<Session>();
  session->handle = handle;
  return session;
}

void Inspector::free_session(std::unique_ptr<Session>& session) {
  if (!session) return;
  stop_listening(*session);
  if (!session->early.empty()) drop_early(*session);
  session.reset();
}

void Inspector::free_state(uint32_t handle) {
  State& freed = state(handle);
  if (freed.dpi != nullptr) ndpi_->close(freed.dpi);
  if (freed.session) free_session(freed.session);
  freed = State{};
  freed.next_free = free_;
  free_ = handle;
}

FlowObserver::Watch Inspector::opened(const FlowView& flow) {
  const uint8_t transport = flow.key().protocol;
  const uint64_t mask = candidates(transport);
  if (!settings_.applications && mask == 0) return {};
  const uint32_t handle = take_state();
  State& opened = state(handle);
  if (settings_.applications) {
    opened.dpi = ndpi_->open(transport);
    if (opened.dpi == nullptr) counters_.no_memory.add();
  }
  if (mask != 0) {
    opened.session = take_session(handle);
    opened.session->candidates = mask;
    if (transport == ip_protocol::kTcp) opened.looks_left = looks_after(nullptr);
    return {handle, true};
  }
  return settle(handle);
}

FlowObserver::Watch Inspector::packet(uint32_t handle, const Packet& packet, const FlowView& flow) {
  State& seen = state(handle);
  now_us_ = std::max(now_us_, packet.time_us);
  const bool from_initiator = packet.from_low == flow.initiator_is_low();
  if (seen.dpi != nullptr && packet.ip_at != kNoIp && packet.fragment != FragmentPart::Later) {
    counters_.shown.add();
    const Bytes ip(packet.frame + packet.ip_at, packet.ip_captured);
    const Ndpi::Progress progress = ndpi_->show(*seen.dpi, ip, packet.time_us, from_initiator);
    if (progress != Ndpi::Progress::More) [[unlikely]]
      heed(seen, progress, packet.key.protocol);
  }
  if (seen.looks_left != 0 && packet.payload_octets != 0 && !(seen.session && seen.session->is_taken()))
    look(handle, packet, flow);
  if (seen.dpi != nullptr && !seen.session && seen.named == nullptr) return {handle, true};  // as settle() says
  if (seen.session && seen.session->reading) {
    Session& session = *seen.session;
    const bool whole = packet.fragment == FragmentPart::Whole;
    if (!session.parser && (packet.payload_octets != 0 || !whole)) flow.tell(session.common);
    if (whole) {
      read(session, packet, from_initiator);
    } else {
      read_fragment(session, packet, flow);
    }
    if (session.reading) return {handle, true};
    if (seen.reader != nullptr && packet.has_tcp) seen.looks_left = looks_after(seen.reader);
  }
  if (seen.named != nullptr && seen.reader == nullptr) hand_over(handle, packet, flow);
  return settle(handle);
}

void Inspector::read_fragment(Session& session, const Packet& packet, const FlowView& flow) {
  const size_t ip_end = packet.ip_at == kNoIp ? 0 : size_t{packet.ip_at} + packet.ip_captured;
  const Bytes frame(packet.frame, std::max(size_t{packet.payload_at} + packet.payload_captured, ip_end));
  Packet joined;
  if (reassembly_.add(packet, frame, joined)) read(session, joined, joined.from_low == flow.initiator_is_low());
}

/// What nDPI says. Whose parser it names matters only where no protocol recognises the flow, now or later.
void Inspector::heed(State& state, Ndpi::Progress progress, uint8_t transport) {
  if (state.reader == nullptr) state.named = named_by_ndpi(*state.dpi, transport);
  if (progress == Ndpi::Progress::Decided) conclude(state);
}

/// Of those that are switched on; nullptr: none of them.
const Protocol* Inspector::named_by_ndpi(const Ndpi::Flow& flow, uint8_t transport) const {
  for (const uint16_t number : Ndpi::proven(flow)) {
    const Protocol* const named = number < named_.size() ? named_[number] : nullptr;
    if (named != nullptr && (transport == ip_protocol::kTcp ? named->over_tcp : named->over_udp)) return named;
  }
  return nullptr;
}

/// Gives up the state when nothing in it will change any more.
FlowObserver::Watch Inspector::settle(uint32_t handle) {
  State& settled = state(handle);
  const bool reading = settled.session && settled.session->reading;
  if (settled.session && !reading && !settled.session->parser) free_session(settled.session);
  const bool watched = settled.dpi != nullptr || reading || settled.looks_left != 0;
  if (watched || settled.session || settled.reader != nullptr) return {handle, watched};
  if (!settings_.applications || settled.application.name.empty()) {
    free_state(handle);
    return {};
  }
  const uint32_t number = intern(settled.application);
  if (number == kDecided) return {handle, false};
  free_state(handle);
  return {number | kDecided, false};
}

/// The number of this verdict, kDecided when there are too many different ones.
uint32_t Inspector::intern(const Application& application) {
  constexpr size_t kMostVerdicts = 65'536;
  // Texts of nDPI's, of which each is in one place. Those of another, after a reload, have numbers of their own.
  const Key key{application.name.data(), application.category.data(), application.risks,
                static_cast<uint32_t>(application.score) << 8 | application.confidence};
  if (const auto known = verdict_numbers_.find(key); known != verdict_numbers_.end()) return known->second;
  if (verdicts_.size() == kMostVerdicts) return kDecided;
  const auto number = static_cast<uint32_t>(verdicts_.size());
  verdicts_.push_back(application);
  verdict_numbers_.emplace(key, number);
  return number;
}

void Inspector::conclude(State& state) {
  if (state.dpi == nullptr) return;
  state.application = ndpi_->conclude(*state.dpi);
  ndpi_->close(std::exchange(state.dpi, nullptr));
}

void Inspector::adopt(std::unique_ptr<Ndpi> ndpi) {
  for (State& state : states_) conclude(state);
  ndpi_->retire();
  retired_.push_back(std::exchange(ndpi_, std::move(ndpi)));
}

void Inspector::over(uint32_t handle, EndReason why, const FlowView& flow) {
  if ((handle & kDecided) != 0) return;
  State& ended = state(handle);
  conclude(ended);
  if (!ended.session) return;
  Session& session = *ended.session;
  const auto rest = [&](bool from_initiator) {
    return [this, &session, &flow, from_initiator](const TcpStream::Piece& piece) {
      if (!session.parser) flow.tell(session.common);
      feed(session, {piece.bytes, piece.octets, piece.gap, from_initiator, piece.in_middle, piece.time_us});
    };
  };
  if (session.from_initiator) session.from_initiator->finish(rest(true));
  if (session.from_responder) session.from_responder->finish(rest(false));
  if (session.parser) {
    const FlowOver reason = why == EndReason::Forced            ? FlowOver::RunOver
                            : why == EndReason::LackOfResources ? FlowOver::Evicted
                                                                : FlowOver::Ended;
    Talk talk(*this, session);
    session.parser->on_end(reason, now_us_, talk);
  }
  session.reading = false;
}

void Inspector::put(const Application& application, FlowRecord& record) {
  if (application.name.empty()) return;
  record.application = application.name;
  if (!application.category.empty()) record.application_category = application.category;
  if (const std::string_view how = confidence_name(application.confidence); !how.empty())
    record.application_confidence = how;
  record.risks = {application.risks, &risk_name};
  if (application.risks != 0) record.risk_score = application.score;
}

void Inspector::describe(uint32_t handle, EndReason, FlowRecord& record) {
  peek(handle, record);
  if ((handle & kDecided) == 0) state(handle).told = 0;
}

void Inspector::peek(uint32_t handle, FlowRecord& record) {
  if ((handle & kDecided) != 0) {
    put(verdicts_[handle & ~kDecided], record);
    return;
  }
  const State& seen = state(handle);
  // A slice of a flow that is not decided yet may be all that is ever told of it.
  put(seen.dpi != nullptr ? ndpi_->so_far(*seen.dpi) : seen.application, record);
  if (seen.reader != nullptr) record.transactions = seen.told;
  record.server_name.assign(seen.server_name);
}

void Inspector::closed(uint32_t handle) {
  if ((handle & kDecided) == 0) free_state(handle);
}

/// Of many parsers as many as keep each one's turn about a second long.
void Inspector::on_time(int64_t now_us, uint32_t tick_ms) {
  constexpr int64_t kTurnUs = 1'000'000;
  if (offered_.load(std::memory_order_relaxed) != nullptr) adopt(std::unique_ptr<Ndpi>(offered_.exchange(nullptr)));
  reassembly_.expire(tick_ms);
  now_us_ = std::max(now_us_, now_us);
  if (now_us_ - shared_time_us_ >= kTurnUs) {
    shared_time_us_ = now_us_;
    settings_.shared->on_time(now_us_, sink_);
  }
  const int64_t passed = std::min(now_us_ - told_time_us_, kTurnUs);
  const auto due = static_cast<size_t>(static_cast<int64_t>(listening_.size()) * passed / kTurnUs);
  if (due == 0) return;
  told_time_us_ = now_us_;
  for (size_t count = 0; count < due && !listening_.empty(); ++count) {
    if (next_listener_ >= listening_.size()) next_listener_ = 0;
    Session& session = *listening_[next_listener_];
    Talk talk(*this, session);
    session.parser->on_time(now_us_, talk);
    if (session.parser->waits()) {
      ++next_listener_;
    } else {
      stop_listening(session);  // another one stands here now
    }
  }
}

}  // namespace microcloud
