#include "resp/reply_writer.h"

#include "resp/number_text.h"

namespace microcloud::resp {

void ReplyWriter::line(char kind, std::string_view text) {
  out_ += kind;
  const size_t from = out_.size();
  out_ += text;
  for (size_t at = from; at < out_.size(); ++at) {
    if (out_[at] == '\r' || out_[at] == '\n') out_[at] = ' ';
  }
  out_ += "\r\n";
}

void ReplyWriter::null() {
  out_ += resp3_ ? "_\r\n" : "$-1\r\n";
}

void ReplyWriter::null_array() {
  out_ += resp3_ ? "_\r\n" : "*-1\r\n";
}

void ReplyWriter::integer(int64_t number) {
  line(':', NumberText(number).text());
}

void ReplyWriter::real(double number) {
  const NumberText digits(number);
  if (resp3_) {
    line(',', digits.text());
  } else {
    bulk(digits.text());
  }
}

void ReplyWriter::boolean(bool yes) {
  if (resp3_) {
    out_ += yes ? "#t\r\n" : "#f\r\n";
  } else {
    integer(yes ? 1 : 0);
  }
}

void ReplyWriter::simple(std::string_view text) {
  line('+', text);
}

void ReplyWriter::error(std::string_view text) {
  line('-', text);
}

void ReplyWriter::bulk(std::string_view text) {
  append_bulk(out_, text);
}

void ReplyWriter::verbatim(std::string_view format, std::string_view text) {
  if (!resp3_) return bulk(text);
  append_header(out_, '=', text.size() + 4);
  out_ += format.substr(0, 3);
  out_ += ':';
  out_ += text;
  out_ += "\r\n";
}

void ReplyWriter::big_number(std::string_view digits) {
  if (resp3_) {
    line('(', digits);
  } else {
    bulk(digits);
  }
}

void ReplyWriter::array(size_t count) {
  append_header(out_, '*', count);
}

void ReplyWriter::map(size_t count) {
  append_header(out_, resp3_ ? '%' : '*', resp3_ ? count : 2 * count);
}

void ReplyWriter::set(size_t count) {
  append_header(out_, resp3_ ? '~' : '*', count);
}

void ReplyWriter::push(size_t count) {
  append_header(out_, resp3_ ? '>' : '*', count);
}

void ReplyWriter::aggregate(const Value& value) {
  const size_t count = value.elements.size();
  switch (value.type) {
    case Type::Map:
      map(count / 2);
      break;
    case Type::Set:
      set(count);
      break;
    case Type::Push:
      push(count);
      break;
    case Type::Attribute:
      append_header(out_, '|', count / 2);
      break;
    default:
      array(count);
      break;
  }
  for (const Value& element : value.elements) this->value(element);
}

void ReplyWriter::value(const Value& value) {
  switch (value.type) {
    case Type::Null:
      return null();
    case Type::Integer:
      return integer(value.integer);
    case Type::Double:
      return real(value.number);
    case Type::Boolean:
      return boolean(value.integer != 0);
    case Type::Simple:
      return simple(value.text);
    case Type::Error:
      if (!resp3_ || value.text.find_first_of("\r\n") == std::string::npos) return error(value.text);
      append_header(out_, '!', value.text.size());
      out_ += value.text;
      out_ += "\r\n";
      return;
    case Type::Bulk:
      return bulk(value.text);
    case Type::Verbatim:
      return verbatim({value.format.data(), value.format.size()}, value.text);
    case Type::BigNumber:
      return big_number(value.text);
    case Type::Attribute:
      return resp3_ ? aggregate(value) : this->value(value.bare());
    default:
      return aggregate(value);
  }
}

}  // namespace microcloud::resp
