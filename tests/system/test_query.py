"""microcloud query against a real redis-server, and against what plain redis-cli says of it."""
import collections
import json
import os
import signal
import subprocess
import unittest

import harness
from harness import CAPTURES, ProbeTest, run
from redis_node import Client, Node, free_port
from test_face import Feed, traffic


class QueryTest(ProbeTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Node()
        cls.addClassCleanup(cls.server.close)
        cls.url = f"redis://127.0.0.1:{cls.server.port}"
        for name in ("http", "dns", "icmp"):
            done = run("probe", "-r", os.path.join(CAPTURES, "real", name + ".pcap"), "--cloud", cls.url, "--probe-id", name)
            assert done.status == 0, done.stderr
        cls.client = Client(cls.server.port)
        cls.addClassCleanup(cls.client.close)

    def query(self, *words):
        return run("query", *words, "--cloud", self.url)

    def told(self, *words):
        """What it prints with --json, parsed."""
        done = self.query(*words, "--json", "--no-probes")
        self.assertEqual((done.status, done.stderr), (0, ""))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def hash(self, key):
        flat = self.client("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))


class InTheNode(QueryTest):
    """Of what is in the node alone."""

    def test_keys(self):
        wanted = sorted(self.client("KEYS", "ip.*"))
        self.assertGreater(len(wanted), 5)
        self.assertEqual([one["key"] for one in self.told("keys", "ip.*")], wanted)
        done = self.query("keys", "ip.*", "--no-probes")
        self.assertEqual(done.stdout.split(), wanted)

    def test_keys_of_a_type(self):
        found = [one["key"] for one in self.told("keys", "ip.*", "--type", "zset")]
        self.assertTrue(found)
        self.assertEqual({key.rsplit(".", 1)[1] for key in found}, {"peers", "ports", "protocols"})

    def test_hash(self):
        key = sorted(key for key in self.client("KEYS", "ip.10.77.0.*") if key.count(".") == 4)[0]
        one, = self.told("get", key)
        self.assertEqual((one["key"], one["type"], one["exact"]), (key, "hash", True))
        self.assertEqual({name: str(value) for name, value in one["fields"].items()}, self.hash(key))
        self.assertIsInstance(one["fields"]["bytesSent"], int)

    def test_sorted_set(self):
        key = sorted(self.client("KEYS", "ip.*.peers"))[0]
        flat = self.client("ZREVRANGE", key, 0, -1, "WITHSCORES")
        one, = self.told("get", key)
        self.assertEqual({name: str(value) for name, value in one["scores"].items()}, dict(zip(flat[::2], flat[1::2])))
        values = list(one["scores"].values())
        self.assertEqual(values, sorted(values, reverse=True))

    def test_other_types(self):
        self.client("SADD", "list.watched", "10.0.0.1", "10.0.0.2")
        self.addCleanup(self.client, "DEL", "list.watched")
        one, = self.told("get", "list.watched")
        self.assertEqual((one["type"], sorted(one["members"])), ("set", ["10.0.0.1", "10.0.0.2"]))
        one, = self.told("get", "meta.schema")
        self.assertEqual((one["type"], one["value"]), ("string", 1))

    def test_no_such_key(self):
        done = self.query("get", "ip.203.0.113.9", "--no-probes")
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertIn("there is no key ip.203.0.113.9", done.stderr)

    def test_top(self):
        for tree in ("ip", "port", "proto", "mac"):
            with self.subTest(tree=tree):
                told = self.told("top", tree, "-n", "4")
                bytes_of = lambda one: one["fields"].get("bytesSent", 0) + one["fields"].get("bytesRcvd", 0)
                wanted = []
                for key in self.client("KEYS", tree + ".*"):
                    if self.client("TYPE", key) == "hash":
                        fields = self.hash(key)
                        wanted.append(int(fields.get("bytesSent", 0)) + int(fields.get("bytesRcvd", 0)))
                self.assertEqual([bytes_of(one) for one in told], sorted(wanted, reverse=True)[:4])
        done = self.query("top", "ip", "--no-probes", "-n", "3")
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertRegex(lines[0], r"^key +sent B +received B +packets +flows +seen$")
        self.assertTrue(all(line.startswith("ip.") for line in lines[1:]))

    def test_loss(self):
        run("probe", "-r", os.path.join(CAPTURES, "real", "http.pcap"), "--cloud", self.url, "--probe-id", "fresh")
        told = [one for one in self.told("loss") if one["probe"] == "fresh"]
        stages = {one["stage"]: one for one in told}
        self.assertLessEqual({"ring", "decode", "table", "queue", "cloud"}, set(stages))
        for one in told:
            self.assertEqual(one["in"], one["out"] + one["held"] + sum(one["dropped"].values()), one)
        self.assertEqual(stages["decode"]["dropped"]["arp"], 2)
        self.assertRegex(self.query("loss").stdout, r"(?m)^fresh \(.*http\.pcap\), ended \d+ s ago$")

    def test_watch_ends_at_a_signal(self):
        process = subprocess.Popen([harness.PROGRAM, "query", "watch", "alert.*", "--cloud", self.url, "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        harness.wait_for(lambda: self.client("PUBLISH", "alert.test", "first"))
        self.client("PUBLISH", "event.test", "another channel")
        self.client("PUBLISH", "alert.test", 'with "quotes"')
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        self.assertEqual(first, {"channel": "alert.test", "message": "first"})
        self.assertEqual(second, {"channel": "alert.test", "message": 'with "quotes"'})
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(harness.TIMEOUT), 0)

    def test_top_again_and_again(self):
        process = subprocess.Popen([harness.PROGRAM, "query", "top", "ip", "--no-probes", "--watch", "--interval", "0.3", "-n", "1",
                                    "--cloud", self.url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        lines = [process.stdout.readline() for _ in range(6)]
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(harness.TIMEOUT), 0)
        self.assertNotIn("bit/s", lines[0])
        self.assertIn("bit/s", lines[2])
        self.assertEqual(lines[1].split()[:4], lines[3].split()[:4])


class WithProbes(ProbeTest):
    """What the node has and what is open in two probes, against the packets that they were fed."""

    def setUp(self):
        self.server = Node()
        self.addCleanup(self.server.close)
        self.url = f"redis://127.0.0.1:{self.server.port}"
        self.packets = traffic(400, 7)
        self.feeds = [Feed("--cloud", self.url, "-t", "1", probe=f"p{number}") for number in range(2)]
        harness.wait_for(lambda: len({one["probe"] for one in self.told("loss")}) == 2)

    def told(self, *words):
        done = run("query", *words, "--json", "--cloud", self.url)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertNotIn("missing", done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def fed(self, count):
        """{host: [bytes sent, bytes received]} of the first packets."""
        sums = collections.defaultdict(lambda: [0, 0])
        for _, _, source, destination, _, _, octets in self.packets[:count]:
            sums[source][0] += octets
            sums[destination][1] += octets
        return sums

    def test_node_and_probes_are_the_wire(self):
        exact = 0
        for count in (60, 150, 400):
            for number, feed in enumerate(self.feeds):
                # Every other packet: both probes see a part.
                feed.give(self.packets[feed.fed * 2 + number:count:2])
                feed.settle()
            wanted = self.fed(count)
            for host in sorted(wanted)[:4]:
                one, = self.told("get", f"ip.{host}")
                self.assertTrue(one["exact"])
                self.assertEqual([one["fields"].get("bytesSent", 0), one["fields"].get("bytesRcvd", 0)], wanted[host])
                exact += 1
            top = self.told("top", "ip", "-n", "5")
            self.assertEqual([one["fields"].get("bytesSent", 0) + one["fields"].get("bytesRcvd", 0) for one in top],
                             sorted((sum(both) for both in wanted.values()), reverse=True)[:5])
        self.assertEqual(exact, 12)
        client = self.server.client()
        node_alone = sum(int(client("HGET", f"ip.{host}", "bytesSent") or 0) for host in self.fed(400))
        client.close()
        self.assertLess(node_alone, sum(sent for sent, _ in self.fed(400).values()), "the probes had a part of it")
        flows = self.told("keys", "flow.*")
        self.assertTrue(flows)
        for feed in self.feeds:
            feed.end()

    def test_a_probe_by_itself(self):
        self.feeds[0].give(self.packets[:50])
        self.feeds[0].settle()
        done = run("query", "top", "ip", "--json", "--no-probes", "--cloud", f"redis://127.0.0.1:{self.feeds[0].port}")
        self.assertEqual((done.status, done.stderr), (0, ""))
        told = {one["key"][3:]: [one["fields"].get("bytesSent", 0), one["fields"].get("bytesRcvd", 0)]
                for one in map(json.loads, done.stdout.splitlines())}
        client = self.server.client()
        for host, wanted in self.fed(50).items():
            # Slices that ended have gone to the node.
            there = [int(client("HGET", f"ip.{host}", field) or 0) for field in ("bytesSent", "bytesRcvd")]
            self.assertEqual([own + gone for own, gone in zip(told.get(host, (0, 0)), there)], wanted, host)
        client.close()
        for feed in self.feeds:
            feed.end()

    def test_one_that_is_gone_is_named(self):
        self.feeds[0].probe.kill()
        self.feeds[0].probe.communicate()
        done = run("query", "keys", "*", "--cloud", self.url)
        self.assertEqual(done.status, 0)
        self.assertRegex(done.stderr, r"probe p0 at 127\.0\.0\.1:\d+: .*Connection refused: its open flows are missing")
        self.feeds[1].end()


class Realm(QueryTest):
    def test_keys_of_a_realm(self):
        done = run("probe", "-r", os.path.join(CAPTURES, "real", "http.pcap"), "--cloud", self.url, "--probe-id", "p", "--realm", "lab")
        self.assertEqual(done.status, 0)
        names = [one["key"] for one in self.told("keys", "port.*", "--realm", "lab")]
        self.assertTrue(names)
        self.assertTrue(all(name.startswith("lab/port.") for name in names))
        one, = self.told("get", "port.tcp.80", "--realm", "lab")
        self.assertEqual(str(one["fields"]["bytesSent"]), self.client("HGET", "lab/port.tcp.80", "bytesSent"))
        self.assertEqual(self.told("top", "port", "--realm", "lab", "-n", "1")[0]["key"], "lab/port.tcp.80")


class Wrong(ProbeTest):
    def test_nobody_there(self):
        self.assert_refused(run("query", "keys", "ip.*", "--cloud", f"redis://127.0.0.1:{free_port()}"), 1, "Connection refused")

    def test_usage(self):
        for words, named in ((("top", "hosts"), "accepted: ip, mac"), (("get",), "accepted: a key"), (("loss", "all"), "'all' has no use"),
                             (("guess", "x"), "keys"), ((), "question"), (("keys", "*", "--watch"), "--watch"),
                             (("get", "x", "--type", "hash"), "--type"), (("get", "x", "--cloud", "http://x"), "--cloud"),
                             (("get", "x", "--probes-secret-file", "f", "--no-probes"), "--probes-secret-file")):
            with self.subTest(words=words):
                self.assert_refused(run("query", *words), 2, named)

    def test_no_right(self):
        server = Node()
        self.addCleanup(server.close)
        client = Client(server.port)
        client("ACL", "SETUSER", "default", "-scan")
        client.close()
        self.assert_refused(run("query", "keys", "*", "--cloud", f"redis://127.0.0.1:{server.port}"), 1, "NOPERM")


if __name__ == "__main__":
    unittest.main()
