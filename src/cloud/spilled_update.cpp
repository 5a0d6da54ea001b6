#include "cloud/spilled_update.h"

namespace microcloud {
namespace {

constexpr uint64_t kRefreshes = 1, kUnless = 2, kEnds = 4, kTrims = 8, kTimes = 16, kBegins = 32;
constexpr uint64_t kOps = 4;

/// Seven bits a byte, the lowest first; the last one has no bit above them.
class Writer {
 public:
  explicit Writer(std::string& bytes) : bytes_(bytes) {}

  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  /// Small ones of either sign are short.
  void signed_number(int64_t value) {
    number(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value < 0 ? -1 : 0));
  }
  void text(std::string_view text) {
    number(text.size());
    bytes_ += text;
  }

 private:
  std::string& bytes_;
};

/// Latches at what is not whole.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::string_view rest() const { return bytes_; }

  uint64_t number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  int64_t signed_number() {
    const uint64_t value = number();
    return static_cast<int64_t>(value >> 1 ^ (value & 1 ? ~uint64_t{0} : 0));
  }
  std::string_view text() {
    const uint64_t size = number();
    ok_ = ok_ && size <= bytes_.size();
    if (!ok_) return {};
    const std::string_view text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return text;
  }
  /// How many parts follow: each takes a byte at least.
  uint64_t count() {
    const uint64_t count = number();
    ok_ = ok_ && count <= bytes_.size();
    return ok_ ? count : 0;
  }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace

std::optional<size_t> FieldNames::number_of(std::string_view name) {
  if (const auto found = numbers_.find(name); found != numbers_.end()) return found->second;
  if (names_.size() >= kMost) return std::nullopt;
  numbers_.emplace(name, names_.size());
  names_.push_back(name);
  return names_.size() - 1;
}

std::optional<std::string_view> FieldNames::name_of(size_t number) const {
  return number < names_.size() ? std::optional(names_[number]) : std::nullopt;
}

bool append_update(std::string& bytes, const KeyUpdate& update, FieldNames& names) {
  const size_t before = bytes.size();
  const bool unless = !update.refreshes_unless().empty();
  const auto unless_number = unless ? names.number_of(update.refreshes_unless()) : std::optional<size_t>(0);
  bool named = unless_number.has_value();
  Writer writer(bytes);
  writer.text(update.key());
  writer.number((update.refreshes() ? kRefreshes : 0) | (unless ? kUnless : 0) | (update.ending() ? kEnds : 0) |
                (update.trims() ? kTrims : 0) | (update.times().known() ? kTimes : 0) |
                (update.begins() ? kBegins : 0));
  if (unless) writer.number(unless_number.value_or(0));
  writer.signed_number(update.since_ms());
  writer.signed_number(update.packet_us());
  if (update.times().known()) {
    writer.signed_number(update.times().first_ms);
    writer.signed_number(update.times().last_ms);
  }
  writer.number(update.numbers().size());
  for (const KeyUpdate::Number& one : update.numbers()) {
    const auto number = names.number_of(one.field);
    named = named && number;
    writer.number(number.value_or(0) * kOps + static_cast<uint64_t>(one.op));
    writer.signed_number(one.value);
    if (one.op == KeyUpdate::Op::Add) writer.number(one.increments);
  }
  writer.number(update.texts().size());
  for (const KeyUpdate::Text& one : update.texts()) {
    writer.text(one.field);
    writer.text(one.value);
  }
  writer.number(update.members().size());
  for (const auto& [member, sum] : update.members()) {
    writer.text(member);
    writer.signed_number(sum.amount);
    writer.number(sum.increments);
  }
  if (const auto& ending = update.ending()) {
    for (const std::string& text : {ending->field, ending->value, ending->mark, ending->mark_value}) writer.text(text);
    writer.number(ending->seconds);
  }
  if (!named) bytes.resize(before);
  return named;
}

bool read_update(std::string_view& bytes, const FieldNames& names, SpilledUpdate& update) {
  Reader reader(bytes);
  bool named = true;
  const auto name = [&](uint64_t number) {
    const auto found = names.name_of(number);
    named = named && found;
    return found.value_or(std::string_view());
  };
  update.key = reader.text();
  const uint64_t flags = reader.number();
  update.refreshes = (flags & kRefreshes) != 0;
  update.begins = (flags & kBegins) != 0;
  update.trims = (flags & kTrims) != 0;
  update.refreshes_unless = (flags & kUnless) != 0 ? name(reader.number()) : std::string_view();
  update.increments = 0;
  update.since_ms = reader.signed_number();
  update.packet_us = reader.signed_number();
  update.times = {};
  if ((flags & kTimes) != 0) {
    update.times.first_ms = reader.signed_number();
    update.times.last_ms = reader.signed_number();
  }
  update.numbers.clear();
  for (uint64_t left = reader.count(); left > 0 && reader.ok(); --left) {
    const uint64_t number = reader.number();
    KeyUpdate::Number& one = update.numbers.emplace_back();
    one.field = name(number / kOps);
    one.op = static_cast<KeyUpdate::Op>(number % kOps);
    one.value = reader.signed_number();
    if (one.op != KeyUpdate::Op::Add) continue;
    const uint64_t increments = reader.number();
    one.increments = increments & ((uint64_t{1} << 56) - 1);
    update.increments += increments;
  }
  update.texts.clear();
  for (uint64_t left = reader.count(); left > 0 && reader.ok(); --left) {
    const std::string_view field = reader.text();
    update.texts.emplace_back(field, reader.text());
  }
  update.members.clear();
  for (uint64_t left = reader.count(); left > 0 && reader.ok(); --left) {
    const std::string_view member = reader.text();
    KeyUpdate::Sum& sum = update.members.emplace_back(member, KeyUpdate::Sum{}).second;
    sum.amount = reader.signed_number();
    sum.increments = reader.number();
    update.increments += sum.increments;
  }
  update.ending.reset();
  if ((flags & kEnds) != 0) {
    KeyUpdate::Ending& ending = update.ending.emplace();
    for (std::string* text : {&ending.field, &ending.value, &ending.mark, &ending.mark_value}) *text = reader.text();
    ending.seconds = static_cast<uint32_t>(reader.number());
  }
  bytes = reader.rest();
  return reader.ok() && named;
}

}  // namespace microcloud
