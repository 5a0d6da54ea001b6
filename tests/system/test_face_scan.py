"""SCAN over many open flows: each key that is there all the time comes, and it takes no longer than a few KEYS."""
import socket
import struct
import time
import unittest

import frames
import harness
from harness import ProbeTest
from redis_node import RedisError
from test_face import Feed

FLOWS = 200_000
A_PAIR = 50_000  # flows between two hosts


def many_flows(count, first_pair=0):
    """Capture records of so many flows, each of one packet: made of pieces, as there are many."""
    out = []
    for pair in range(first_pair, first_pair + count // A_PAIR):
        segment = struct.pack("!HHHH", 0, 9, 9, 0) + b"x"  # no checksum of UDP: it may be left out
        frame = frames.ethernet(frames.ipv4(f"10.{pair}.0.1", f"10.{pair}.0.2", 17, segment))
        record = frames.pcap([(0, frame)])[24:]
        at = 16 + 14 + 20
        before, behind = record[:at], record[at + 2:]
        out += [before + struct.pack("!H", port) + behind for port in range(1_000, 1_000 + A_PAIR)]
    return b"".join(out)


class Names:
    """Reads long arrays of names quicker than a client that is made to be read."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.file = self.socket.makefile("rb", buffering=1 << 20)

    def ask(self, *words):
        self.socket.sendall(" ".join(str(word) for word in words).encode() + b"\r\n")

    def names(self):
        line = self.file.readline()
        if line[:1] != b"*":
            raise RedisError(line.decode())
        out = []
        for _ in range(int(line[1:])):
            self.file.readline()
            out.append(self.file.readline()[:-2].decode())
        return out

    def keys(self, pattern):
        self.ask("KEYS", pattern)
        return self.names()

    def scan(self, *options):
        """(names, calls)"""
        found, cursor, calls = [], "0", 0
        while cursor != "0" or calls == 0:
            self.ask("SCAN", cursor, *options)
            self.file.readline(), self.file.readline()
            cursor = self.file.readline()[:-2].decode()
            found += self.names()
            calls += 1
        return found, calls

    def close(self):
        self.file.close()
        self.socket.close()


class ManyFlows(ProbeTest):
    def test_scan(self):
        count = FLOWS if harness.slowness() == 1 else A_PAIR
        pairs = count // A_PAIR
        feed = Feed("-w", str(2 * count), "-d", "3600", "-t", "3600")
        self.addCleanup(lambda: feed.probe.poll() is None and (feed.probe.kill(), feed.probe.communicate()))
        feed.fed = count
        feed.pipe.write(many_flows(count))
        feed.settle()
        client = Names(feed.port)
        self.addCleanup(client.close)
        began = time.monotonic()
        there = client.keys("*")
        listed = time.monotonic() - began
        self.assertEqual(sum(name.startswith("flow.") for name in there), count)

        began = time.monotonic()
        scanned, calls = client.scan("COUNT", 1_000)
        took = time.monotonic() - began
        self.assertEqual(len(scanned), len(set(scanned)))
        self.assertEqual(set(scanned), set(there))
        self.assertGreaterEqual(calls, count // 1_000)
        # Were each call a walk through all flows, it would be a thousand times as long.
        self.assertLess(took, 10 * listed + 5)
        print(f"{count} open flows: KEYS {listed:.1f} s, SCAN in {calls} calls {took:.1f} s")

        hosts = sorted(f"ip.10.{pair}.0.{end}" for pair in range(pairs) for end in (1, 2))
        self.assertEqual(sorted(client.scan("MATCH", "ip.*.[12]", "COUNT", 1)[0]), hosts)
        self.assertEqual(sorted(client.scan("MATCH", "ip.10.*", "TYPE", "hash")[0]), hosts)
        sets = client.scan("TYPE", "ZSET", "COUNT", 7)[0]
        self.assertEqual({name.rsplit(".", 1)[0] for name in sets}, set(hosts))
        self.assertEqual(client.scan("TYPE", "string"), (["meta.schema"], 1))
        self.assertEqual(client.scan("TYPE", "stream"), ([], 1))
        self.assertEqual(client.scan("MATCH", "nothing.*"), ([], 1))

        # While flows come.
        client.ask("SCAN", 0, "MATCH", "flow.*", "COUNT", 10)
        client.file.readline(), client.file.readline()
        cursor = client.file.readline()[:-2].decode()
        found = client.names()
        feed.pipe.write(many_flows(A_PAIR, first_pair=200))
        feed.fed += A_PAIR
        feed.settle()
        while cursor != "0":
            client.ask("SCAN", cursor, "COUNT", 100_000)
            client.file.readline(), client.file.readline()
            cursor = client.file.readline()[:-2].decode()
            found += client.names()
        self.assertLessEqual({name for name in there if name.startswith("flow.")}, set(found))

        # Many at once, each a bit at a time: none is in another's way, and a cursor that was never given is none.
        others = [Names(feed.port) for _ in range(8)]
        cursors, parts = ["0"] * len(others), [[] for _ in others]
        while any(cursor != "end" for cursor in cursors):
            for at, other in enumerate(others):
                if cursors[at] == "end":
                    continue
                other.ask("SCAN", cursors[at], "MATCH", f"ip.10.{at}.*", "COUNT", 2)
                other.file.readline(), other.file.readline()
                cursors[at] = other.file.readline()[:-2].decode()
                parts[at] += other.names()
                cursors[at] = "end" if cursors[at] == "0" else cursors[at]
        for at, other in enumerate(others):
            other.close()
            self.assertEqual(len(parts[at]), 8 if at < pairs else 0)
        client.ask("SCAN", 123 << 32)
        with self.assertRaisesRegex(RedisError, "invalid cursor"):
            client.names()
        status, _, stderr = feed.end()
        self.assertEqual(status, 0, stderr)


if __name__ == "__main__":
    unittest.main()
