// A call, as the book keeps it.
#pragma once

#include "protocols/wire/call_book.h"

namespace microcloud {

/// Under the book's lock, but for what is constant or atomic.
class Call : public std::enable_shared_from_this<Call> {
 public:
  std::string id;
  std::string from, to, reason;
  std::string from_tag, to_tag;  // of the INVITE's sender; of who answered, once one has
  Common flow;
  bool from_initiator = true;
  uint32_t index = 0;
  int64_t start_us = 0;
  int64_t ringing_us = 0, answer_us = 0, end_us = 0;  // 0: not yet
  int64_t heard_us = 0;                               // of the last message
  int64_t due_us = 0;                                 // when it is told; 0: it goes on
  uint16_t status = 0;
  uint32_t last_invite = 0;  // CSeq
  uint32_t reinvites = 0, holds = 0;
  bool cancelled = false, ended = false, early_media = false;
  bool passed_over = false;  // another branch was answered
  bool fallen = false;       // with another branch: it may yet say something itself
  bool no_invite = false, displaced = false, streams_cut = false, endpoints_cut = false, sdp_cut = false;
  std::array<bool, 2> holding{};  // the caller, the called
  bool orphan = false, taken = false;
  std::atomic<bool> over{false};
  std::vector<SdpAddress> endpoints;
  size_t offered = 0;  // of them, the first ones: those of the INVITE, which all its branches have
  std::vector<std::shared_ptr<StreamFacts>> streams;
  std::list<Call*>::iterator place;
  std::vector<std::shared_ptr<Call>> branches;  // other dialogs of this Call-ID; of the first one only

  // What others are told of it, and say.
  int64_t told_us = 0;
  std::string_view told_state;
  bool asked_others = false, others_answer = false;  // the answer comes
  std::chrono::steady_clock::time_point wait_until;  // no longer
  std::vector<std::string> streams_elsewhere;

  // Of another probe's call, which is not among the book's own:
  bool is_far = false;
  SdpAddress far_at;                   // by which it was found
  std::atomic<int64_t> far_end_us{0};  // 0: not known
};

/// As in callStreams.
std::string text_of(const SdpAddress& at);
/// As callState says it; empty: it has not ended.
std::string_view end_state(const Call& call);

}  // namespace microcloud
