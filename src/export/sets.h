// Messages of templates, options and their data: sets of several kinds, one behind the other.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "export/message.h"
#include "record/template.h"
#include "record/wire.h"

namespace microcloud {

/// Builds one template or data record.
class RecordBytes {
 public:
  template <typename Number>
  RecordBytes& add(Number number) {
    std::array<char, sizeof number> raw;
    put_number(raw.data(), number);
    bytes_.append(raw.data(), raw.size());
    return *this;
  }
  RecordBytes& add_specifier(const WireElement& element, uint16_t length);
  /// Behind its length.
  RecordBytes& add_text(std::string_view text);
  std::string_view bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

enum class SetKind : uint8_t { Templates, OptionsTemplates, Data };

/// Fills messages of at most `most` octets with records; a new set begins where the kind or its id changes.
class SetWriter {
 public:
  SetWriter(ExportProtocol protocol, size_t most) : protocol_(protocol), most_(most) {}
  /// A record longer than a message takes is refused.
  bool add(SetKind kind, uint16_t data_set, std::string_view record);
  MessageBatch& finish();

 private:
  void close_set();
  void close_message();

  ExportProtocol protocol_;
  size_t most_;
  MessageBatch batch_;
  size_t message_at_ = 0;
  size_t set_at_ = 0;
  bool in_message_ = false;
  bool in_set_ = false;
  uint16_t set_ = 0;
  MessageInfo info_;
};

}  // namespace microcloud
