"""Metering: what becomes a flow record, when, and that no packet is lost on the way."""
import os
import re
import tempfile

import frames
import harness
from frames import ACK, FIN, RST, SYN
from harness import ProbeTest, counters, ends, metered_packets, run, summed

A, B = "10.0.0.1", "10.0.0.2"
IDLE, ACTIVE, TCP_END, FORCED, NO_ROOM = 1, 2, 3, 4, 5  # flowEndReason


def forth(seconds, payload=b"x", port=4000):
    return (seconds, frames.udp(A, port, B, 9, payload))


def back(seconds, payload=b"x", port=4000):
    return (seconds, frames.udp(B, 9, A, port, payload))


class MeteringTest(ProbeTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, packets, **options):
        path = os.path.join(self.folder, "capture.pcap")
        with open(path, "wb") as file:
            file.write(frames.pcap(packets, **options))
        return path

    def meter(self, packets, *args, **options):
        """Flow records of the packets, by start."""
        found = self.flows("-r", self.write(packets, **options), *args)
        return sorted(found, key=lambda flow: (flow["flowStartMilliseconds"], flow.get("flowSlice", 0)))

    def reasons(self, flows):
        return [flow["flowEndReason"] for flow in flows]


def at(seconds):
    """The element value of a time in a capture."""
    return round((frames.START + seconds) * 1000)


class Timeouts(MeteringTest):
    def test_counters_times_and_directions(self):
        flow, = self.meter([forth(0, b"1234"), back(0.25, b"12"), forth(1.5, b"1")])
        self.assertEqual(ends(flow), ((A, 4000), (B, 9)))
        self.assertEqual(counters(flow), (2, 28 + 4 + 28 + 1, 1, 28 + 2))
        self.assertEqual((flow["flowStartMilliseconds"], flow["flowEndMilliseconds"]), (at(0), at(1.5)))
        self.assertEqual(flow["flowEndReason"], FORCED)

    def test_idle(self):
        packets = [forth(0), forth(29), forth(60), forth(1000, port=1)]
        flows = self.meter(packets)
        self.assertEqual([(counters(flow)[0], flow["flowEndReason"]) for flow in flows], [(2, IDLE), (1, IDLE), (1, FORCED)])
        self.assertEqual(len({flow["flowId"] for flow in flows}), 3)
        self.assertEqual([counters(flow)[0] for flow in self.meter(packets, "-d", "32")], [3, 1])
        self.assertEqual([counters(flow)[0] for flow in self.meter(packets, "-d", "5")], [1, 1, 1, 1])

    def test_idle_flow_ends_while_others_go_on(self):
        """The end is told by time, not by the next packet of the same flow."""
        flows = self.meter([forth(0)] + [forth(second, port=7) for second in range(0, 100, 10)])
        self.assertEqual(self.reasons([flow for flow in flows if flow["sourceTransportPort"] == 4000]), [IDLE])

    def test_active(self):
        packets = [forth(second) if second % 20 == 0 else back(second) for second in range(0, 300, 10)]
        slices = self.meter(packets, "-t", "100")
        self.assertGreater(len(slices), 2)
        self.assertEqual(self.reasons(slices), [ACTIVE] * (len(slices) - 1) + [FORCED])
        self.assertEqual(len({flow["flowId"] for flow in slices}), 1, "slices of one flow")
        self.assertEqual({ends(flow) for flow in slices}, {((A, 4000), (B, 9))}, "the initiator stays")
        numbers = [flow["flowSlice"] for flow in slices]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(slices))))
        self.assertEqual(summed(slices), {(17, (A, 4000), (B, 9)): (15, 15 * 29, 15, 15 * 29)})
        for one in slices:
            self.assertLess(one["flowEndMilliseconds"] - one["flowStartMilliseconds"], 110_000)
        for one, after in zip(slices, slices[1:]):
            self.assertLess(one["flowEndMilliseconds"], after["flowStartMilliseconds"])

    def test_active_slice_that_begins_with_the_responder(self):
        slices = self.meter([forth(0), forth(50), back(105), back(150)], "-t", "100", "-d", "90")
        self.assertEqual([(ends(flow)[0], counters(flow)[0::2]) for flow in slices], [((A, 4000), (2, 0)), ((A, 4000), (0, 2))])

    def test_time_jumps_forward_by_years(self):
        flows = self.meter([forth(0), forth(1), forth(3 * 365 * 86400)])
        self.assertEqual([(counters(flow)[0], flow["flowEndReason"]) for flow in flows], [(2, IDLE), (1, FORCED)])

    def test_time_jumps_back_by_years(self):
        """A new epoch: nothing expires, and time-outs count from there on."""
        flows = self.meter([forth(3e8), forth(3e8 + 1), forth(0), forth(1), forth(100, port=7)])
        total = [flow for flow in flows if flow["sourceTransportPort"] == 4000]
        self.assertEqual(sum(counters(flow)[0] for flow in total), 4)
        self.assertIn(IDLE, self.reasons(total), "99 s of silence in the new epoch")

    def test_a_packet_that_is_a_little_late_moves_no_clock(self):
        flows = self.meter([forth(10), forth(5), forth(38), forth(39)])
        self.assertEqual([counters(flow)[0] for flow in flows], [4])
        self.assertEqual((flows[0]["flowStartMilliseconds"], flows[0]["flowEndMilliseconds"]), (at(5), at(39)))


class Tcp(MeteringTest):
    def segment(self, seconds, to_server, flags, seq=0, payload=b""):
        client, server = (A, 4000), (B, 80)
        source, destination = (client, server) if to_server else (server, client)
        return (seconds, frames.tcp(*source, *destination, flags, seq, 0, payload))

    def handshake(self):
        return [self.segment(0, True, SYN, 100), self.segment(0.010, False, SYN | ACK, 500), self.segment(0.014, True, ACK, 101)]

    def test_end_after_fin_of_both(self):
        packets = self.handshake() + [
            self.segment(1, True, FIN | ACK, 101), self.segment(1.1, False, FIN | ACK, 501), self.segment(1.2, True, ACK, 102),
            forth(30, port=7)]
        flow, other = self.meter(packets)
        self.assertEqual((flow["flowEndReason"], counters(flow)[0::2]), (TCP_END, (4, 2)), "the last ACK is the flow's own")
        self.assertEqual(flow["flowEndMilliseconds"], at(1.2))
        self.assertEqual((flow["tcpControlBits"], flow["reverseTcpControlBits"]), (SYN | ACK | FIN, SYN | ACK | FIN))
        self.assertEqual(other["flowEndReason"], FORCED)

    def test_end_after_reset(self):
        flow, _ = self.meter(self.handshake() + [self.segment(1, False, RST, 501), forth(5, port=7)])
        self.assertEqual((flow["flowEndReason"], counters(flow)[0::2]), (TCP_END, (2, 2)))

    def test_fin_of_one_side_is_no_end(self):
        flow, = self.meter(self.handshake() + [self.segment(1, True, FIN | ACK, 101), self.segment(20, False, ACK, 501, b"late")])
        self.assertEqual((flow["flowEndReason"], counters(flow)[0::2]), (FORCED, (3, 2)))

    def test_new_syn_after_the_end_is_another_flow(self):
        packets = self.handshake() + [self.segment(1, False, RST, 501)] + [
            (seconds + 1.5, frame) for seconds, frame in self.handshake()]
        first, second = self.meter(packets)
        self.assertEqual((counters(first)[0::2], counters(second)[0::2]), ((2, 2), (2, 1)))
        self.assertNotEqual(first["flowId"], second["flowId"])

    def test_latencies(self):
        packets = self.handshake() + [self.segment(1, True, ACK, 101, b"request"), self.segment(1.3, False, ACK, 501, b"answer")]
        flow, = self.meter(packets)
        self.assertEqual(flow["serverNetworkLatencyMicroseconds"], 10_000 // 2)
        self.assertEqual(flow["clientNetworkLatencyMicroseconds"], 4_000 // 2)
        self.assertEqual(flow["applicationLatencyMicroseconds"], 300_000 - 10_000)

    def test_retransmission_and_out_of_order(self):
        """What fills a hole within a round trip (14 ms here) was overtaken; later than that it was sent again."""
        data = [self.segment(seconds, True, ACK, 101 + 10 * number, b"0123456789")
                for seconds, number in ((1, 0), (1.1, 1), (1.2, 1), (1.3, 3), (1.305, 2), (1.4, 5), (1.5, 4), (1.6, 6))]
        flow, = self.meter(self.handshake() + data)
        self.assertEqual((flow["tcpRetransmittedPackets"], flow["tcpOutOfOrderPackets"]), (2, 1))
        clean, = self.meter(self.handshake() + data[:2])
        self.assertEqual((clean.get("tcpRetransmittedPackets", 0), clean.get("tcpOutOfOrderPackets", 0)), (0, 0))

    def test_initiator_is_who_sent_the_syn(self):
        """Not who was seen first, nor who has the higher port."""
        flow, = self.meter(self.handshake()[1:])
        self.assertEqual(ends(flow), ((A, 4000), (B, 80)))
        self.assertEqual(counters(flow)[0::2], (1, 1))
        flow, = self.meter([self.segment(0, False, ACK, 7, b"middle"), self.segment(1, True, ACK, 7)])
        self.assertEqual(ends(flow), ((B, 80), (A, 4000)))


class Other(MeteringTest):
    def test_community_id(self):
        """The published vector of the specification."""
        flow, = self.meter([(0, frames.tcp("128.232.110.120", 34855, "66.35.250.204", 80, ACK))])
        self.assertEqual(flow["communityId"], "1:LQU9qZlK+B5F3KDmev6m5PMibrg=")

    def test_icmp_is_one_flow_a_pair(self):
        def echo(seconds, source, destination, kind, identifier):
            return (seconds, frames.ethernet(frames.ipv4(source, destination, 1, frames.icmp(kind, 0, identifier))))
        flow, = self.meter([echo(0, A, B, 8, 1), echo(0.1, B, A, 0, 1), echo(1, A, B, 8, 2), echo(1.1, B, A, 0, 2)])
        self.assertEqual((ends(flow), counters(flow)[0::2]), (((A, 0), (B, 0)), (2, 2)))
        self.assertEqual(flow["icmpTypeCodeIPv4"], 8 << 8)
        self.assertNotIn("sourceTransportPort", flow)

    def test_fragments_belong_to_their_flow(self):
        first = frames.udp(A, 4000, B, 9, b"x" * 16)[14:]
        more = frames.ipv4(A, B, 17, first[20:], identification=7, fragment=0x2000)
        rest = frames.ipv4(A, B, 17, b"y" * 40, identification=7, fragment=24 // 8)
        stray = frames.ipv4(A, B, 17, b"y" * 40, identification=8, fragment=24 // 8)
        flows = self.meter([(0, frames.ethernet(more)), (0.1, frames.ethernet(rest)), (0.2, frames.ethernet(stray))])
        self.assertEqual(summed(flows), {(17, (A, 4000), (B, 9)): (2, 44 + 60, 0, 0)})

    def test_bad_checksums_are_metered_and_counted(self):
        def broken(seconds, frame, offset):
            return (seconds, frame[:offset] + bytes([frame[offset] ^ 0x55]) + frame[offset + 1:])
        header = broken(0, forth(0)[1], 24)
        segment = broken(1, forth(0)[1], 40)
        path = self.write([header, segment, forth(2)])
        self.assertEqual([counters(flow)[0] for flow in self.flows("-r", path, "--checksums")], [3])
        said = run("probe", "-r", path, "--checksums").stdout
        self.assertRegex(said, r"(?i)checksum")
        self.assertNotRegex(run("probe", "-r", self.write([forth(0)]), "--checksums").stdout, r"(?i)bad.*checksum")

    def test_wrong_checksums_of_one_direction_are_found_and_their_number_estimated(self):
        """Requests and answers in turn: what is checked must not always be one of them."""
        def broken(seconds, frame):
            return (seconds, frame[:40] + bytes([frame[40] ^ 0x55]) + frame[41:])
        count = 12_800
        for phase in (0, 1):
            packets = [one for at in range(count) for one in (forth(at / 1000), back(at / 1000))]
            packets[phase::2] = [broken(*one) for one in packets[phase::2]]
            path = self.write(packets)
            done = run("probe", "-r", path, "-n", "none")
            self.assert_done(done)
            found, estimate = map(int, re.search(
                r"bad_transport_checksum (\d+) \(1 packet in 64 is checked: about (\d+) in all\)", done.stderr).groups())
            self.assertLess(abs(found - count / 64), 5 * (count / 64) ** 0.5)
            self.assertEqual(estimate, found * 64)
            again = run("probe", "-r", path, "-n", "none").stderr
            self.assertEqual(*(said.split(" info ", 1)[1] for said in (done.stderr, again)), "the same each time")
            self.assertRegex(run("probe", "-r", path, "-n", "none", "--checksums").stderr, rf"bad_transport_checksum {count}\n")

    def test_ignored_packets_are_counted_by_reason(self):
        arp = frames.ethernet(bytes.fromhex("0001080006040001020000000001") + bytes(14), 0x0806)
        lldp = frames.ethernet(bytes(46), 0x88CC)
        cut = frames.udp(A, 1, B, 2)[:14 + 12]
        malformed = frames.ethernet(b"\x41" + bytes(39))  # a header length of 4 bytes
        tags = (7, frames.ethernet(b"\0\1\x81\0" * 11 + forth(0)[1][14:], 0x8100))  # an eleventh is not opened
        packets = [forth(0), back(1), (2, arp), (3, arp), (4, lldp), (5, cut), (6, malformed), tags]
        path = self.write(packets)
        self.assertEqual(metered_packets(self.flows("-r", path)), 2)
        said = harness.closing_counts(run("probe", "-r", path).stdout)
        self.assertEqual((said["read"], said["metered"]), (8, 2))
        self.assertEqual(said["ignored"], {"arp": 2, "not_ip": 1, "truncated": 1, "malformed": 1, "too_many_encapsulations": 1})

    def test_captured_part_is_enough(self):
        """-s shortens what is looked at, never what is counted."""
        flow, = self.meter([forth(0, b"x" * 900), forth(1, b"x" * 900)], "-s", "64")
        self.assertEqual(counters(flow), (2, 2 * 928, 0, 0))


class Table(MeteringTest):
    def test_full_table_ends_the_oldest_idle_and_loses_nothing(self):
        packets = [forth(number / 1000, port=1 + number) for number in range(5000)]
        path = self.write(packets)
        flows = self.flows("-r", path, "-w", "100")
        self.assertEqual(metered_packets(flows), 5000)
        self.assertEqual(len(flows), 5000)
        ended = [flow["sourceTransportPort"] for flow in flows if flow["flowEndReason"] == NO_ROOM]
        self.assertGreaterEqual(len(ended), 4000)
        self.assertIn(1, ended)
        self.assertNotIn(5000, ended)
        self.assertRegex(run("probe", "-r", path, "-w", "100").stdout, rf"\b{with_commas(len(ended))}\b", "counted")
        self.assertEqual({flow["flowEndReason"] for flow in self.flows("-r", path)}, {FORCED})

    def test_connection_that_had_ended_does_not_count_as_ended_by_a_full_table(self):
        reset = [(0, frames.tcp(A, 4000, B, 80, SYN)), (0.1, frames.tcp(B, 80, A, 4000, RST | ACK))]
        path = self.write(reset + [forth(0.2 + number / 1000, port=1 + number) for number in range(5)])
        done = harness.run_probe("-r", path, "-w", "3")
        self.assert_done(done)
        reasons = [flow["flowEndReason"] for flow in done.records]
        self.assertEqual((reasons.count(TCP_END), reasons.count(NO_ROOM)), (1, 2))
        self.assertIn(", 2 ended because the table was full", done.stderr)


def with_commas(number):
    """A number as a pattern: thousands may be set apart."""
    return re.sub(r"(?<=\d)(?=(\d{3})+$)", "[, '_]?", str(number))


@harness.pipeline
class Repeatable(MeteringTest):
    def setUp(self):
        super().setUp()
        packets = []
        for number in range(3000):
            second = number / 50
            packets.append(forth(second, b"x" * (number % 200), port=1 + number % 371))
            if number % 3:
                packets.append(back(second + 0.001, b"y" * (number % 50), port=1 + number % 371))
        self.path = self.write(packets)
        self.packets = len(packets)

    def records(self, *args):
        """What is told of flows, without the numbers of the run; as a sorted list of records."""
        return sorted(sorted((name, str(value)) for name, value in flow.items() if name not in ("flowId", "probeId"))
                      for flow in self.flows("-r", self.path, *args))

    def test_twice_the_same(self):
        once = self.records()
        self.assertEqual(len(once), 371, "a flow each port")
        self.assertEqual(self.records(), once)

    def test_number_of_workers_changes_nothing(self):
        one = self.records("--workers", "1", "-d", "5", "-t", "20")
        self.assertGreater(len(one), 400)
        for workers in ("2", "4"):
            self.assertEqual(self.records("--workers", workers, "-d", "5", "-t", "20"), one)

    def test_flow_ids(self):
        """Unique, whichever worker gave them; below 2^53; and the same when the same file is read again."""
        once = [self.flows("-r", self.path, "--workers", "4") for _ in range(2)]
        ids = [{ends(flow): flow["flowId"] for flow in flows} for flows in once]
        self.assertEqual(len(set(ids[0].values())), len(once[0]))
        self.assertEqual(ids[0], ids[1])
        self.assertLess(max(ids[0].values()), 2**53)

    def test_loop(self):
        once, thrice = self.flows("-r", self.path), self.flows("-r", self.path, "--loop", "3")
        self.assertEqual(metered_packets(once), self.packets)
        self.assertEqual(summed(thrice), {key: tuple(3 * value for value in sums) for key, sums in summed(once).items()})
        self.assertGreater(max(flow["flowEndMilliseconds"] for flow in thrice),
                           max(flow["flowEndMilliseconds"] for flow in once) + 2 * 59_000, "time goes on")
