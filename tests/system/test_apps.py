"""apps/: the examples of what anyone can write against the keys, on a real node that a probe has updated."""
import csv
import io
import json
import os
import re
import subprocess
import unittest

import harness
from harness import run
from redis_node import Client
from test_alerts import alerts
from test_node import Node

APPS = os.path.join(harness.TOP, "apps")


class AppTest(unittest.TestCase):
    """A node of one server, or of more: OPTIONS."""

    OPTIONS = ()
    SERVERS = 1
    SCHEME = "redis"

    @classmethod
    def setUpClass(cls):
        cls.node = Node(*cls.OPTIONS, servers=cls.SERVERS).ready()

    @classmethod
    def tearDownClass(cls):
        cls.node.remove()

    def probe(self, name, *args):
        done = run("probe", "-r", os.path.join(harness.CAPTURES, "real", name + ".pcap"), "--probe-id", name, "--cloud",
                   f"{self.SCHEME}://probe@127.0.0.1:{self.node.port}", "--cloud-secret-file", os.path.join(self.node.folder, "secrets", "probe"), *args)
        self.assertEqual(done.status, 0, done.stderr)

    def words(self, name, *args, user, server=0):
        port = self.node.port + server
        url = [f"--url=redis://{user}@127.0.0.1:{port}"]
        if name == "watch-hosts":
            url = [f"--server=127.0.0.1:{port}", f"--user={user}"]
        return [os.path.join(APPS, name), *url, "--secret-file", os.path.join(self.node.folder, "secrets", user), *args]

    def app(self, name, *args, user="reader", server=0):
        done = subprocess.run(self.words(name, *args, user=user, server=server), capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def octets(self, host, realm=""):
        return sum(int(value) for value in self.node.cli("hmget", f"{realm}ip.{host}", "bytesSent", "bytesRcvd", options=("-c",)).split())

    def shown(self, *args, server=0):
        """{host: octets} of one look of top-hosts at all hosts."""
        lines = self.app("top-hosts", "-c", "1", "-n", "1000", *args, server=server).splitlines()[1:]
        return {host: int(octets) for host, octets in (line.split() for line in lines)}


class Apps(AppTest):
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

    def test_a_realm_is_one_of_its_own(self):
        self.probe("pop3", "--realm", "lab")
        hosts = {name[len("lab/ip."):] for name in self.node.cli("keys", "lab/ip.*").split() if not name.endswith(("peers", "ports", "protocols"))}
        shown = self.shown("--realm", "lab")
        self.assertEqual(set(shown), hosts)
        self.assertEqual(shown, {host: self.octets(host, "lab/") for host in hosts})
        host = min(hosts)
        row = self.app("series", f"ip.{host}", "bytesSent", "-c", "1", "--realm", "lab").splitlines()[1]
        self.assertEqual(row.split(",")[1], self.node.cli("hget", f"lab/ip.{host}", "bytesSent"))
        self.node.cli("sadd", "lab/list.hosts", host, user="app")
        said = self.app("watch-hosts", "--count", "1", "--realm", "lab", user="app")
        self.assertEqual(json.loads(said)["host"], host)
        self.assertEqual(self.node.cli("xlen", "lab/stream.alerts"), "1")
        self.assertEqual(self.app("follow-alerts", "-c", "1", "--realm", "lab", user="app"), said)

    def test_entries_of_others_are_told_and_acknowledged(self):
        self.node.cli("del", "stream.alerts")
        for words in (("rule", "mine", "text", "hello"), ("alert", '{"rule":"x"}'), ("id", "a", "alert", "one"), ("id", "a", "alert", "one"), ("id", "b", "alert", "")):
            self.node.cli("xadd", "stream.alerts", "*", *words, user="app")
        said = self.app("follow-alerts", "-c", "4", user="app").splitlines()
        self.assertEqual(said, ['{"rule": "mine", "text": "hello"}', '{"rule":"x"}', "one", '{"id": "b", "alert": ""}'])
        self.assertEqual(self.node.cli("xpending", "stream.alerts", "follow-alerts").split()[0], "0")

    def test_watched_host(self):
        self.node.cli("del", "list.hosts", "stream.alerts")
        self.probe("tls")
        host = next(name[3:] for name in self.node.cli("keys", "ip.*").split() if name.startswith("ip.") and not name.startswith("ip.ff")
                    and not name.endswith(("peers", "ports", "protocols")))
        self.node.cli("sadd", "list.hosts", host, "192.0.2.99", user="app")
        said = self.app("watch-hosts", "--count", "2", "--interval", "0.2", user="app").splitlines()
        self.assertEqual(len(said), 1)
        alert = json.loads(said[0])
        seen = self.node.cli("hget", f"ip.{host}", "lastSeen")
        self.assertEqual(alert, {"rule": "hosts", "id": f"watch-hosts/hosts/{host}/{seen}", "probeId": "watch-hosts", "timeMilliseconds": int(seen), "host": host,
                                 "bytesSent": int(self.node.cli("hget", f"ip.{host}", "bytesSent"))})
        client = Client(self.node.port)
        self.addCleanup(client.close)
        client("AUTH", "admin", self.node.secret("admin"))
        self.assertEqual(alerts(client), [alert])  # with the same fields beside it as a probe's
        # Who saw the same, as after a restart, writes it again: it is told once.
        self.assertEqual(self.app("watch-hosts", "--count", "1", user="app").splitlines(), said)
        self.node.cli("xadd", "stream.alerts", "*", "id", "end", "alert", "end", user="app")
        self.assertEqual(self.node.cli("xlen", "stream.alerts"), "3")
        self.assertEqual(self.app("follow-alerts", "--group", "watched", "-c", "2", user="app").splitlines(), [said[0], "end"])

    def test_each_is_short(self):
        for name in os.listdir(APPS):
            path = os.path.join(APPS, name)
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as file:
                    self.assertLessEqual(len(file.readlines()), 60, name)

    def test_what_is_no_address_of_a_server(self):
        for url in ("foo", "redis://h:x", "redis://h:70000", "http://h:1"):
            for name in ("top-hosts", "follow-alerts", "series"):
                self.check_refused([name, "--url", url, *(["a", "b"] if name == "series" else [])], 2, f"--url {url}")
        for server in ("foo", "redis://h:1", "h:x"):
            self.check_refused(["watch-hosts", "--server", server], 2, server)

    def test_what_fails_is_told_in_one_line(self):
        for name, option in (("top-hosts", "--url"), ("follow-alerts", "--url"), ("watch-hosts", "--server")):
            place = f"redis://127.0.0.1:{self.node.port}" if option == "--url" else f"127.0.0.1:{self.node.port}"
            self.check_refused([name, "--secret-file", "/none"], 1, "/none")
            self.check_refused([name, option, place], 1, "Authentication required")

    def check_refused(self, words, status, text):
        environment = {name: value for name, value in os.environ.items() if name != "MICROCLOUD_CLOUD_SECRET"}
        done = subprocess.run([os.path.join(APPS, words[0]), *words[1:]], capture_output=True, text=True, timeout=harness.TIMEOUT, check=False, env=environment)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertRegex(done.stderr, rf"\A{words[0]}: [^\n]*{re.escape(text)}[^\n]*\n\Z")

    def test_a_node_that_is_not_there(self):
        for words in ((os.path.join(APPS, "top-hosts"), "--url", "redis://127.0.0.1:1"), (os.path.join(APPS, "watch-hosts"), "--server", "127.0.0.1:1")):
            done = subprocess.run(words, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)


class InACluster(AppTest):
    """Named one server of it, whichever, they show the whole."""

    OPTIONS = ("--cluster", "3")
    SERVERS = 3
    SCHEME = "redis+cluster"

    def test_all_hosts_and_alerts_of_all_servers(self):
        self.probe("http")
        self.probe("dns")
        shares = [{name[len("ip."):] for name in self.node.cli("keys", "ip.*", port=self.node.port + server).split() if not name.endswith(("peers", "ports", "protocols"))}
                  for server in range(3)]
        hosts = set().union(*shares)
        self.assertTrue(all(share != hosts for share in shares), "one master has all")
        expected = {host: self.octets(host) for host in hosts}
        for server in range(3):
            self.assertEqual(self.shown(server=server), expected)
            row = self.app("series", "ip.10.77.0.1", "bytesSent", "-c", "1", server=server).splitlines()[1]
            self.assertEqual(row.split(",")[1], self.node.cli("hget", "ip.10.77.0.1", "bytesSent", options=("-c",)))
            self.node.cli("xadd", "stream.alerts", "*", "id", f"of {server}", "alert", f"said {server}", user="app", options=("-c",))
            self.assertEqual(self.app("follow-alerts", "-c", "1", user="app", server=server), f"said {server}\n")
            done = subprocess.run(self.words("watch-hosts", "--count", "1", user="app", server=server), capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"\Awatch-hosts: 127\.0\.0\.1:{self.node.port + server} is one of a Redis Cluster, [^\n]*list\.watched[^\n]*\n\Z")
