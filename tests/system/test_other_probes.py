"""What flows say of one another that different probes see meets in the MicroCloud: which call does this audio belong to?"""
import time

import frames
import harness
from harness import run
from redis_cluster import Cluster, slot_of
from test_cloud import CloudTest, capture, lines
from test_face import Feed

SIP = "port 5060 or port 5062 or port 5070"
VOICE = f"udp and not ({SIP})"
CALL, TCP_CALL = "talk@example.test", "tcp@example.test"
CALLER, CALLED = ("10.0.0.7", 4000), ("192.0.2.2", 5000)  # the caller's own idea of itself, behind a NAT
NAT = ("198.51.100.1", 4444)


def sdp(host, port):
    return (f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n").encode()


def sip(start, call, cseq, body=b""):
    head = (f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:ann@example.test>;tag=a\r\nTo: <sip:bob@example.test>;tag=b\r\n"
            f"Call-ID: {call}\r\nCSeq: {cseq}\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def signalling(call="nat", ends=True):
    """A call whose caller tells an address that nobody else sees."""
    to, back = (NAT[0], 5060, "198.51.100.9", 5060), ("198.51.100.9", 5060, NAT[0], 5060)
    packets = [(0, frames.udp(*to, sip("INVITE sip:bob@example.test SIP/2.0", call, "1 INVITE", sdp(*CALLER)))),
               (0.1, frames.udp(*back, sip("SIP/2.0 200 OK", call, "1 INVITE", sdp(*CALLED))))]
    if ends:
        packets += [(5, frames.udp(*to, sip("BYE sip:bob@example.test SIP/2.0", call, "2 BYE"))), (5.1, frames.udp(*back, sip("SIP/2.0 200 OK", call, "2 BYE")))]
    return frames.pcap(packets)


def voice(source, destination, at, ssrc, count=50):
    packets = []
    for number in range(count):
        head = b"\x80\x08" + number.to_bytes(2, "big") + (160 * number).to_bytes(4, "big") + ssrc.to_bytes(4, "big")
        packets.append((at + number * 0.02, frames.udp(*source, *destination, head + b"\x55" * 160)))
    return packets


class CallsElsewhere(CloudTest):
    def probe(self, name, url, *args, data=None):
        path = self.json_path(name)
        words = ("probe", "-r", "-" if data else capture("real/sip.pcap"), "--probe-id", name, "--json", path, *(("--cloud", url) if url else ()), *args)
        self.assertEqual((done := run(*words, stdin=data or b"")).status, 0, done.stderr)
        return lines(path)

    def rtp(self, records):
        return [record for record in records if record["record"] == "rtp"]

    def assert_joined(self, url):
        self.probe("north", url, "-f", SIP)
        streams = self.rtp(self.probe("south", url, "-f", VOICE))
        self.assertEqual(len(streams), 6)
        self.assertEqual({record.get("sipCallId") for record in streams}, {CALL, TCP_CALL})
        self.assertLessEqual({record["rtpMatch"] for record in streams}, {"exact", "symmetric"})
        return streams

    def test_media_is_joined_on_one_node(self):
        node = self.node()
        streams = self.assert_joined(f"redis://127.0.0.1:{node.port}")
        hashes, _, lives = node.contents()
        call = hashes[f"voip.call.{CALL}"]
        self.assertEqual((call["state"], call["status"], call["from"], call["to"], call["probe"], call["streams"]),
                         ("completed", "200", "sip:ann@example.test", "sip:bob@example.test", "north", "4"))
        self.assertLess(int(call["start"]), int(call["answer"]))
        self.assertLess(int(call["answer"]), int(call["end"]))
        fields = {field for field in call if field.startswith("stream.")}
        self.assertEqual(fields, {f"stream.south.{r['sourceIPv4Address']}:{r['sourceTransportPort']}-{r['destinationIPv4Address']}:"
                                  f"{r['destinationTransportPort']}-{r['rtpSsrc']}" for r in streams if r["sipCallId"] == CALL})
        self.assertGreater(lives[f"voip.call.{CALL}"], 3000)
        endpoints = [key for key in hashes if key.startswith("voip.endpoint.")]
        self.assertEqual(len(endpoints), 4)
        for key in endpoints:
            self.assertTrue(0 < lives[key] <= 60, f"{key} is deleted later: {lives[key]}")
            self.assertNotEqual(hashes[key]["end"], "0")

    def assert_told_at_once(self, url, has):
        """Where a call wants its media does not wait for the flush."""
        feed = Feed("--cloud", url, "--cloud-flush", "10000", inspects=True)
        self.addCleanup(lambda: feed.probe.poll() is None and (feed.probe.kill(), feed.probe.communicate()))
        invite = frames.udp("10.0.0.1", 5060, "10.0.0.2", 5060, sip("INVITE sip:bob@example.test SIP/2.0", "soon", "1 INVITE", sdp("10.0.0.1", 4000)))
        harness.wait_for(lambda: has("meta.schema"))
        time.sleep(0.3)
        feed.give([(0, frames.udp("10.0.0.9", 9, "10.0.0.8", 9, b"x"))])
        feed.settle()
        began = time.monotonic()
        feed.give([(1, invite)])
        harness.wait_for(lambda: has("voip.endpoint.10.0.0.1:4000") and has("voip.call.soon"))
        took = time.monotonic() - began
        print(f"{1000 * took:.0f} ms from the packet to voip.endpoint, with a flush each 10 s")
        self.assertLess(took, 2)
        self.assertEqual(feed.end()[0], 0)

    def test_an_endpoint_is_told_at_once(self):
        node = self.node()
        client = node.client()
        self.addCleanup(client.close)
        self.assert_told_at_once(f"redis://127.0.0.1:{node.port}", lambda key: client("EXISTS", key) == 1)

    def test_an_endpoint_is_told_at_once_in_a_cluster(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.close)
        owners = cluster.slots()
        self.assert_told_at_once(cluster.url, lambda key: owners[slot_of(key)]("EXISTS", key) == 1)

    def test_media_is_joined_in_a_cluster(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.close)
        self.assert_joined(cluster.url)
        hashes, _, lives = cluster.contents()
        for key in ("voip.endpoint.10.77.0.2:16000", "voip.endpoint.10.77.0.1:6010"):
            self.assertTrue(0 < lives[key] <= 60, f"{key}: {lives[key]}")
            self.assertNotEqual(hashes[key]["end"], "0")

    def test_of_a_realm_only_its_own_calls_are_known(self):
        node = self.node()
        url = f"redis://127.0.0.1:{node.port}"
        self.probe("north", url, "-f", SIP, "--realm", "berlin")
        self.assertEqual({record.get("sipCallId") for record in self.rtp(self.probe("south", url, "-f", VOICE))}, {None})
        joined = self.rtp(self.probe("west", url, "-f", VOICE, "--realm", "berlin"))
        self.assertEqual({record.get("sipCallId") for record in joined}, {CALL, TCP_CALL})

    def test_without_the_microcloud_nothing_is_joined(self):
        node = self.node()
        self.probe("north", f"redis://127.0.0.1:{node.port}", "-f", SIP)
        self.assertEqual({record.get("sipCallId") for record in self.rtp(self.probe("south", None, "-f", VOICE))}, {None})

    def test_a_microcloud_that_is_away_costs_no_record(self):
        path = self.json_path("alone")
        run("probe", "-r", capture("real/sip.pcap"), "-f", VOICE, "--probe-id", "alone", "--json", path, "--cloud", "redis://127.0.0.1:1", "--drain", "1")
        self.assertEqual(len(self.rtp(lines(path))), 6)

    def test_the_side_that_nat_does_not_hide_tells(self):
        node = self.node()
        url = f"redis://127.0.0.1:{node.port}"
        self.probe("north", url, data=signalling())
        media = frames.pcap(sorted(voice(CALLED, NAT, 1, 7) + voice(NAT, CALLED, 1.005, 8)))
        streams = self.rtp(self.probe("south", url, data=media))
        self.assertEqual({(record["sipCallId"], record["rtpSsrc"], record["rtpMatch"]) for record in streams},
                         {("nat", 7, "symmetric"), ("nat", 8, "exact")})
        of_sender = self.rtp(self.probe("west", url, data=frames.pcap(voice(("203.0.113.5", 7000), (NAT[0], CALLER[1]), 1, 9))))
        self.assertEqual([record["rtpMatch"] for record in of_sender], ["sipsource"])

    def test_a_port_is_the_newest_calls_and_no_stream_of_another_time_is_joined(self):
        node = self.node()
        url = f"redis://127.0.0.1:{node.port}"
        self.probe("north", url, data=signalling("old"))
        self.probe("north", url, data=signalling("new", ends=False))
        _, _, lives = node.contents()
        self.assertGreater(lives["voip.endpoint.192.0.2.2:5000"], 3000)
        self.assertEqual([record["sipCallId"] for record in self.rtp(self.probe("south", url, data=frames.pcap(voice(NAT, CALLED, 2, 1))))], ["new"])
        before = self.rtp(self.probe("west", url, data=frames.pcap(voice(NAT, CALLED, -30, 1))))
        self.assertEqual([record.get("sipCallId") for record in before], [None])

    def test_the_call_has_the_streams_that_another_probe_saw(self):
        node = self.node()
        url = f"redis://127.0.0.1:{node.port}"
        common = ("-r", capture("real/sip.pcap"), "--cloud", url, "--realtime")
        path = self.json_path("north")
        south = harness.start_probe(*common, "-f", VOICE, "--probe-id", "south", "--json", self.json_path("south"))
        north = run("probe", *common, "-f", SIP, "--probe-id", "north", "--json", path)
        south.communicate(timeout=harness.TIMEOUT)
        self.assertEqual(north.status, 0, north.stderr)
        call = next(record for record in lines(path) if record["record"] == "call" and record["sipCallId"] == CALL)
        self.assertEqual(len(call["callStreams"]), 4)
        for stream in call["callStreams"]:
            self.assertRegex(stream, " match=(exact|symmetric) probeId=south$")
        self.assertEqual(call["callMosLq"], 4.409)


class Redirections(CloudTest):
    def told_by_the_other(self, *args):
        """South sees the middle of a connection alone, north the listener that sent the client there."""
        node = self.node()
        url = f"redis://127.0.0.1:{node.port}"
        packets = frames.read_pcap(capture("real/oracle.pcap"))[1]
        begin = next(at for at, (_, frame) in enumerate(packets) if b"begin proc" in frame)
        middle = frames.pcap([(seconds - packets[0][0], frame) for seconds, frame in packets[begin:]])
        south = self.start_fed(url, "--workers", "1", *args, name="south")
        south.stdin.write(middle[:24])
        south.stdin.flush()
        harness.wait_until_running(south)
        north = run("probe", "-r", capture("real/oracle.pcap"), "--probe-id", "north", "--cloud", url)
        self.assertEqual(north.status, 0, north.stderr)
        keys = [key for key in node.contents()[0] if key.startswith("tns.redir.")]
        self.assertTrue(keys and all(key.endswith(":1599") for key in keys), keys)
        time.sleep(0.5)  # until south has heard of it
        south.stdin.write(middle[24:])
        south.stdin.close()
        self.end(south)
        return [record["oracleQuery"] for record in lines(self.json_path("south")) if record["record"] == "oracle" and "oracleQuery" in record
                and record["destinationTransportPort"] == 1599]

    def test_the_connection_that_another_probe_saw_announced_is_known_in_its_middle(self):
        self.assertEqual(self.told_by_the_other(), ["begin proc(:1); end;"])

    def test_in_another_realm_it_is_not(self):
        self.assertEqual(self.told_by_the_other("--realm", "other"), [])
