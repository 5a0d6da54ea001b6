// A listening TCP socket, for the files that accept connections.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "net/http_listener.h"

namespace microcloud {

/// Throws std::runtime_error, one sentence: the address is not this host's, or its ports are taken.
boost::asio::ip::tcp::acceptor bind_listener(boost::asio::io_context& context, const ListenAddress& address,
                                             unsigned ports_to_try);

}  // namespace microcloud
