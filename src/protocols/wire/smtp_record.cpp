#include "protocols/wire/smtp_record.h"

namespace microcloud {
namespace {

constexpr Field kOwnFields[] = {
    field<&SmtpMail::helo>("smtpHelo", {"", pen::kOwn, 160}, "what the client calls itself in EHLO or HELO"),
    field<&SmtpMail::from>("smtpMailFrom", {"SMTP_MAIL_FROM", pen::kNtop, 185}, "sender's address in MAIL"),
    field<&SmtpMail::recipients>("smtpRecipients", {"", pen::kOwn, 161},
                                 "addresses in RCPT, those that the server refused too", Role::List),
    field<&SmtpMail::code>("smtpReplyCode", {"", pen::kOwn, 162},
                           "the server's reply to the whole mail; without one, its last refusal, else its last reply",
                           Role::Identifier),
    field<&SmtpMail::start_tls>("smtpStartTls", {"", pen::kOwn, 163},
                                "the server accepted STARTTLS: what follows is encrypted"),
    field<&SmtpMail::authenticated>("smtpAuthenticated", {"", pen::kOwn, 164}, "AUTH succeeded before"),
    field<&SmtpMail::user>("smtpAuthUser", {"", pen::kOwn, 165}, "name in the last AUTH"),
    field<&SmtpMail::message_id>("smtpMessageId", {"", pen::kOwn, 166},
                                 "of the mail's header, without its angle brackets"),
    field<&SmtpMail::latency_us>("serverLatencyMicroseconds", {"", pen::kOwn, 100},
                                 "from the end of the mail's content to the reply to it; of a mail without content, "
                                 "from MAIL to its reply",
                                 Role::Quantity, Unit::Microseconds),
};

constexpr auto kFields = transaction_fields<SmtpMail>(kOwnFields);

bool is_mail(const SmtpMail& from) {
  return from.from.has_value();
}
bool is_refused(const SmtpMail& from) {
  return is_mail(from) && from.code && *from.code >= kSmtpRefused;
}

constexpr CloudRule kCloud[] = {
    grow(Entity::Source, "smtp.mails", "mails that the host began to send (MAIL)").when<&is_mail>(1),
    grow(Entity::Source, "smtp.errors", "of its mails: the server refused, for now or for good").when<&is_refused>(1),
};

/// By the mails that were answered.
std::optional<ServiceCall> service(const void* body) {
  const SmtpMail& mail = *static_cast<const SmtpMail*>(body);
  if (!is_mail(mail) || !mail.code) return std::nullopt;
  return ServiceCall{.failed = is_refused(mail), .latency_us = mail.latency_us, .begins_connection = mail.index == 1};
}

}  // namespace

constexpr RecordType kSmtpRecordType{.name = "smtp",
                                     .meaning = "MAIL command, or connection without one",
                                     .fields = kFields,
                                     .body_size = sizeof(SmtpMail),
                                     .cloud = kCloud,
                                     .service = service};

}  // namespace microcloud
