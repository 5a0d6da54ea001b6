#include "protocols/wire/mysql_response.h"

namespace microcloud {
namespace {

constexpr uint64_t kMostColumns = 65535;
/// A longer packet that begins with kEnd is a row whose first column has more than 2^24 octets.
constexpr uint64_t kLongestEnd = 0xffffff;

using Packet = MysqlPackets::Packet;

bool is_end(const Packet& packet) {
  return mysql_code(packet) == mysql::kEnd && packet.octets >= kMysqlOldEndOctets && packet.octets < kLongestEnd;
}
bool is_old_end(const Packet& packet) {
  return mysql_code(packet) == mysql::kEnd && packet.octets == kMysqlOldEndOctets;
}

}  // namespace

void MysqlResponse::begin(MysqlAnswer answer, const Terms& terms) {
  *this = {};
  answer_ = answer;
  terms_ = terms;
  if (answer == MysqlAnswer::Rows || answer == MysqlAnswer::Fields) expects_ = Expects::Rows;
  if (answer == MysqlAnswer::Rows) rows = 0;
}

MysqlResponse::Step MysqlResponse::take(const Packet& packet) {
  if (packet.bytes.empty() && packet.has_hole) {  // what kind of packet it is, is missing
    has_hole = true;
    return expects_ == Expects::Rows ? take_row(packet) : Step::Broken;
  }
  switch (expects_) {
    case Expects::First:
      return take_first(packet);
    case Expects::Definitions:
      if (mysql_code(packet) == mysql::kError) return take_error(packet);
      if (answer_ == MysqlAnswer::Prepared && is_old_end(packet)) return Step::More;  // behind the parameters'
      --definitions_;
      if (definitions_ != 0) return Step::More;
      if (answer_ == MysqlAnswer::Prepared) return Step::Over;
      expects_ = Expects::BehindDefinitions;
      return Step::More;
    case Expects::BehindDefinitions:
      expects_ = Expects::Rows;
      if (is_old_end(packet)) {
        MysqlEnd end;
        if (read_mysql_end(packet.bytes, packet.octets, end)) status = end.status;
        return (end.status & mysql::kCursorExists) != 0 ? Step::Over : Step::More;  // rows are fetched, then
      }
      return take_row(packet);
    default:
      return take_row(packet);
  }
}

MysqlResponse::Step MysqlResponse::take_first(const Packet& packet) {
  if (answer_ == MysqlAnswer::Login) return take_login(packet);
  if (mysql_code(packet) == mysql::kError && packet.octets > 2) return take_error(packet);
  switch (answer_) {
    case MysqlAnswer::Results:
      if (mysql_code(packet) == mysql::kOk && packet.octets > 2) return take_end(packet);
      if (mysql_code(packet) == mysql::kLocalFile) return Step::More;  // the client sends it, and then comes success
      return take_columns(packet);
    case MysqlAnswer::Prepared:
      return take_prepared(packet);
    case MysqlAnswer::One:
      if (mysql_code(packet) != mysql::kOk && mysql_code(packet) != mysql::kEnd) return Step::Broken;
      return take_end(packet);
    default:
      return Step::Over;
  }
}

MysqlResponse::Step MysqlResponse::take_columns(const Packet& packet) {
  Cursor in(packet.bytes);
  const bool is_flagged = packet.octets > 1;
  bool follow = true;
  if (is_flagged && terms_.flag_before_count) follow = in.u8() != 0;
  definitions_ = read_length(in);
  if (is_flagged && terms_.flag_behind_count && in.left() == 1) follow = in.u8() != 0;
  if (!in.ok() || in.left() != 0 || definitions_ == 0 || definitions_ > kMostColumns) return Step::Broken;
  rows = rows.value_or(0);
  expects_ = follow ? Expects::Definitions : Expects::BehindDefinitions;
  return Step::More;
}

MysqlResponse::Step MysqlResponse::take_prepared(const Packet& packet) {
  Cursor in(packet.bytes);
  const bool is_success = in.u8() == mysql::kOk;
  statement = read_low32(in);
  const uint16_t columns = read_low16(in);
  definitions_ = uint64_t{columns} + read_low16(in);
  in.skip(3);  // a zero, the number of warnings
  if (!is_success || !in.ok()) return Step::Broken;
  if (terms_.flag_before_count && in.left() > 0 && in.u8() == 0) definitions_ = 0;
  expects_ = Expects::Definitions;
  return definitions_ == 0 ? Step::Over : Step::More;
}

MysqlResponse::Step MysqlResponse::take_login(const Packet& packet) {
  if (mysql_code(packet) == mysql::kOk) return take_end(packet);
  return mysql_code(packet) == mysql::kError ? take_error(packet) : Step::More;
}

MysqlResponse::Step MysqlResponse::take_row(const Packet& packet) {
  if (mysql_code(packet) == mysql::kError && !packet.bytes.empty()) return take_error(packet);
  if (is_end(packet)) return take_end(packet);
  if (rows) ++*rows;
  return Step::More;
}

MysqlResponse::Step MysqlResponse::take_end(const Packet& packet) {
  MysqlEnd end;
  if (!read_mysql_end(packet.bytes, packet.octets, end)) {
    has_hole = true;
    return Step::Over;
  }
  status = end.status;
  const bool of_rows = expects_ == Expects::Rows;
  if (!of_rows && end.affected && answer_ == MysqlAnswer::Results) affected = affected.value_or(0) + *end.affected;
  if (answer_ != MysqlAnswer::Results || (end.status & mysql::kMoreResults) == 0) return Step::Over;
  expects_ = Expects::First;
  return Step::More;
}

MysqlResponse::Step MysqlResponse::take_error(const Packet& packet) {
  MysqlError told;
  if (!read_mysql_error(packet.bytes, told)) return Step::More;  // of progress
  error = told.code;
  return Step::Over;
}

}  // namespace microcloud
