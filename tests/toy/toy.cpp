// A protocol made up for docs/adding-a-protocol.md and for scripts/check-toy-protocol, which puts this file into a copy
// of the sources: a client says "HELLO name", the server "WELCOME number".
#include <optional>

#include "inspect/parser.h"
#include "protocols/protocols.h"
#include "record/transaction.h"

namespace microcloud {
namespace {

struct Greeting {
  Milliseconds observed;
  uint32_t index = 0;
  Partial partial;
  Text<64> name;
  std::optional<uint32_t> number;
};

constexpr Field kOwn[] = {
    field<&Greeting::name>("toyName", {"TOY_NAME", pen::kOwn, 9001}, "who says hello"),
    field<&Greeting::number>("toyNumber", {"TOY_NUMBER", pen::kOwn, 9002}, "what the server answered",
                             Role::Identifier),
};
constexpr auto kFields = transaction_fields<Greeting>(kOwn);
constexpr RecordType kRecordType{"toy", "greeting", kFields, sizeof(Greeting)};
constexpr const RecordType* kRecords[] = {&kRecordType};
constexpr uint16_t kPorts[] = {9999};

std::string_view text_of(Bytes bytes) {
  return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

class ToyParser final : public Parser {
 public:
  Status on_data(const Segment& segment, Dialogue& dialogue) override {
    const std::string_view text = text_of(segment.bytes);
    if (segment.from_initiator && text.starts_with("HELLO ")) {
      tell_pending(dialogue);  // one at a time: nothing a peer can grow
      pending_.emplace();
      pending_->observed = to_milliseconds(segment.time_us);
      pending_->index = dialogue.next_transaction();
      pending_->name.assign(text.substr(6));
      if (segment.bytes.size() < segment.octets) pending_->partial.add("cut by the capture");
      return Status::More;
    }
    if (!segment.from_initiator && pending_ && text.starts_with("WELCOME ")) {
      uint32_t number = 0;
      for (const char digit : text.substr(8, 9)) {
        if (digit < '0' || digit > '9') return Status::Malformed;
        number = number * 10 + static_cast<uint32_t>(digit - '0');
      }
      pending_->number = number;
      tell_pending(dialogue);
      return Status::More;
    }
    return Status::Malformed;
  }
  void on_end(FlowOver, int64_t, Dialogue& dialogue) override { tell_pending(dialogue); }

 private:
  void tell_pending(Dialogue& dialogue) {
    if (!pending_) return;
    dialogue.tell(kRecordType, &*pending_);
    pending_.reset();
  }

  std::optional<Greeting> pending_;
};

Verdict recognise(const Segment& segment, const Common&) {
  return text_of(segment.bytes).starts_with("HELLO ") ? Verdict::Mine : Verdict::NotMine;
}

}  // namespace

namespace protocol {

const Protocol toy{
    .name = "toy", .records = kRecords, .over_udp = true, .ports = kPorts, .recognise = recognise, .make_parser = [] {
      return std::unique_ptr<Parser>(std::make_unique<ToyParser>());
    }};

}  // namespace protocol
}  // namespace microcloud
