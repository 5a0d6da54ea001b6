// Where media goes and what it is, by session descriptions.
#include "protocols/wire/sdp.h"

#include <gtest/gtest.h>

#include <string>

namespace microcloud {
namespace {

TEST(Sdp, MediaHaveTheirOwnAddressOrTheSessions) {
  const auto sdp = read_sdp(
      "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49170/2 RTP/AVP 0 97 101\r\n"
      "a=rtpmap:97 iLBC/8000\r\na=rtpmap:101 telephone-event/8000/1\r\na=ptime:20\r\nm=image 4000 udptl t38\r\n"
      "c=IN IP4 203.0.113.1\r\nm=video 0 RTP/SAVPF 96\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:96 VP8/90000\r\n");
  ASSERT_TRUE(sdp);
  ASSERT_EQ(sdp->media.count, 2U) << "a fax over UDPTL is no RTP";
  const SdpMedia& audio = sdp->media.items[0];
  EXPECT_EQ(to_text(audio.address), "192.0.2.1");
  EXPECT_EQ(audio.port, 49170);
  ASSERT_EQ(audio.formats.count, 3U);
  EXPECT_EQ(audio.formats.items[0].codec.view(), "PCMU");
  EXPECT_EQ(audio.formats.items[0].clock_rate, 8000U);
  EXPECT_EQ(audio.formats.items[1].codec.view(), "ILBC");
  EXPECT_EQ(audio.formats.items[2].codec.view(), "TELEPHONE-EVENT");
  EXPECT_FALSE(audio.held);
  const SdpMedia& video = sdp->media.items[1];
  EXPECT_EQ(to_text(video.address), "2001:db8::1");
  EXPECT_EQ(video.port, 0) << "refused";
  EXPECT_EQ(video.formats.items[0].clock_rate, 90000U);
}

TEST(Sdp, Hold) {
  const auto held = [](const std::string& session, const std::string& media) {
    return read_sdp("v=0\r\nc=IN IP4 192.0.2.1\r\n" + session + "m=audio 4000 RTP/AVP 0\r\n" + media)
        ->media.items[0]
        .held;
  };
  EXPECT_FALSE(held("", ""));
  EXPECT_TRUE(held("", "a=inactive\r\n"));
  EXPECT_TRUE(held("", "a=sendonly\r\n"));
  EXPECT_FALSE(held("", "a=recvonly\r\n"));
  EXPECT_TRUE(held("a=inactive\r\n", ""));
  EXPECT_FALSE(held("a=inactive\r\n", "a=sendrecv\r\n"));
  EXPECT_TRUE(held("", "c=IN IP4 0.0.0.0\r\n"));
  EXPECT_TRUE(held("", "c=IN IP6 ::\r\n"));
}

TEST(Sdp, Candidates) {
  const auto sdp = read_sdp(
      "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 111\nc=IN IP4 0.0.0.0\n"
      "a=candidate:1 1 udp 2130706431 192.0.2.7 45664 typ host\na=candidate:1 2 udp 2130706430 192.0.2.7 45665 typ "
      "host\n"
      "a=candidate:2 1 TCP 1 192.0.2.7 9 typ host tcptype active\na=candidate:3 1 UDP 1 2001:db8::7 45666 typ srflx\n");
  ASSERT_TRUE(sdp);
  ASSERT_EQ(sdp->media.items[0].candidates.count, 2U);
  EXPECT_EQ(sdp->media.items[0].candidates.items[0].port, 45664);
  EXPECT_EQ(to_text(sdp->media.items[0].candidates.items[1].address), "2001:db8::7");
}

TEST(Sdp, ItIsBoundedAndTakesAnything) {
  std::string text = "v=0\r\n";
  for (int at = 0; at < 20; ++at) text += "m=audio 4000 RTP/AVP 0\r\n";
  EXPECT_EQ(read_sdp(text)->media.count, 8U);
  EXPECT_TRUE(read_sdp(text)->cut);
  EXPECT_FALSE(read_sdp("x=0"));
  EXPECT_FALSE(read_sdp(""));
  EXPECT_EQ(read_sdp("v=0\r\nm=audio 99999 RTP/AVP 0\r\nm=audio\r\nm=\r\nc=\r\na=\r\na=rtpmap:\r\n")->media.count, 0U);
  EXPECT_EQ(read_sdp("v=0\r\nc=IN IP4 pbx.example.test\r\nm=audio 4000 RTP/AVP 0\r\n")->media.items[0].address.version,
            0);
}

TEST(Sdp, InABodyOfSeveralParts) {
  const std::string body =
      "--x-1\r\nContent-Type: application/isup\r\n\r\nv=9\r\n--x-1\r\ncontent-type: Application/SDP; a=b\r\n"
      "Content-Disposition: session\r\n\r\nv=0\r\ns=here\r\n--x-1--\r\n";
  EXPECT_TRUE(sdp_in("multipart/mixed;boundary=x-1", body).starts_with("v=0\r\ns=here"));
  EXPECT_TRUE(sdp_in("Multipart/Mixed; charset=a; boundary=\"x-1\"", body).starts_with("v=0\r\ns=here"));
  EXPECT_EQ(sdp_in("multipart/mixed;boundary=other", body), "");
  EXPECT_EQ(sdp_in("multipart/mixed", body), "");
  EXPECT_EQ(sdp_in("multipart/mixed;boundary=\"", body), "");
  EXPECT_EQ(sdp_in("application/sdp", "v=0"), "v=0");
  EXPECT_EQ(sdp_in("text/plain", "v=0"), "");
}

}  // namespace
}  // namespace microcloud
