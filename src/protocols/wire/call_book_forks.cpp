// Of the book: which dialog of an INVITE a message is of (RFC 3261, 12), and what the branches of a forked one (16.7)
// do to one another.
#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "protocols/wire/call.h"
#include "protocols/wire/call_book.h"

namespace microcloud {
namespace {

/// Who of a Call-ID is asked, in the order in which they began.
template <typename Do>
void for_each_of(Call& first, const Do& act) {
  act(first);
  for (const std::shared_ptr<Call>& branch : first.branches) act(*branch);
}

template <typename Is>
Call* last_of(Call& first, const Is& is) {
  Call* found = nullptr;
  for_each_of(first, [&](Call& call) {
    if (is(call)) found = &call;
  });
  return found;
}

template <typename Is>
Call* first_of(Call& first, const Is& is) {
  Call* found = nullptr;
  for_each_of(first, [&](Call& call) {
    if (found == nullptr && is(call)) found = &call;
  });
  return found;
}

bool has(const Call& call, const SdpAddress& at) {
  return std::any_of(call.endpoints.begin(), call.endpoints.end(),
                     [&](const SdpAddress& one) { return one.port == at.port && one.address == at.address; });
}

/// How much it says of what its Call-ID has come to.
int weight_of(const Call& call) {
  const bool goes_on = !CallBook::is_over(call) && call.due_us == 0;
  return (call.answer_us != 0 ? 2 : 0) + (goes_on ? 1 : 0);
}

struct Tags {
  std::string_view from, to;

  explicit Tags(const SipMessage& message)
      : from(CallBook::tag_of(message.from_tag)), to(CallBook::tag_of(message.to_tag)) {}
  bool are_of(const Call& call) const {
    if (to.empty() || call.to_tag.empty()) return false;
    return (from == call.from_tag && to == call.to_tag) || (from == call.to_tag && to == call.from_tag);
  }
};

bool has_room(const Call& first) {
  return first.branches.size() + 1 < CallBook::kMostBranches;
}

bool is_early(const Call& call) {
  return call.answer_us == 0 && call.due_us == 0 && !call.ended;
}

bool same_ends(const Common& a, const Common& b) {
  const auto is = [](const IpAddress& one, uint16_t one_port, const IpAddress& other, uint16_t other_port) {
    return one_port == other_port && one == other;
  };
  return (is(a.source, a.source_port, b.source, b.source_port) &&
          is(a.destination, a.destination_port, b.destination, b.destination_port)) ||
         (is(a.source, a.source_port, b.destination, b.destination_port) &&
          is(a.destination, a.destination_port, b.source, b.source_port));
}

/// An INVITE without To-tag: it begins a call, comes once more, or goes on with credentials or elsewhere.
Call* of_invite(Call& first, const SipMessage& message, const Tags& tags) {
  const uint32_t cseq = message.cseq.value_or(0);
  const auto is_its = [&](const Call& call) { return call.from_tag == tags.from; };
  const auto goes_on = [&](const Call& call) {
    return is_its(call) && call.due_us != 0 && !call.cancelled && cseq > call.last_invite;
  };
  if (Call* const call = last_of(first, goes_on)) return call;
  if (Call* const call = first_of(first, is_its)) return call;
  // Some senders take a new tag for the INVITE that has credentials.
  Call* const refused = last_of(
      first, [&](const Call& call) { return (call.status == 401 || call.status == 407) && cseq > call.last_invite; });
  return refused != nullptr || has_room(first) ? refused : &first;
}

/// A message within a dialog whose tags were not both known.
Call* of_dialog(Call& first, const SipMessage& message, const Tags& tags) {
  Call* const open = first_of(first, [&](const Call& call) {
    return call.to_tag.empty() && (call.from_tag == tags.from || call.from_tag == tags.to);
  });
  if (open != nullptr) {
    if (message.is_request() && !tags.to.empty()) open->to_tag = open->from_tag == tags.from ? tags.to : tags.from;
    return open;
  }
  Call* const answered = last_of(first, [](const Call& call) { return call.answer_us != 0 && !call.ended; });
  return answered != nullptr ? answered : &first;
}

/// An answer to an INVITE whose tags are no known dialog's.
Call* of_answer(Call& first, const SipMessage& message, const Tags& tags) {
  const auto is_its = [&](const Call& call) { return call.from_tag == tags.from; };
  if (first_of(first, [&](const Call& call) { return !tags.to.empty() && call.from_tag == tags.to; }) != nullptr)
    return of_dialog(first, message, tags);
  Call* const last = last_of(first, is_its);
  if (message.status > 100 && !tags.to.empty()) {
    Call* const open = last_of(first, [&](const Call& call) { return is_its(call) && call.to_tag.empty(); });
    if (open != nullptr) {
      open->to_tag = tags.to;
      return open;
    }
    const bool is_late = last != nullptr && message.cseq.value_or(0) < last->last_invite;
    if (message.status < 300 && !is_late && has_room(first)) return nullptr;
  }
  Call* const early = last_of(first, [&](const Call& call) { return is_its(call) && is_early(call); });
  return early != nullptr ? early : last != nullptr ? last : &first;
}

}  // namespace

std::string_view CallBook::tag_of(std::string_view tag) {
  constexpr size_t kMostOfTag = 128;
  return tag.substr(0, kMostOfTag);
}

/// Nothing: of one that begins with it.
Call* CallBook::dialog_of(Call& first, const SipMessage& message) {
  const Tags tags(message);
  if (Call* const call = first_of(first, [&](const Call& one) { return tags.are_of(one); })) return call;
  if (message.method == "INVITE" && !message.is_request()) return of_answer(first, message, tags);
  if (message.method == "INVITE" && tags.to.empty()) return of_invite(first, message, tags);
  return of_dialog(first, message, tags);
}

/// What the INVITE said holds for the new branch, too.
void CallBook::branch_off(Call& first, Call& branch, int64_t now_us) {
  Call* const root =
      first_of(first, [&](const Call& one) { return &one != &branch && one.from_tag == branch.from_tag; });
  if (root == nullptr) return;
  branch.start_us = root->start_us;
  branch.no_invite = root->no_invite;
  branch.last_invite = root->last_invite;
  branch.holding[0] = root->holding[0];
  for (size_t at = 0; at < root->offered; ++at) {
    const SdpAddress where = root->endpoints[at];
    const auto found = endpoints_.find(where);
    if (found == endpoints_.end()) continue;
    std::vector<Endpoint> offered;
    std::copy_if(found->second.begin(), found->second.end(), std::back_inserter(offered),
                 [&](const Endpoint& one) { return one.call == root && one.kind != Kind::Learned; });
    for (const Endpoint& one : offered) add_endpoint(branch, where, one.kind, one.formats);
  }
  branch.offered = branch.endpoints.size();
  const auto is_answered = [&](const Call& one) { return one.from_tag == branch.from_tag && one.answer_us != 0; };
  if (first_of(first, is_answered) != nullptr) pass_over(branch, now_us);
}

void CallBook::pass_over(Call& call, int64_t now_us) {
  call.fallen = call.passed_over = true;
  if (call.end_us == 0) call.end_us = now_us;
  call.due_us = now_us + kAnswerUs;
}

/// A final answer to one branch is the end of others that are early: all of them when one is answered (13.2.2.4), else
/// those that the same proxy answers for: it passes on only one failure of all.
void CallBook::end_others(Call& first, const Call& answered, const Common& flow, int64_t now_us) {
  const bool success = answered.answer_us != 0;
  for_each_of(first, [&](Call& call) {
    if (&call == &answered || call.from_tag != answered.from_tag || !is_early(call)) return;
    if (success) {
      pass_over(call, now_us);
    } else if (same_ends(call.flow, flow)) {
      call.fallen = true;
      call.status = answered.status;
      if (call.end_us == 0) call.end_us = now_us;
      call.due_us = now_us + kLingerUs;
      call.over.store(true, std::memory_order_relaxed);
    }
  });
}

/// What it says itself counts, whatever became of others.
void CallBook::rise(Call& call) {
  if (!call.fallen) return;
  call.fallen = call.passed_over = false;
  call.due_us = 0;
  if (!call.cancelled) call.end_us = 0;
  call.status = 0;
  call.over.store(false, std::memory_order_relaxed);
}

/// The INVITE is cancelled where the CANCEL goes: a proxy cancels one branch, a caller all that it sees.
void CallBook::cancel_all(Call& first, const SipMessage& message, const Common& flow, int64_t now_us) {
  const std::string_view from_tag = tag_of(message.from_tag);
  for_each_of(first, [&](Call& call) {
    if (first.branches.empty() || (call.from_tag == from_tag && same_ends(call.flow, flow)))
      hear_cancel(call, message, now_us);
  });
}

/// Of branches that share an endpoint the one that named the stream's other end as well.
const CallBook::Endpoint* CallBook::of_branch(const Endpoint* newest, const SdpAddress& at,
                                              const SdpAddress& other_end) const {
  const auto found = calls_.find(newest->call->id);
  if (found == calls_.end() || found->second->branches.empty()) return newest;
  const std::vector<Endpoint>& those = endpoints_.find(at)->second;
  const auto better = std::find_if(those.rbegin(), those.rend(), [&](const Endpoint& one) {
    return one.kind == newest->kind && one.call->id == newest->call->id && has(*one.call, other_end);
  });
  return better == those.rend() ? newest : &*better;
}

std::vector<Call*> CallBook::all_of(Call& first) {
  std::vector<Call*> all;
  for_each_of(first, [&](Call& call) { all.push_back(&call); });
  return all;
}

/// The branch that named an end of it, else the one that says most.
Call& CallBook::dialog_of_stream(Call& first, std::string_view stream) {
  Call* most = &first;
  for (Call* const call : all_of(first)) {
    for (size_t at = call->offered; at < call->endpoints.size(); ++at) {
      const std::string end = text_of(call->endpoints[at]) + ' ';
      if (stream.starts_with("src=" + end) || stream.find(" dst=" + end) != std::string_view::npos) return *call;
    }
    if (weight_of(*call) > weight_of(*most)) most = call;
  }
  return *most;
}

bool CallBook::speaks(const Call& call) const {
  const auto found = calls_.find(call.id);
  if (call.passed_over) return false;
  if (found == calls_.end() || found->second->branches.empty()) return true;
  return first_of(*found->second, [&](const Call& one) { return weight_of(one) > weight_of(call); }) == nullptr;
}

bool CallBook::is_wanted_by_others(const Call& call, const SdpAddress& at) const {
  const auto found = calls_.find(call.id);
  if (found == calls_.end()) return false;
  return first_of(*found->second,
                  [&](const Call& one) { return &one != &call && weight_of(one) % 2 != 0 && has(one, at); }) != nullptr;
}

/// The next one is the first of its Call-ID.
bool CallBook::leave_its_id(Call& call) {
  const auto known = calls_.find(call.id);
  if (known == calls_.end()) return false;
  std::shared_ptr<Call>& first = known->second;
  if (first.get() != &call)
    return std::erase_if(first->branches, [&](const std::shared_ptr<Call>& one) { return one.get() == &call; }) != 0;
  if (call.branches.empty()) {
    calls_.erase(known);
    return true;
  }
  std::vector<std::shared_ptr<Call>> others = std::move(call.branches);
  call.branches.clear();
  first = std::move(others.front());
  first->branches.assign(std::make_move_iterator(others.begin() + 1), std::make_move_iterator(others.end()));
  return true;
}

}  // namespace microcloud
