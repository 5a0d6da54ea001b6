"""apps/: the examples of what anyone can write against the keys, on a real node that a probe has updated."""
import csv
import io
import json
import os
import subprocess
import unittest

import harness
from harness import run
from test_node import Node

APPS = os.path.join(harness.TOP, "apps")


class Apps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node().ready()

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    def probe(self, name):
        done = run("probe", "-r", os.path.join(harness.CAPTURES, "real", name + ".pcap"), "--probe-id", name, "--cloud",
                   f"redis://probe@127.0.0.1:{self.node.port}", "--cloud-secret-file", os.path.join(self.node.folder, "secrets", "probe"))
        self.assertEqual(done.status, 0, done.stderr)

    def words(self, name, *args, user):
        url = [f"--url=redis://{user}@127.0.0.1:{self.node.port}"]
        if name == "watch-hosts":
            url = [f"--server=127.0.0.1:{self.node.port}", f"--user={user}"]
        return [os.path.join(APPS, name), *url, "--secret-file", os.path.join(self.node.folder, "secrets", user), *args]

    def app(self, name, *args, user="reader"):
        done = subprocess.run(self.words(name, *args, user=user), capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def octets(self, host):
        return sum(int(value) for value in self.node.cli("hmget", f"ip.{host}", "bytesSent", "bytesRcvd").split())

    def test_top_hosts(self):
        self.probe("http")
        lines = self.app("top-hosts", "-c", "1", "-n", "3").splitlines()
        self.assertRegex(lines[0], r"^\d\d:\d\d:\d\d  \d+ hosts, bytes in all$")
        shown = [line.split() for line in lines[1:]]
        self.assertEqual(len(shown), 3)
        for host, octets in shown:
            self.assertEqual(int(octets), self.octets(host))
        self.assertEqual(sorted((int(octets) for _, octets in shown), reverse=True), [int(octets) for _, octets in shown])

    def test_top_hosts_tells_what_is_new(self):
        process = subprocess.Popen(self.words("top-hosts", "-c", "2", "-i", str(3 * harness.slowness()), user="reader"), stdout=subprocess.PIPE, text=True)
        first = process.stdout.readline()
        self.probe("icmp")
        rest = process.stdout.read()
        self.assertEqual(process.wait(timeout=harness.TIMEOUT), 0)
        process.stdout.close()
        self.assertIn("bytes in all", first)
        self.assertRegex(rest.split("bytes a second")[1], r"^\n  \S+ +\d+\n")

    def test_series(self):
        self.probe("dns")
        host = "10.77.0.1"
        process = subprocess.Popen(self.words("series", f"ip.{host}", "dns.queries", "-c", "2", "-i", str(3 * harness.slowness()), user="reader"),
                                   stdout=subprocess.PIPE, text=True)
        head = process.stdout.readline() + process.stdout.readline()
        self.probe("dns")
        rows = list(csv.DictReader(io.StringIO(head + process.stdout.read())))
        self.assertEqual(process.wait(timeout=harness.TIMEOUT), 0)
        process.stdout.close()
        values = [int(row["value"]) for row in rows]
        self.assertEqual(rows[0]["growth"], "")
        self.assertGreater(values[0], 0)
        self.assertEqual(int(rows[1]["growth"]), values[1] - values[0])
        self.assertEqual(values[1], int(self.node.cli("hget", f"ip.{host}", "dns.queries")))
        self.assertGreater(values[1], values[0])
        self.assertGreaterEqual(int(rows[1]["time"]) - int(rows[0]["time"]), 2500)

    def test_series_of_what_is_not_there(self):
        self.assertRegex(self.app("series", "ip.192.0.2.99", "bytesSent", "-c", "1"), r"^time,value,growth\n\d+,,\n$")

    def test_watched_host(self):
        self.node.cli("del", "list.watched", "stream.alerts")
        self.probe("tls")
        host = next(name[3:] for name in self.node.cli("keys", "ip.*").split() if name.startswith("ip.") and not name.startswith("ip.ff")
                    and not name.endswith(("peers", "ports", "protocols")))
        self.node.cli("sadd", "list.watched", host, "192.0.2.99", user="app")
        said = self.app("watch-hosts", "--count", "2", "--interval", "0.2", user="app").splitlines()
        self.assertEqual(len(said), 1)
        alert = json.loads(said[0])
        self.assertEqual((alert["rule"], alert["host"]), ("watched", host))
        self.assertEqual(str(alert["lastSeen"]), self.node.cli("hget", f"ip.{host}", "lastSeen"))
        self.assertEqual(self.node.cli("xlen", "stream.alerts"), "1")
        self.assertIn(said[0], self.node.cli("xrange", "stream.alerts", "-", "+").replace("\\", ""))

    def test_each_is_short(self):
        for name in os.listdir(APPS):
            path = os.path.join(APPS, name)
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as file:
                    self.assertLessEqual(len(file.readlines()), 60, name)

    def test_a_node_that_is_not_there(self):
        for words in ((os.path.join(APPS, "top-hosts"), "--url", "redis://127.0.0.1:1"), (os.path.join(APPS, "watch-hosts"), "--server", "127.0.0.1:1")):
            done = subprocess.run(words, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
