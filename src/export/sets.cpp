#include "export/sets.h"

#include "record/wire.h"

namespace microcloud {
namespace {

constexpr size_t kSetHeader = 4;

uint16_t set_id(ExportProtocol protocol, SetKind kind, uint16_t data_set) {
  const bool v9 = protocol == ExportProtocol::NetflowV9;
  switch (kind) {
    case SetKind::Templates:
      return v9 ? 0 : 2;
    case SetKind::OptionsTemplates:
      return v9 ? 1 : 3;
    case SetKind::Data:
      break;
  }
  return data_set;
}

}  // namespace

RecordBytes& RecordBytes::add_specifier(const WireElement& element, uint16_t length) {
  add(static_cast<uint16_t>(element.id | (element.pen != 0 ? 0x8000 : 0)));
  add(length);
  if (element.pen != 0) add(element.pen);
  return *this;
}

RecordBytes& RecordBytes::add_text(std::string_view text) {
  if (text.size() < 255) {
    add(static_cast<uint8_t>(text.size()));
  } else {
    add(uint8_t{255}).add(static_cast<uint16_t>(text.size()));
  }
  bytes_ += text;
  return *this;
}

bool SetWriter::add(SetKind kind, uint16_t data_set, std::string_view record) {
  constexpr size_t kPadding = 3;
  const size_t header = header_size(protocol_);
  if (header + kSetHeader + record.size() + kPadding > most_) return false;
  const uint16_t set = set_id(protocol_, kind, data_set);
  if (in_set_ && set != set_) close_set();
  const size_t used = batch_.bytes.size() - message_at_;
  if (in_message_ && used + (in_set_ ? 0 : kSetHeader) + record.size() + kPadding > most_) close_message();
  if (!in_message_) {
    message_at_ = batch_.bytes.size();
    batch_.bytes.resize(message_at_ + header);
    in_message_ = true;
    info_ = {};
    info_.templates = true;
  }
  if (!in_set_) {
    set_at_ = batch_.bytes.size();
    batch_.bytes.resize(set_at_ + kSetHeader);
    put_number(batch_.bytes.data() + set_at_, set);
    in_set_ = true;
    set_ = set;
  }
  batch_.bytes.insert(batch_.bytes.end(), record.begin(), record.end());
  ++info_.count;
  if (kind == SetKind::Data) {
    ++info_.data_records;
    info_.templates = false;
  }
  return true;
}

void SetWriter::close_set() {
  if (!in_set_) return;
  in_set_ = false;
  // NetFlow v9 sets end at 32 bits; in IPFIX no padding may be taken for a record of one octet.
  if (protocol_ == ExportProtocol::NetflowV9)
    batch_.bytes.resize(set_at_ + ((batch_.bytes.size() - set_at_ + 3) & ~size_t{3}));
  put_number(batch_.bytes.data() + set_at_ + 2, static_cast<uint16_t>(batch_.bytes.size() - set_at_));
}

void SetWriter::close_message() {
  close_set();
  if (!in_message_) return;
  in_message_ = false;
  info_.size = static_cast<uint32_t>(batch_.bytes.size() - message_at_);
  batch_.messages.push_back(info_);
}

MessageBatch& SetWriter::finish() {
  close_message();
  return batch_;
}

}  // namespace microcloud
