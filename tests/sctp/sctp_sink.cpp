// An SCTP collector for tests, by libusrsctp as it is meant to be used by servers: threads of its own, SCTP in UDP and
// in IP. Writes the messages of each association, one behind the other, to a file of its own.
#include <netinet/in.h>
#include <usrsctp.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace {

uint16_t port_of(const char* text) {
  return static_cast<uint16_t>(std::strtoul(text, nullptr, 10));
}

/// Until the peer ends the association. `name` appears when it has begun.
void receive(struct socket* association, const std::string& name) {
  std::ofstream file(name, std::ios::binary);
  std::vector<char> message(65536);
  for (;;) {
    sockaddr_in from{};
    void* address = &from;
    socklen_t from_size = sizeof from;
    sctp_rcvinfo info{};
    socklen_t info_size = sizeof info;
    unsigned info_type = 0;
    int flags = 0;
    const ssize_t count = usrsctp_recvv(association, message.data(), message.size(), static_cast<sockaddr*>(address),
                                        &from_size, &info, &info_size, &info_type, &flags);
    if (count <= 0) return;
    file.write(message.data(), count).flush();
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fputs("usage: sctp_sink UDP-PORT SCTP-PORT FILE\nFILE.1, FILE.2, ... hold what came, an association each\n",
               stderr);
    return 2;
  }
  usrsctp_init(port_of(arguments[1]), nullptr, nullptr);
  struct socket* listener = usrsctp_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP, nullptr, nullptr, 0, nullptr);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(port_of(arguments[2]));
  void* address = &own;
  if (listener == nullptr || usrsctp_bind(listener, static_cast<sockaddr*>(address), sizeof own) != 0 ||
      usrsctp_listen(listener, 8) != 0) {
    std::perror("sctp_sink");
    return 1;
  }
  std::puts("listening");
  std::fflush(stdout);
  for (int number = 1;; ++number) {
    struct socket* association = usrsctp_accept(listener, nullptr, nullptr);
    if (association == nullptr) return 1;
    receive(association, std::string(arguments[3]) + "." + std::to_string(number));
    usrsctp_close(association);
  }
}
