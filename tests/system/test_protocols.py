"""Transactions of real servers and clients: each record says what was asked and answered, and leaves before its flow's."""
import base64
import collections
import hmac
import json
import os
import struct
import unittest.mock

import frames
import harness
from harness import ProbeTest, ends, run_probe

MAIL = ("pop3", "imap", "smtp")
BY_SENDER = ("snmp", "gtpc", "dhcp", "sip", "rtp")  # source need not be the flow's initiator: the sender, or the client


def facts_of(name):
    with open(os.path.join(harness.CAPTURES, "real", name + ".expect.json"), encoding="utf-8") as file:
        return json.load(file)


def capture(name):
    return os.path.join(harness.CAPTURES, "real", name + ".pcap")


def sip_message(start, cseq, body="", more=""):
    return (f"{start}\r\nFrom: <sip:a@example.test>;tag=1\r\nTo: <sip:b@example.test>\r\nCall-ID: one\r\nCSeq: {cseq}\r\n{more}"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def behind_a_proxy(path, header):
    """Frames of a capture, where each TCP connection over IPv4 has this header before all that its client says."""
    clients, begun, moved = set(), set(), []
    for time, frame in frames.read_pcap(path)[1]:
        at = 14 + (frame[14] & 15) * 4
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            moved.append((time, frame))
            continue
        source, destination = (".".join(map(str, frame[octet:octet + 4])) for octet in (26, 30))
        sport, dport, sequence, acknowledged = struct.unpack_from("!HHII", frame, at)
        ends = (source, sport, destination, dport)
        syn, ack = frame[at + 13] & 2, frame[at + 13] & 16
        if syn:
            if not ack:
                clients.add(ends)
            moved.append((time, frame))
            continue
        from_client = ends in clients
        if from_client and ends not in begun:
            begun.add(ends)
            moved.append((time, frames.tcp(*ends, 0x18, sequence, acknowledged, header)))
        sequence, acknowledged = (sequence + len(header), acknowledged) if from_client else (sequence, acknowledged + len(header))
        moved.append((time, frame[:at + 4] + struct.pack("!II", sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF) + frame[at + 12:]))
    return moved, len(begun)


def without_place(record):
    """Times are rounded on their way through frames.pcap()."""
    return {name: value for name, value in record.items() if name not in ("flowId", "observationTimeMilliseconds", "serverLatencyMicroseconds")}


def shown(one):
    return json.dumps(one, sort_keys=True)


@harness.pipeline
class Transactions(ProbeTest):
    """What tools/record-captures wrote down when it recorded these, from configurations and commands."""

    def check(self, name, record_type, *args):
        facts = facts_of(name)[record_type]
        done = run_probe("-r", capture(name), *args)
        self.assert_done(done)
        records = [record for record in done.records if record["record"] == record_type]
        names = {element for fact in facts for element in fact}
        said = [{element: record[element] for element in names if element in record} for record in records]
        self.assertEqual(collections.Counter(map(shown, said)), collections.Counter(map(shown, facts)))
        self.check_flows(done.records, [record for record in done.records if record["record"] != "flow"])
        return records

    def check_flows(self, records, transactions):
        """Each is of a flow with the same ends, numbered from 1, and told before the flow."""
        told = {record["flowId"]: at for at, record in enumerate(records) if record["record"] == "flow"}
        by_flow = collections.defaultdict(list)
        for record in transactions:
            by_flow[record["flowId"]].append(record)
            flow = records[told[record["flowId"]]]
            self.assertIn(ends(record), (ends(flow), ends(flow)[::-1]) if record["record"] in BY_SENDER else (ends(flow),))
            self.assertEqual(record["communityId"], flow["communityId"])
            self.assertLess(records.index(record), told[record["flowId"]])
            self.assertGreaterEqual(record["observationTimeMilliseconds"], flow["flowStartMilliseconds"])
        for flow, those in by_flow.items():
            self.assertEqual([record["transactionIndex"] for record in those], list(range(1, len(those) + 1)))
            self.assertEqual(records[told[flow]]["transactionCount"], len(those))

    def test_dns(self):
        records = self.check("dns", "dns")
        for record in records:
            answered = record["dnsState"] == "answered"
            self.assertEqual(answered, "dnsAnswerCount" in record)
            self.assertEqual(answered, "serverLatencyMicroseconds" in record)
            self.assertEqual(bool(record["dnsFlags"] & 0x8000), answered)
            self.assertNotIn("partial", record)
        big, = (record for record in records if record["dnsQueryType"] == 16 and record["protocolIdentifier"] == 6)
        self.assertEqual(big["dnsAnswerCount"], 12)

    def test_edns(self):
        records = self.check("edns", "dns")
        for record in records:
            self.assertEqual("dnsServerCookie" in record, "dnsClientCookie" in record)
            self.assertRegex(record.get("dnsClientCookie", "0" * 16), "^[0-9a-f]{16}$")
            self.assertRegex(record.get("dnsServerCookie", "0" * 32), "^[0-9a-f]{32}$")
            self.assertNotIn("partial", record)
        self.assertEqual(sum("dnsServerCookie" in record for record in records), 4)

    def test_dns_conserves_queries(self):
        """Messages sent to the servers = queries in records; messages from them = responses in records."""
        done = run_probe("-r", capture("dns"))
        records = [record for record in done.records if record["record"] == "dns"]
        udp = [record for record in records if record["protocolIdentifier"] == 17]
        flows = [record for record in done.records if record["record"] == "flow" and record["protocolIdentifier"] == 17]
        self.assertEqual(sum(record["dnsQueries"] for record in udp), sum(flow["packetDeltaCount"] for flow in flows))
        self.assertEqual(sum(record["dnsResponses"] for record in udp), sum(flow.get("reversePacketDeltaCount", 0) for flow in flows))

    def test_tls(self):
        records = self.check("tls", "tls")
        for record in records:
            self.assertRegex(record["tlsJa3"], "^[0-9a-f]{32}$")
            self.assertRegex(record["tlsJa3s"], "^[0-9a-f]{32}$")
            name = "d" if "tlsServerName" in record else "i"
            alpn = "h2" if "h2" in record.get("tlsAlpn", []) else "h1" if "tlsAlpn" in record else "00"
            self.assertRegex(record["tlsJa4"], f"^t1[23]{name}[0-9]{{4}}{alpn}_[0-9a-f]{{12}}_[0-9a-f]{{12}}$")
            self.assertNotIn("partial", record)

    def test_quic(self):
        for record in self.check("quic", "quic"):
            self.assertRegex(record["tlsJa4"], "^q13d[0-9]{4}h3_[0-9a-f]{12}_[0-9a-f]{12}$")
            self.assertNotIn("partial", record)
        done = run_probe("-r", capture("quic"), "-s", "600")
        self.assertNotIn("quic", {record["record"] for record in done.records})

    def test_starttls(self):
        """TLS in the middle of a connection; its record says when it began, not when the connection did."""
        for record in self.check("starttls", "tls"):
            self.assertEqual(record["destinationTransportPort"], 25)
            self.assertNotIn("partial", record)

    def test_pop3(self):
        for record in self.check("pop3", "pop3"):
            self.assertEqual(record["destinationTransportPort"], 110)
            self.assertNotIn("partial", record)

    def test_imap(self):
        for record in self.check("imap", "imap"):
            self.assertEqual(record["destinationTransportPort"], 143)
            self.assertNotIn("partial", record)

    def test_smtp(self):
        for record in self.check("smtp", "smtp"):
            self.assertEqual(record["destinationTransportPort"], 25)
            self.assertNotIn("partial", record)

    def test_radius(self):
        for record in self.check("radius", "radius"):
            self.assertIn(record["destinationTransportPort"], (1812, 1813))
            self.assertEqual("serverLatencyMicroseconds" in record, record["radiusCode"] not in (1, 4))
            self.assertFalse(record["radiusRetransmission"])
            self.assertNotIn("partial", record)

    def test_snmp(self):
        for record in self.check("snmp", "snmp"):
            answers = record.get("snmpPduType") in (2, 8) or "snmpPduType" not in record and record["sourceTransportPort"] == 161
            self.assertEqual("serverLatencyMicroseconds" in record, answers)
            self.assertEqual("snmpCommunityHash" in record, record["snmpVersion"] != "3")
            self.assertNotIn("partial", record)

    def test_community_strings(self):
        """Each is told as its HMAC under the key, and itself only where --secrets is given."""
        def hashes(*args, **environment):
            done = self.with_environment(environment, "-r", capture("snmp"), "--plugins", "snmp", *args)
            self.assertEqual("not-public" in json.dumps(done.records), "--secrets" in args)
            return {record["snmpCommunityHash"] for record in done.records if "snmpCommunityHash" in record}

        wanted = hmac.new(b"a key", b"not-public", "sha256").hexdigest()[:32]
        with harness.scratch_file(b"a key\nanother line\n") as key:
            os.chmod(key, 0o600)
            self.assertEqual(hashes("--key-file", key), {wanted})
            self.assertEqual(hashes("--key-file", key, "--secrets"), {wanted})
            os.chmod(key, 0o644)
            self.assert_refused(harness.run("probe", "-r", capture("snmp"), "--key-file", key), 2, "--key-file", "chmod 600")
        self.assertEqual(hashes(MICROCLOUD_KEY="a key"), {wanted})
        drawn, = hashes()
        self.assertNotIn(drawn, {wanted} | hashes())

    def with_environment(self, environment, *args):
        with unittest.mock.patch.dict(os.environ, environment):
            done = run_probe(*args)
        self.assert_done(done)
        return done

    def test_dhcp(self):
        for record in self.check("dhcp", "dhcp"):
            self.assertIn(record["destinationTransportPort"], (67, 547))
            self.assertNotIn("partial", record)

    def test_behind_a_proxy(self):
        """The same connections with the PROXY protocol's header before what the client says."""
        first = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n"
        second = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)
        for name, header in (("http", first), ("smtp", second), ("imap", first), ("pop3", second)):
            moved, connections = behind_a_proxy(capture(name), header)
            with self.subTest(name), harness.scratch_file(frames.pcap(moved)) as path:
                plain, proxied = (run_probe("-r", one, "--plugins", name, "--workers", "1") for one in (capture(name), path))
                said = [sorted((without_place(record) for record in done.records if record["record"] == name), key=shown)
                        for done in (plain, proxied)]
                self.assertGreater(connections, 0)
                self.assertGreater(len(said[0]), 3)
                self.assertEqual(said[1], said[0])

    def test_mysql_behind_a_proxy_tells_the_greeting(self):
        moved, _ = behind_a_proxy(capture("mysql"), b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n")
        with harness.scratch_file(frames.pcap(moved)) as path:
            told = [record for record in run_probe("-r", path, "--plugins", "mysql").records
                    if record["record"] == "mysql" and "sourceIPv4Address" in record]
        openings = [record for record in told if "mysqlServerVersion" in record]
        self.assertGreater(len(openings), 1)
        for record in openings:
            self.assertIn("no login", record["partial"])
        self.assertFalse(any("mysqlUser" in record for record in told))

    def test_dhcp_through_a_relay(self):
        """Option 82 in both messages, which are one flow between relay and server."""
        def message(operation, kind, address):
            relay = b"\x01\x07eth 0/7" + b"\x02\x04\x00\x01ab" + b"\x06\x06flat 3"
            options = b"\x35\x01" + bytes([kind]) + b"\x52" + bytes([len(relay)]) + relay + b"\xff"
            return struct.pack("!BBBBIHH4s4s4s4s16s192x", operation, 1, 6, 1, 77, 0, 0, bytes(4), bytes(address), bytes(4),
                               bytes((10, 0, 0, 254)), bytes.fromhex("02000000000a")) + b"\x63\x82\x53\x63" + options

        relay, server = ("10.0.0.254", 67), ("10.9.9.9", 67)
        many = [(0.0, frames.udp(*relay, *server, message(1, 3, (0, 0, 0, 0)))), (0.25, frames.udp(*server, *relay, message(2, 5, (10, 0, 0, 9))))]
        with harness.scratch_file(frames.pcap(many)) as path:
            request, answer = (one for one in run_probe("-r", path).records if one["record"] == "dhcp")
        for record in request, answer:
            self.assertEqual((record["dhcpRelayCircuitId"], record["dhcpRelayRemoteId"], record["dhcpRelaySubscriberId"]),
                             ("eth 0/7", "0x00016162", "flat 3"))
            self.assertEqual(record["sourceIPv4Address"], "10.0.0.254")
        self.assertEqual((answer["dhcpAssignedIPv4Address"], answer["serverLatencyMicroseconds"]), ("10.0.0.9", 250000))

    def test_gtpc(self):
        records = self.check("gtpc", "gtpc")
        self.assertEqual([record["gtpUserIPv6Prefix"].split(":")[:3] for record in records if "gtpUserIPv6Prefix" in record],
                         [["2001", "db8", "79"]])
        for record in records:
            self.assertEqual("serverLatencyMicroseconds" in record, record["gtpMessageType"] in (2, 17, 21))
            self.assertNotIn("partial", record)
        for record in records:
            if record["gtpVersion"] == 1 and record["gtpMessageType"] == 16:
                self.assertEqual([one.split("@")[1] for one in record["gtpTunnels"]], ["10.77.0.1", "10.77.0.1"])

    def test_sip(self):
        for record in self.check("sip", "sip"):
            self.assertNotIn("partial", record)
        self.check("sip", "rtp", "--workers", "1")
        for record in self.check("sip", "call", "--workers", "1"):
            streams = record.get("callStreams", [])
            self.assertEqual(len(streams), {"talk@example.test": 4, "tcp@example.test": 2}.get(record["sipCallId"], 0))
            self.assertEqual("callMosLq" in record, bool(streams))
            self.assertNotIn("partial", record)

    def test_calls_of_several_workers(self):
        """A file's workers read at paces of their own: whose a stream is may be known late, but nothing is missing."""
        def told(*args):
            records = run_probe("-r", capture("sip"), *args).records
            of = lambda kind: [record for record in records if record["record"] == kind]
            return (sorted(record["sipCallId"] for record in of("call")), len(of("sip")),
                    sorted((record["rtpSsrc"], record["rtpPackets"], record["rtpLostPackets"]) for record in of("rtp")))
        alone = told("--workers", "1")
        self.assertTrue(all(alone), alone)
        for _ in range(3):
            self.assertEqual(told("--workers", "3"), alone)

    def test_rtp_is_found_without_its_signalling(self):
        done = run_probe("-r", capture("sip"), "-f", "udp port 6000 or udp port 6010")
        streams = [record for record in done.records if record["record"] == "rtp"]
        self.assertEqual(len(streams), len(facts_of("sip")["rtp"]))
        for record in streams:
            self.assertNotIn("sipCallId", record)
            self.assertNotIn("rtpMatch", record)
        self.assertFalse([record for record in done.records if record["record"] == "call"])

    def test_a_call_outlives_its_flow(self):
        """SIP is silent for longer than the idle timeout while people talk: one call, told once, by the run's end at the latest."""
        ends = ("10.0.0.1", 5062, "10.0.0.2", 5060)
        back = ends[2:] + ends[:2]

        begun = [(0.0, frames.udp(*ends, sip_message("INVITE sip:b@example.test SIP/2.0", "1 INVITE"))),
                 (1.0, frames.udp(*back, sip_message("SIP/2.0 200 OK", "1 INVITE")))]
        ended = [(100.0, frames.udp(*ends, sip_message("BYE sip:b@example.test SIP/2.0", "2 BYE"))),
                 (100.1, frames.udp(*back, sip_message("SIP/2.0 200 OK", "2 BYE"))), (120.0, frames.udp(*ends, b"....."))]
        for packets, state in ((begun + ended, "completed"), (begun, "pending"), (begun + [(60.0, frames.udp(*ends, b"....."))], "pending")):
            with harness.scratch_file(frames.pcap(packets)) as path:
                done = run_probe("-r", path)
            self.assert_done(done)
            call, = (record for record in done.records if record["record"] == "call")
            self.assertEqual((call["callState"], call["callAnswerMilliseconds"] - call["callStartMilliseconds"]), (state, 1000))

    def test_rtcp_and_reason(self):
        """A stream with 3 of 100 packets lost, what its receiver says of it, and why the call ended."""
        ends, media, reports = ("10.0.0.1", 5062, "10.0.0.2", 5060), ("10.0.0.1", 6000, "10.0.0.2", 7000), ("10.0.0.1", 6001, "10.0.0.2", 7001)
        back = ends[2:] + ends[:2]
        sdp = "v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 7000 RTP/AVP 0\r\n"
        description = struct.pack("!BBHII", 0x81, 202, 2, 1, 0x01000000)
        sent = struct.pack("!BBHIQIII", 0x80, 200, 6, 1, 0x12345678 << 16, 0, 0, 0) + description
        heard = struct.pack("!BBHIIIIIII", 0x81, 201, 7, 2, 1, 3, 0, 40, 0x12345678, 0x8000) + description
        packets = [(0.0, frames.udp(*ends, sip_message("INVITE sip:b@example.test SIP/2.0", "1 INVITE"))),
                   (0.5, frames.udp(*back, sip_message("SIP/2.0 200 OK", "1 INVITE", sdp)))]
        packets += [(1 + n / 50, frames.udp(*media, struct.pack("!BBHII", 0x80, 0, n, 160 * n, 1) + bytes(160)))
                    for n in range(100) if n not in (40, 60, 61)]
        packets += [(3.0, frames.udp(*reports, sent)), (3.7, frames.udp(*reports[2:], *reports[:2], heard)),
                    (4.0, frames.udp(*ends, sip_message("BYE sip:b@example.test SIP/2.0", "2 BYE", more="Reason: SIP;cause=200\r\n"))),
                    (4.1, frames.udp(*back, sip_message("SIP/2.0 200 OK", "2 BYE")))]
        with harness.scratch_file(frames.pcap(sorted(packets, key=lambda packet: packet[0]))) as path:
            done = run_probe("-r", path, "--workers", "1")
        stream, = (record for record in done.records if record["record"] == "rtp")
        call, = (record for record in done.records if record["record"] == "call")
        self.assertEqual({name: stream[name] for name in stream if name.startswith("rt") and "itter" not in name}, {
            "rtpSsrc": 1, "rtpPayloadType": 0, "rtpCodec": "PCMU", "rtpPackets": 97, "rtpExpectedPackets": 100, "rtpLostPackets": 3,
            "rtpDuplicatePackets": 0, "rtpReorderedPackets": 0, "rtpDurationMilliseconds": 1980, "rtpDtmfEvents": 0, "rtpMosLq": 4.134,
            "rtpMosCq": 4.049, "rtpRFactor": 83.058, "rtpMatch": "exact", "rtcpLostPackets": 3, "rtcpRoundTripMicroseconds": 200000})
        self.assertEqual(stream["rtcpJitterMicroseconds"], 5000)
        self.assertEqual((call["callReason"], call["callMosLq"], call["callMosCq"]), ("SIP;cause=200", stream["rtpMosLq"], stream["rtpMosCq"]))

    def test_codec_quality(self):
        """MOS by a file's codecs; what is wrong with it is told before the run."""
        def rated(*args):
            done = run_probe("-r", capture("sip"), *args)
            streams = [record.get("rtpMosLq") for record in done.records if record["record"] == "rtp" and record.get("rtpCodec") == "PCMA"]
            calls = [record.get("callMosLq") for record in done.records if record["record"] == "call" and "callCodecs" in record]
            return set(streams) | set(calls)
        self.assertEqual(rated(), {4.409})
        with harness.scratch_file(b"# worse\npcma 15 16.1\n") as codecs:
            self.assertEqual(rated("--codec-quality", codecs), {3.954})
            with harness.scratch_file(f'codec-quality = "{codecs}"\n'.encode(), suffix=".toml") as configuration:
                self.assertEqual(rated("--config", configuration), {3.954})
            self.assert_refused(harness.run("probe", "-r", capture("sip"), "--codec-quality", codecs, "--no-dpi"), 2, "--codec-quality", "rtp is not read")
        for text, told in ((b"#\nPCMA 0\n", ":2: not of the form"), (b"PCMA 96 1\n", ":1: Ie '96'"), (b"PCMA 1 0\n", ":1: Bpl '0'")):
            with harness.scratch_file(text) as codecs:
                self.assert_refused(harness.run("probe", "-i", "lo", "--codec-quality", codecs, "--check-config"), 2, "--codec-quality", codecs + told)
        self.assert_refused(harness.run("probe", "-r", capture("sip"), "--codec-quality", "/not/there"), 2, "/not/there: No such file")

    def test_mysql(self):
        for record in self.check("mysql", "mysql"):
            self.assertEqual(record["destinationTransportPort"], 3306)
            self.assertEqual("serverLatencyMicroseconds" in record, record.get("mysqlCommand") != 1 and not record.get("mysqlStartTls"))
            self.assertEqual("mysqlServerVersion" in record, "mysqlCommand" not in record)
        compressed, = (record for record in run_probe("-r", capture("mysql")).records if "partial" in record)
        self.assertEqual(compressed["partial"], ["compressed from here"])

    def test_tls_goes_on_where_mysql_ends(self):
        tls, = (record for record in run_probe("-r", capture("mysql")).records if record["record"] == "tls")
        self.assertEqual(tls["destinationTransportPort"], 3306)
        self.assertEqual(tls["transactionIndex"], 2)
        self.assertNotIn("partial", tls)

    def test_oracle(self):
        for record in self.check("oracle", "oracle"):
            self.assertIn(record["destinationTransportPort"], (1521, 1599))
            self.assertIn("serverLatencyMicroseconds", record)
            self.assertNotIn("partial", record)

    def test_the_flow_of_a_redirection_is_known_in_its_middle(self):
        """Of the connection that the server sent the client to, only what comes behind the connect is seen."""
        all_of_it = frames.read_pcap(capture("oracle"))[1]
        all_of_it = [(seconds - all_of_it[0][0], frame) for seconds, frame in all_of_it]
        begin = next(at for at, (_, frame) in enumerate(all_of_it) if b"begin proc" in frame)
        port = (1599).to_bytes(2, "big")
        before = [one for one in all_of_it[:begin] if port not in (one[1][54:56], one[1][56:58])]  # behind IPv6's header
        for packets, found in ((before + all_of_it[begin:], ["begin proc(:1); end;"]), (all_of_it[begin:], [])):
            with harness.scratch_file(frames.pcap(packets)) as path:
                records = run_probe("-r", path, "--workers", "1").records  # several read a file at paces of their own
            told = [record["oracleQuery"] for record in records if record["record"] == "oracle" and "oracleQuery" in record
                    and record["destinationTransportPort"] == 1599]
            self.assertEqual(told, found)

    def test_values_in_sql_are_told_when_asked_for(self):
        for name, element, text in (("mysql", "mysqlQuery", "UPDATE item SET price = price + 0.5 WHERE name LIKE '%a%'"),
                                    ("oracle", "oracleQuery", "UPDATE emp SET sal = sal + 1.5 WHERE ename = 'KING'")):
            told = [record.get(element) for record in run_probe("-r", capture(name), "--sql-literals").records]
            self.assertIn(text, told)
            self.assertNotIn(text, [record.get(element) for record in run_probe("-r", capture(name)).records])

    def test_passwords_are_nowhere(self):
        """tools/record-captures gave each mailbox and user the same one; neither it nor what was made of it is told."""
        for name in (*MAIL, "radius", "snmp", "mysql", "oracle"):
            done = run_probe("-r", capture(name), "--log-level", "debug", "--sql-literals")
            self.assert_done(done)
            said = json.dumps(done.records) + done.stderr
            for secret in (b"not-to-be-told", b"wrong", b"Bearer", base64.b64encode(b"not-to-be-told")[:-2],
                           b"not-public", b"signing-not-told", b"hiding-not-told"):
                self.assertNotIn(secret.decode(), said)

    def test_http(self):
        records = self.check("http", "http")
        for record in records:
            self.assertGreater(record["responseOctets"], 0)
            self.assertIn("serverLatencyMicroseconds", record)
            self.assertEqual(record["httpRequestDepth"], record["transactionIndex"])
            self.assertNotIn("partial", record)
        self.assertEqual([record.get("operatingSystem") for record in records if "httpUserAgent" in record].count("Linux"), 1)

    def test_flows_have_the_names_of_their_servers(self):
        for name, element in (("http", "httpRequestHost"), ("tls", "tlsServerName")):
            done = run_probe("-r", capture(name))
            named = {record["flowId"]: record[element] for record in done.records if element in record}
            flows = {record["flowId"]: record.get("serverName") for record in done.records if record["record"] == "flow"}
            self.assertEqual({flow: server for flow, server in flows.items() if server}, named)
            self.assertTrue(named)

    def test_one_direction_alone(self):
        """A tap that sees one way only: what can be known is told, and what is missing."""
        done = run_probe("-r", capture("tls"), "-f", "src host 10.77.0.2 or src host fd77::2")
        records = [record for record in done.records if record["record"] == "tls"]
        self.assertEqual([record["partial"] for record in records], [["no client hello"]] * 4)
        self.assertEqual(sorted(record["tlsVersion"] for record in records), [771, 771, 772, 772])
        done = run_probe("-r", capture("dns"), "-f", "dst port 53")
        records = [record for record in done.records if record["record"] == "dns"]
        self.assertEqual({record["dnsState"] for record in records}, {"pending"})
        done = run_probe("-r", capture("dns"), "-f", "src port 53")
        records = [record for record in done.records if record["record"] == "dns"]
        self.assertEqual({record["dnsState"] for record in records}, {"orphan"})
        self.assertEqual({record["destinationTransportPort"] for record in records}, {53})
        done = run_probe("-r", capture("http"), "-f", "tcp dst port 80")
        records = [record for record in done.records if record["record"] == "http"]
        self.assertEqual([record["partial"] for record in records], [["no response"]] * 7)
        done = run_probe("-r", capture("http"), "-f", "tcp src port 80")
        records = [record for record in done.records if record["record"] == "http"]
        self.assertEqual([(record["partial"], record["destinationTransportPort"]) for record in records], [(["no request"], 80)] * 7)
        self.assertEqual(sorted(record["httpStatusCode"] for record in records), [200, 200, 200, 200, 204, 301, 404])
        for name in MAIL:
            done = run_probe("-r", capture(name), "-f", "src host 10.77.0.2 or src host fd77::2")
            records = [record for record in done.records if record["record"] == name]
            self.assertEqual(len(records), len({flow["flowId"] for flow in records}))
            for record in records:
                self.assertIn("no commands", record["partial"])
                self.assertLess(record["destinationTransportPort"], 1024)

    def test_packets_that_are_cut(self):
        done = run_probe("-r", capture("radius"), "-s", "90")
        records = [record for record in done.records if record["record"] == "radius"]
        self.assertEqual(len(records), len(facts_of("radius")["radius"]))
        said = [record for record in records if "partial" in record]
        self.assertEqual([record["partial"] for record in said], [["message cut"]] * 10)

    def test_where_a_request_came_from(self):
        asked = b"GET /next HTTP/1.1\r\nHost: www.example.test\r\nReferer: http://www.example.test/first\r\n\r\n"
        ends = ("10.0.0.1", 40000, "10.0.0.2", 80)
        with harness.scratch_file(frames.pcap([(0.0, frames.tcp(*ends, 2)), (0.1, frames.tcp(*ends, 24, 1, 1, asked))])) as path:
            record, = (one for one in run_probe("-r", path).records if one["record"] == "http")
        self.assertEqual(record["httpReferer"], "http://www.example.test/first")
