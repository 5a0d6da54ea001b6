// What a probe that has opened its sockets and files still may do: as little as it needs.
#pragma once

#include <string>

namespace microcloud {

/// Whom root becomes on live capture when nobody is named.
std::string usual_user();

/// Before the first thread. As root: becomes `user` (empty: stays) without any capability; staying root it keeps those
/// for files alone, since files are read on (--loop) and opened anew (SIGHUP). As another user: gives up the
/// capabilities that the program file or the service gave. Nothing that is executed can win more. Returns what was
/// done, for the log. Throws std::runtime_error, one sentence: no such user, or the system refuses.
std::string drop_privileges(const std::string& user);

}  // namespace microcloud
