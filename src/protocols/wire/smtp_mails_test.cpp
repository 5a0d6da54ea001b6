// Mails of an SMTP connection: which commands and replies are whose.
#include "protocols/wire/smtp_mails.h"

#include <gtest/gtest.h>

#include <string>

namespace microcloud {
namespace {

TEST(SmtpMails, CommandsAreOfTheLastMailUntilItIsClosed) {
  SmtpMails mails;
  EXPECT_EQ(mails.current(), nullptr);
  EXPECT_EQ(mails.current_number(), 0U);
  mails.open(Milliseconds{1});
  mails.open(Milliseconds{2});
  EXPECT_EQ(mails.current_number(), 2U);
  ASSERT_NE(mails.current(), nullptr);
  EXPECT_EQ(mails.current()->told.observed.value, 2);
  mails.close();
  EXPECT_EQ(mails.current(), nullptr);
  EXPECT_EQ(mails.current_number(), 0U);
  ASSERT_NE(mails.find(2), nullptr) << "its replies may come yet";
  mails.all().pop_front();
  EXPECT_EQ(mails.find(1), nullptr);
  EXPECT_EQ(mails.open(Milliseconds{3}).number, 3U) << "numbers are not given again";
}

TEST(SmtpMails, BeginAsTheConnectionIsAndWithoutItsReply) {
  SmtpMails mails;
  mails.keep(mails.base.helo, "client.example.org", "helo cut");
  mails.base.code = 250;
  mails.add_partial("no beginning");
  const SmtpMail& told = mails.open(Milliseconds{1}).told;
  EXPECT_EQ(told.helo.value().view(), "client.example.org");
  EXPECT_EQ(told.code, std::nullopt);
  EXPECT_EQ(told.partial.reasons.count, 1U);
}

TEST(SmtpMails, WhatIsCutIsSaidOfTheLastMail) {
  SmtpMails mails;
  mails.open(Milliseconds{1});
  SmtpMail& last = mails.open(Milliseconds{2}).told;
  mails.keep(last.from, std::string(300, 'a'), "sender cut");
  EXPECT_EQ(last.from.value().view().size(), 255U);
  EXPECT_EQ(last.partial.reasons.count, 1U);
  EXPECT_EQ(mails.find(1)->told.partial.reasons.count, 0U);
  EXPECT_EQ(mails.base.partial.reasons.count, 0U);
}

TEST(SmtpMails, ARefusalStaysUntilTheWholeIsAnswered) {
  SmtpMails mails;
  SmtpMailUnderWay& mail = mails.open(Milliseconds{1});
  mail.answer_part(250);
  EXPECT_EQ(mail.told.code, 250);
  mail.answer_part(550);
  mail.answer_part(354);
  EXPECT_EQ(mail.told.code, 550) << "a recipient was refused";
  mail.answer_part(451);
  EXPECT_EQ(mail.told.code, 451);
  mail.told.latency_us = 7;
  mail.begin_content();
  EXPECT_EQ(mail.told.latency_us, std::nullopt) << "MAIL's";
  mail.answer(250, 9);
  mail.answer_part(500);
  EXPECT_EQ(mail.told.code, 250);
  EXPECT_EQ(mail.told.latency_us, 9U);
}

}  // namespace
}  // namespace microcloud
