"""What clients may do to the probe's Redis face that is no good: memory stays bounded, no packet is lost, others are served meanwhile, and a
counter tells."""
import os
import random
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import frames
import harness
from harness import ProbeTest
from redis_node import Client, RedisError, free_port
from test_face import Feed
from test_live import Link, wait_until_idle, why_not

MOST_CLIENTS = 1000
MEGABYTE = 1 << 20
# What the log says once of those that are turned away, by the metric's reason.
TOLD = {"clients": "Redis clients turned away, as too many", "overflow": "Redis clients cut off, as they did not read",
        "memory": "Redis clients cut off that took most", "malformed": "Redis clients cut off, as what they sent"}


def command(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def connect(port, timeout=20):
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def all_that_comes(peer):
    """Until the server closes."""
    said = b""
    try:
        while more := peer.recv(65536):
            said += more
    except ConnectionResetError:  # as we had sent more than it read
        pass
    return said


def flows(count, first=0, seconds=0.0):
    """So many packets, each of a flow of its own between a few hosts."""
    out = []
    for number in range(first, first + count):
        frame = frames.udp(f"10.0.{number % 7}.1", 1024 + number % 60_000, f"10.1.{number % 5}.{number // 60_000}", 9, b"x")
        out.append((seconds + number * 1e-5, frame))
    return out


class Witness:
    """Another client, which asks all the time while something is done to the probe."""

    def __init__(self, port):
        self.client = Client(port)
        self.stopping = threading.Event()
        self.answers, self.longest, self.error = 0, 0.0, None
        self.thread = threading.Thread(target=self._ask)

    def _ask(self):
        try:
            while not self.stopping.is_set():
                before = time.monotonic()
                if self.client("HGET", "probe.p", "version") is None:
                    raise AssertionError("no version")
                self.longest = max(self.longest, time.monotonic() - before)
                self.answers += 1
                time.sleep(0.002)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        deadline = time.monotonic() + 10
        while self.answers < 5 and self.error is None and time.monotonic() < deadline:
            time.sleep(0.01)
        self.stopping.set()
        self.thread.join()
        self.client.close()


class HostileClients(ProbeTest):
    def setUp(self):
        self.page = free_port()
        self.feed = self.start("--metrics", f"127.0.0.1:{self.page}")
        self.feed.give(flows(1_000))
        self.feed.settle()

    def start(self, *options, **more):
        feed = Feed(*options, **more)
        self.addCleanup(lambda: feed.probe.poll() is None and (feed.probe.kill(), feed.probe.communicate()))
        return feed

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/metrics", timeout=20) as answer:
            return harness.parse_metrics(answer.read().decode())

    def refused(self, reason):
        return self.metrics()[("microcloud_probe_face_refused_total", frozenset({("reason", reason)}))]

    def wait_refused(self, reason, count):
        harness.wait_for(lambda: self.refused(reason) >= count)
        self.assertEqual(self.refused(reason), count)

    def most_memory(self):
        """Bytes that were resident at most."""
        with open(f"/proc/{self.feed.probe.pid}/status", encoding="ascii") as file:
            return int(re.search(r"(?m)^VmHWM:\s+(\d+) kB$", file.read())[1]) << 10

    def finish(self, witness, most_bytes, longest=2.0):
        """What holds after each of the tests."""
        self.assertIsNone(witness.error)
        self.assertGreater(witness.answers, 3)
        self.assertLess(witness.longest, longest * harness.slowness())
        if harness.slowness() == 1:  # a sanitizer keeps memory that was freed
            self.assertLess(self.most_memory(), self.before + most_bytes)
        self.feed.give(flows(500, first=1_000_000))
        self.feed.settle()
        refused = {reason: self.refused(reason) for reason in TOLD}
        status, _, stderr = self.feed.end()
        self.assertEqual(status, 0, stderr)
        for reason, words in TOLD.items():
            self.assertEqual(len(re.findall(rf"warning {words}.*: [1-9]\d*$", stderr, re.M)), 1 if refused[reason] else 0, f"{reason}\n{stderr}")
        self.assertEqual(harness.closing_counts(stderr)["metered"], self.feed.fed)

    def witness(self):
        self.before = self.most_memory()
        return Witness(self.feed.port)

    def test_bytes_that_are_no_redis_protocol(self):
        rng = random.Random(1)
        wrong = {b"*1\r\nx\r\n": b"-ERR Protocol error: expected '$', got 'x'\r\n",
                 b"*x\r\n": b"-ERR Protocol error: invalid multibulk length\r\n",
                 b"*1000000\r\n": b"-ERR Protocol error: invalid multibulk length\r\n",
                 b"*1\r\n$1073741824\r\n": b"-ERR Protocol error: invalid bulk length\r\n",
                 b"*1\r\n$-7\r\n": b"-ERR Protocol error: invalid bulk length\r\n",
                 b"*" + b"1" * 100: b"-ERR Protocol error: too big mbulk count string\r\n",
                 b"HGET '": None,
                 b"HGET 'a\r\n": b"-ERR Protocol error: unbalanced quotes in request\r\n",
                 b"HGET " + b"a" * 70_000: b"-ERR Protocol error: too big inline request\r\n"}
        with self.witness() as witness:
            for said, answer in wrong.items():
                with connect(self.feed.port) as peer:
                    peer.sendall(said)
                    if answer is not None:
                        self.assertEqual(all_that_comes(peer), answer, said[:20])
                    else:  # the line's end may come yet
                        peer.settimeout(0.2)
                        self.assertRaises(TimeoutError, peer.recv, 100)
            self.wait_refused("malformed", 8)
            with connect(self.feed.port) as peer:
                peer.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(all_that_comes(peer), b"-ERR this is no HTTP\r\n")
            before = self.refused("malformed")
            for _ in range(100):
                with connect(self.feed.port) as peer:
                    try:
                        peer.sendall(rng.randbytes(rng.randrange(1, 40_000)))
                    except OSError:  # it has understood enough
                        pass
            # Many of them begin with a line that cannot be read.
            harness.wait_for(lambda: self.refused("malformed") - before > 20)
        self.finish(witness, 32 * MEGABYTE)

    def test_inline_commands(self):
        with self.witness() as witness, connect(self.feed.port) as peer:
            peer.sendall(b"\r\n\r\nPING\r\nhget \"probe.p\" 'packets'\r\n  EXISTS   nothing  \nQUIT\r\n")
            self.assertEqual(all_that_comes(peer), b"+PONG\r\n$4\r\n1000\r\n:0\r\n+OK\r\n")
        self.finish(witness, 16 * MEGABYTE)

    def test_half_a_command_and_nothing_more(self):
        half = command("HMGET", "ip.10.0.0.1", *[b"f" * 60_000] * 10)[:400_000]
        with self.witness() as witness:
            peers = [connect(self.feed.port) for _ in range(100)]
            for number, peer in enumerate(peers):
                peer.sendall(half[:1 + number * 4_000])
            harness.wait_for(lambda: self.metrics()[("microcloud_probe_face_clients_bytes", frozenset())] > 15 * MEGABYTE)
            time.sleep(0.3)
            for peer in peers:
                peer.close()
            harness.wait_for(lambda: self.metrics()[("microcloud_probe_face_clients_bytes", frozenset())] < MEGABYTE)
        self.finish(witness, 100 * MEGABYTE)

    def test_more_half_commands_than_there_may_be_memory(self):
        """Whoever has most goes, and the others stay."""
        half = command("HMGET", "ip.10.0.0.1", *[b"f" * 60_000] * 17)[:1_000_000]
        with self.witness() as witness, connect(self.feed.port) as modest:
            asked = command("HGET", "probe.p", "packets")
            modest.sendall(asked[:-8])
            peers = []
            for _ in range(700):
                peers.append(connect(self.feed.port))
                try:
                    peers[-1].sendall(half)
                except OSError:
                    pass
            harness.wait_for(lambda: self.refused("memory") > 50)
            self.assertLess(self.metrics()[("microcloud_probe_face_clients_bytes", frozenset())], 513 * MEGABYTE)
            modest.sendall(asked[-8:])
            self.assertEqual(modest.recv(100), b"$4\r\n1000\r\n")
            for peer in peers:
                peer.close()
        self.finish(witness, 800 * MEGABYTE)

    def test_patterns_and_keys_that_are_made_to_cost_much(self):
        asked = [command("KEYS", "a*" * 30_000 + "b"), command("KEYS", "*[" + "xyz" * 20_000 + "]"), command("KEYS", "*" * 60_000 + "?"),
                 command("KEYS", ("*[" + "x" * 90 + "]") * 600), command("SCAN", 0, "MATCH", "*a" * 25_000, "COUNT", 1_000_000),
                 command("HSCAN", "probe.p", 0, "MATCH", "*" + "[^a-z\\]]" * 7_000)]
        with self.witness() as witness, connect(self.feed.port) as peer:
            began = time.monotonic()
            for words in asked:
                peer.sendall(words)
            peer.sendall(command("EXISTS", *[b"k" * 65_000] * 10) + command("HGET", b"ip." + b"1" * 65_000, "x") + command("QUIT"))
            said = all_that_comes(peer)
            self.assertLess(time.monotonic() - began, 5 * harness.slowness())
            self.assertNotIn(b"\n-", said)
            self.assertTrue(said.endswith(b":0\r\n$-1\r\n+OK\r\n"), said[-100:])
        self.finish(witness, 64 * MEGABYTE)

    def test_many_keys_at_once_cost_no_long_step(self):
        """All that a walk looks for, in the thread that meters packets."""
        keys = [f"flow.1:{number:027d}=" for number in range(3_000)] + [f"port.udp.{number}" for number in range(9, 900)]
        with self.witness() as witness, connect(self.feed.port) as peer:
            for _ in range(5):
                peer.sendall(command("EXISTS", *keys))
                self.assertEqual(peer.recv(100), b":1\r\n")
        longest, steps = (self.metrics()[(f"microcloud_probe_face_{name}", frozenset())] for name in ("longest_step_seconds", "steps_total"))
        self.assertGreater(steps, 5 * len(keys) / 100, "many steps")
        self.assertGreater(longest, 0)
        self.assertLess(longest, 0.002 * harness.slowness())
        self.finish(witness, 64 * MEGABYTE)

    def test_ten_thousand_connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 10_500:
            self.skipTest("10,000 connections need more descriptors than this system gives")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 10_500), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with self.witness() as witness:
            peers = [connect(self.feed.port, timeout=60) for _ in range(10_000)]
            self.addCleanup(lambda: [peer.close() for peer in peers])
            refused = 10_000 - (MOST_CLIENTS - 2)  # the feed's client and the witness are there
            self.wait_refused("clients", refused)
            said = {peer: all_that_comes(peer) for peer in peers[MOST_CLIENTS:]}
            self.assertEqual(set(said.values()), {b"-ERR max number of clients reached\r\n"})
            self.assertEqual(self.metrics()[("microcloud_probe_face_clients", frozenset())], MOST_CLIENTS)
            peers[0].sendall(b"PING\r\n")
            self.assertEqual(peers[0].recv(100), b"+PONG\r\n")
            for peer in peers:
                peer.close()
            harness.wait_for(lambda: self.metrics()[("microcloud_probe_face_clients", frozenset())] == 2)
        Client(self.feed.port).close()
        self.finish(witness, 200 * MEGABYTE)

    def test_few_descriptors(self):
        """What else the probe opens comes first; the rest is shared out to clients, and the others are told."""
        self.feed.end()
        self.feed = self.start("--metrics", f"127.0.0.1:{self.page}", prefix=["prlimit", "--nofile=200:200"])
        peers = [connect(self.feed.port) for _ in range(300)]
        self.wait_refused("clients", 300 - (100 - 1))
        self.assertEqual(all_that_comes(peers[-1]), b"-ERR max number of clients reached\r\n")
        for peer in peers:
            peer.close()
        status, _, stderr = self.feed.end()
        self.assertEqual(status, 0)
        self.assertIn("at most 100 Redis clients are answered at once, not 1000: no more than 200 descriptors may be open", stderr)

    def test_strangers_give_their_places_to_users(self):
        with harness.scratch_file(b"user ann on >secret allkeys\n", ".acl") as path:
            os.chmod(path, 0o600)
            self.feed.end()
            self.feed = Feed("--listen-auth", path, "--metrics", f"127.0.0.1:{self.page}")
        self.addCleanup(self.feed.probe.kill)
        peers = [connect(self.feed.port) for _ in range(MOST_CLIENTS - 1)]
        with connect(self.feed.port) as late:
            self.assertEqual(all_that_comes(late), b"-ERR max number of clients reached\r\n")
        time.sleep(5.5)
        self.feed.client.close()  # a stranger too
        user = Client(self.feed.port)
        self.assertEqual(user("AUTH", "ann", "secret"), "OK")
        more = Client(self.feed.port)
        self.assertEqual(more("AUTH", "ann", "secret"), "OK")
        self.assertGreaterEqual(self.refused("strangers"), 1)
        self.assertEqual(user("EXISTS", "meta.schema"), 1)
        for peer in [*peers, user, more]:
            peer.close()
        self.feed.pipe.close()
        _, stderr = self.feed.probe.communicate(timeout=harness.TIMEOUT)
        self.assertEqual(self.feed.probe.returncode, 0, stderr)

    def test_one_that_asks_and_never_reads(self):
        self.feed.give(flows(5_000))
        self.feed.settle()
        with self.witness() as witness, connect(self.feed.port) as peer:
            peer.settimeout(0.2)
            deadline = time.monotonic() + 300 * harness.slowness()  # 256 MB of names
            while self.refused("overflow") == 0 and time.monotonic() < deadline:
                try:
                    peer.sendall(command("KEYS", "*") * 50)
                except TimeoutError:
                    pass
                except OSError:
                    break
            harness.wait_for(lambda: self.refused("overflow") == 1)
        self.finish(witness, 450 * MEGABYTE)

    def test_a_long_queue_of_one_is_not_in_the_way_of_another(self):
        """A thousand listings of one client, each of another pattern; another one waits for a few of them only."""
        self.feed.give(flows(3_000))
        self.feed.settle()
        with connect(self.feed.port) as greedy, self.witness() as witness:
            greedy.sendall(b"".join(command("KEYS", f"ip.{number}*") for number in range(1_000)))
            time.sleep(0.05)
            before = self.metrics()[("microcloud_probe_face_listings_total", frozenset())]
            self.assertEqual(self.feed.client("KEYS", "port.udp.9"), ["port.udp.9"])
            self.assertEqual(self.feed.client("EXISTS", "port.udp.9"), 1)
            after = self.metrics()[("microcloud_probe_face_listings_total", frozenset())]
            self.assertLess(after - before, 60)
            self.assertLess(after, 1_000, "of the greedy one's the most are to come")
        self.finish(witness, 64 * MEGABYTE)

    def test_subscriber_that_never_reads(self):
        count = 20_000
        self.feed.end()
        self.feed = self.start("--metrics", f"127.0.0.1:{self.page}", "-d", "1")
        patterns = ["event.*", "event.f*", "event.fl*", "event.flo*", "*.flow", "*", "e*", "?vent.flow"]
        heard = []

        def hear(client):
            while len(heard) < count:
                heard.append(client.read()[2])

        with self.witness() as witness:
            lazy, listener = connect(self.feed.port), Client(self.feed.port)
            lazy.sendall(command("PSUBSCRIBE", *patterns))
            self.assertEqual(listener("SUBSCRIBE", "event.flow"), ["subscribe", "event.flow", 1])
            thread = threading.Thread(target=hear, args=(listener,))
            thread.start()
            for first in range(0, count, 1_000):
                self.feed.give(flows(1_000, first, seconds=2.0 * (first // 1_000)))
                harness.wait_for(lambda: len(heard) >= first - 2_000, 60)  # pylint: disable=cell-var-from-loop
            self.feed.give([(500.0, frames.udp("10.9.9.9", 1, "10.9.9.8", 1))])  # the others have ended by then
            thread.join(60 * harness.slowness())
            self.assertFalse(thread.is_alive(), len(heard))
            self.wait_refused("overflow", 1)
            lazy.close()
            listener.close()
        self.assertEqual({harness.parse_record(line)["record"] for line in heard[::100]}, {"flow"})
        self.assertEqual(self.refused("publish"), 0)
        self.finish(witness, 150 * MEGABYTE)

    def test_names_of_channels_are_bounded(self):
        client = Client(self.feed.port)
        with self.assertRaisesRegex(RedisError, "too many subscriptions"):
            client("SUBSCRIBE", *[b"c" * 60_000] * 2)
        with self.assertRaisesRegex(RedisError, "too many subscriptions"):
            client("PSUBSCRIBE", *range(2_000))
        self.assertEqual(client("PSUBSCRIBE", "event.*"), ["psubscribe", "event.*", 1])
        client.close()
        others = [Client(self.feed.port) for _ in range(17)]
        said = []
        for number, other in enumerate(others):
            try:
                said.append(other("SUBSCRIBE", *(f"c.{number}.{at}" for at in range(1_000)))[0])
            except RedisError as error:
                said.append(str(error))
        for other in others:
            other.close()
        self.assertEqual(said, ["subscribe"] * 16 + ["ERR too many subscriptions"])


def flood(port, seconds):
    """All of it at once."""
    until = time.monotonic() + seconds
    asked = [command("KEYS", "*"), command("EXISTS", *(f"port.udp.{n}" for n in range(2_000))), b"*1\r\n$1073741824\r\n", os.urandom(20_000),
             command("HMGET", "ip.10.0.0.1", *[b"f" * 60_000] * 10)[:300_000], command("KEYS", "*[" + "xyz" * 20_000 + "]"), command("DBSIZE") * 200]
    peers, count = [], 0
    while time.monotonic() < until:
        try:
            peer = connect(port, timeout=0.5)
            peer.sendall(asked[count % len(asked)])
            peers.append(peer)
        except OSError:
            pass
        count += 1
        if len(peers) > 300:
            peers.pop(0).close()
    print(count)


class LiveCapture(ProbeTest):
    def test_no_packet_is_lost_to_clients(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        packets, port = 30_000, 6_390
        with Link() as link, harness.scratch_file(frames.pcap(flows(packets))) as path, \
                tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            page = os.path.join(folder, "probe.prom")
            probe = harness.start_probe("-i", Link.RECEIVER, "--listen", f"127.0.0.1:{port}", "-n", "none", "-d", "3600", "--metrics-file", page,
                                        prefix=link.inside)
            try:
                link.wait_for_capture(probe, 1)
                flooding = subprocess.Popen([*link.inside, sys.executable, "-c", f"import test_face_hostile; test_face_hostile.flood({port}, 6)"],
                                            cwd=os.path.dirname(os.path.abspath(__file__)), stdout=subprocess.PIPE)
                link.send(path, "--pps", "8000")
                tried = int(flooding.communicate(timeout=60)[0])
                wait_until_idle(probe)
                lost = link.lost()
            finally:
                done = harness.end_probe(probe)
            with open(page, encoding="utf-8") as file:
                metrics = harness.parse_metrics(file.read())
        self.assertEqual(done.status, 0, done.stderr)
        said = harness.closing_counts(done.stderr)
        self.assertEqual((said["read"] + lost, said["dropped"], said["metered"] + lost), (packets, 0, packets))
        self.assertGreater(tried, 50)
        self.assertGreater(metrics[("microcloud_probe_face_refused_total", frozenset({("reason", "malformed")}))], 5)
        longest, steps, long_steps = (metrics[(f"microcloud_probe_face_{name}", frozenset())]
                                      for name in ("longest_step_seconds", "steps_total", "long_steps_total"))
        print(f"{tried} connections, {steps:.0f} steps, {long_steps:.0f} of more than 100 us of CPU, the longest {longest * 1e6:.0f} us")


if __name__ == "__main__":
    unittest.main()
