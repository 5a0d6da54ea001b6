#include "resp/commands.h"

#include <utility>

#include "resp/number_text.h"

namespace microcloud::resp {

void Commands::start(size_t arguments) {
  append_header(bytes_, '*', arguments);
  ++count_;
}

void Commands::argument(std::string_view text) {
  append_bulk(bytes_, text);
}

void Commands::signed_number(int64_t number) {
  append_bulk(bytes_, NumberText(number).text());
}

void Commands::unsigned_number(uint64_t number) {
  append_bulk(bytes_, NumberText(number).text());
}

void Commands::argument(double number) {
  append_bulk(bytes_, NumberText(number).text());
}

void Commands::append(const Commands& more) {
  append(more.bytes_, more.count_);
}

void Commands::append(std::string_view bytes, size_t count) {
  bytes_ += bytes;
  count_ += count;
}

void Commands::clear() {
  bytes_.clear();
  count_ = 0;
}

std::string Commands::take() {
  count_ = 0;
  return std::exchange(bytes_, {});
}

}  // namespace microcloud::resp
