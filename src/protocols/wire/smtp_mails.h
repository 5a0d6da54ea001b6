// The mails of an SMTP connection, from MAIL until they are told.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "protocols/wire/smtp_record.h"
#include "protocols/wire/told_text.h"

namespace microcloud {

struct SmtpMailUnderWay {
  SmtpMail told;
  uint64_t number = 0;    // 1, 2, ... in its connection
  bool closed = false;    // no further command belongs to it
  bool answered = false;  // as a whole
  bool has_content = false;

  /// How long MAIL took is no matter when there is content.
  void begin_content() {
    has_content = true;
    told.latency_us.reset();
  }
  /// The reply to all of it.
  void answer(uint16_t code, std::optional<uint32_t> latency_us) {
    told.code = code;
    told.latency_us = latency_us;
    answered = true;
  }
  /// The reply to one of its commands: a refusal counts more than what was accepted.
  void answer_part(uint16_t code) {
    if (answered) return;
    if (code >= kSmtpRefused || !told.code || *told.code < kSmtpRefused) told.code = code;
  }
};

class SmtpMails {
 public:
  using Mail = SmtpMailUnderWay;

  SmtpMail base;  // what each mail of the connection has; all there is of one without mails

  Mail& open(Milliseconds observed) {
    Mail& mail = mails_.emplace_back();
    mail.told = base;
    mail.told.observed = observed;
    mail.told.code.reset();
    mail.number = ++numbers_;
    return mail;
  }
  void close() {
    if (!mails_.empty()) mails_.back().closed = true;
  }
  /// That the client's commands belong to; null: none.
  Mail* current() { return mails_.empty() || mails_.back().closed ? nullptr : &mails_.back(); }
  uint64_t current_number() const { return mails_.empty() || mails_.back().closed ? 0 : mails_.back().number; }
  /// Null: it was told, or there is none.
  Mail* find(uint64_t number) {
    const auto found =
        std::find_if(mails_.begin(), mails_.end(), [&](const Mail& one) { return one.number == number; });
    return found == mails_.end() ? nullptr : &*found;
  }
  /// In their order.
  std::deque<Mail>& all() { return mails_; }

  void add_partial(std::string_view reason) {
    base.partial.add(reason);
    for (Mail& mail : mails_) mail.told.partial.add(reason);
  }
  /// Into `to`, of the connection or its last mail.
  void keep(std::optional<Text<255>>& to, std::string_view text, std::string_view when_cut) {
    keep_text(to, text, when_cut, (mails_.empty() ? base : mails_.back().told).partial);
  }

 private:
  std::deque<Mail> mails_;
  uint64_t numbers_ = 0;
};

}  // namespace microcloud
