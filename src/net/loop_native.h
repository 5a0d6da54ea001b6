// The event loop's inside, for the files that put sockets into it: slow to compile, so in as few as can be.
#pragma once

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "net/loop.h"

namespace microcloud {

struct Loop::Native {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
  /// What a socket gives is read into it and passed on at once, so that idle connections hold no memory.
  std::array<uint8_t, 64 << 10> scratch;
};

}  // namespace microcloud
