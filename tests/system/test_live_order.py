"""Live capture from several rings: whichever way the packets of a flow come, they give the records that a file of them gives. Needs root."""
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

import frames
import harness
from frames import ACK, FIN, SYN
from harness import ProbeTest, counters, ends
from test_live import Link, sh, why_not

PAUSE = 0.0005  # seconds from packet to packet
SERVER = "192.168.200.1"
REQUEST = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"


def exchanges(web, questions):
    """[(whether the client sent it, frame)] of so many HTTP connections, then of so many questions with their answers."""
    packets = []
    for number in range(web):
        client, port, reply = f"192.168.0.{number % 250 + 1}", 30_000 + number, 501 + len(RESPONSE)
        ask = 101 + len(REQUEST)
        for forth, flags, seq, ack, payload in (
                (True, SYN, 100, 0, b""), (False, SYN | ACK, 500, 101, b""), (True, ACK, 101, 501, b""), (True, ACK, 101, 501, REQUEST),
                (False, ACK, 501, ask, b""), (False, ACK, 501, ask, RESPONSE), (True, ACK, ask, reply, b""), (True, ACK | FIN, ask, reply, b""),
                (False, ACK | FIN, reply, ask + 1, b""), (True, ACK, ask + 1, reply + 1, b"")):
            way = (client, port, SERVER, 80) if forth else (SERVER, 80, client, port)
            packets.append((forth, frames.tcp(*way, flags, seq, ack, payload)))
    for number in range(questions):
        client, port = f"192.168.1.{number % 250 + 1}", 40_000 + number
        packets += [(True, frames.udp(client, port, SERVER, 9053, b"q" * 30)), (False, frames.udp(SERVER, 9053, client, port, b"a" * 90))]
    return packets


def in_vxlan(packets):
    """Each flow's two directions in VXLAN with outer ports that have nothing to do with each other, and so for each packet."""
    chance = random.Random(1)
    wrapped = []
    for forth, frame in packets:
        way = ("10.0.0.1", "10.0.0.2") if forth else ("10.0.0.2", "10.0.0.1")
        wrapped.append((forth, frames.udp(way[0], chance.randint(32_768, 60_999), way[1], 4789, struct.pack("!II", 0x08000000, 42 << 8) + frame)))
    return wrapped


def timed(packets):
    return [(number * PAUSE, frame) for number, (_, frame) in enumerate(packets)]


def told(records):
    """What each record says, but for what hangs on the clock and the interface."""
    return sorted(((record["record"], ends(record), counters(record), record.get("httpResponseStatus"),
                    sorted(set(record) - {"ingressInterface", "egressInterface"})) for record in records), key=repr)


def send(path, process=0):
    """In a process of its own: a line a packet, interface and frame, each PAUSE after the one before; then SIGINT to `process`."""
    sockets = {}
    with open(path, encoding="ascii") as file:
        packets = [line.split() for line in file]
    for interface in {interface for interface, _ in packets}:
        sockets[interface] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sockets[interface].bind((interface, 0))
    due = time.monotonic()
    for interface, frame in packets:
        time.sleep(max(0, due - time.monotonic()))
        sockets[interface].send(bytes.fromhex(frame))
        due += PAUSE
    if process:
        os.kill(process, signal.SIGINT)


class TwoLinks(Link):
    """A tap: what the clients send comes over one pair, what the server sends over the other."""

    OTHER_SENDER, OTHER_RECEIVER = "mc-send2", "mc-recv2"

    def __enter__(self):
        super().__enter__()
        self.add_pair(self.OTHER_SENDER, self.OTHER_RECEIVER)
        return self

    def send_apart(self, packets, process=0):
        lines = "".join(f"{self.SENDER if forth else self.OTHER_SENDER} {frame.hex()}\n" for forth, frame in packets)
        with harness.scratch_file(lines.encode(), suffix=".txt") as path:
            sh(*self.inside, "env", f"PYTHONPATH={os.path.dirname(os.path.abspath(__file__))}", sys.executable, "-c",
               f"import test_live_order; test_live_order.send({path!r}, {process})")


class LiveOrder(ProbeTest):
    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)

    def expected(self, packets):
        with harness.scratch_file(frames.pcap(timed(packets))) as path:
            done = harness.run_probe("-r", path, "--workers", "1")
        self.assert_done(done)
        return told(done.records)

    def check(self, done, packets):
        self.assert_done(done)
        self.assertEqual(harness.closing_counts(done.stderr)["read"], len(packets))
        self.assertEqual(told(done.records), self.expected(packets))

    def test_tunnels_whose_directions_reach_two_workers(self):
        packets = in_vxlan(exchanges(150, 500))
        with Link() as link, harness.scratch_file(frames.pcap(timed(packets))) as path:
            process = harness.start_probe("-i", link.RECEIVER, "--workers", "2", "--json", "-", prefix=link.inside)
            try:
                link.wait_for_capture(process, 2)
                link.send(path)
            finally:
                done = harness.end_probe(process)
        self.check(done, packets)

    def test_one_direction_on_each_interface(self):
        packets = exchanges(80, 300)
        for workers in (1, 2):
            with self.subTest(workers=workers), TwoLinks() as link:
                process = harness.start_probe("-i", link.RECEIVER, "-i", link.OTHER_RECEIVER, "--workers", str(workers), "--json", "-",
                                              prefix=link.inside)
                try:
                    link.wait_for_capture(process, 2 * workers)
                    link.send_apart(packets)
                finally:
                    done = harness.end_probe(process)
                self.check(done, packets)

    def test_what_came_last_is_read_before_the_end(self):
        packets = exchanges(0, 150)
        for _ in range(2):
            with TwoLinks() as link:
                process = harness.start_probe("-i", link.RECEIVER, "-i", link.OTHER_RECEIVER, "--workers", "1", "-n", "none", prefix=link.inside)
                link.wait_for_capture(process, 2)
                link.send_apart(packets, process.pid)
                stderr = process.communicate(timeout=harness.TIMEOUT)[1].decode()
            self.assertEqual(process.returncode, 0, stderr)
            harness.check_ladder(process.args)
            said = harness.closing_counts(stderr)
            self.assertEqual((said["read"], said["metered"]), (len(packets), len(packets)))

    def test_one_interface_twice_is_refused(self):
        with Link() as link:
            sh(*link.inside, "ip", "link", "property", "add", "dev", link.RECEIVER, "altname", "mc-other-name")
            for again in (link.RECEIVER, "mc-other-name"):
                done = subprocess.run([*link.inside, harness.PROGRAM, "probe", "-i", link.RECEIVER, "-i", again, "-n", "none"],
                                      capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
                self.assert_refused(harness.Run(done.returncode, [], done.stdout, done.stderr), 2, again)
