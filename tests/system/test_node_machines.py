"""microcloud node on several machines, here each a directory and a port of this one: servers of a cluster that redis-cli joins, and a master and
its replica behind Sentinel as deploy/redis has it; what probes write through them, and machines that go and come back."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import harness
from harness import CAPTURES, run, wait_for
from redis_sentinel import Sentinels
from test_cloud_tls import Certificates
from test_node import READY, NodeTest

PATIENCE = 120  # seconds
CAPTURE = [os.path.join(CAPTURES, "real", name) for name in ("http.pcap", "dns.pcap")]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Machines(NodeTest):
    """`tls`: a folder with certificates."""

    def setUp(self):
        self.octets = 0  # of all that probes have written

    def options(self, tls):
        if not tls:
            return []
        return ["--tls-cert", f"{tls}/server.pem", "--tls-key", f"{tls}/server.key", "--tls-ca", f"{tls}/ca.pem"]

    def cli_options(self, tls):
        return ["--tls", "--cacert", f"{tls}/ca.pem", "--cert", f"{tls}/server.pem", "--key", f"{tls}/server.key"] if tls else []

    def machine(self, *args, like=None):
        """A node that is started on a machine to which the secrets of another one were copied."""
        folder = tempfile.mkdtemp(prefix="microcloud-node-")
        if like:
            shutil.copytree(os.path.join(like.folder, "secrets"), os.path.join(folder, "secrets"))
        node = self.node(*args, directory=folder)
        node.words = args
        return node

    def again(self, node):
        """The machine is switched on again. The node says READY once more than before."""
        times = node.said().count("the node is ready")
        other = self.node(*node.words, directory=node.folder, port=node.port)
        other.words = node.words
        return other.wait_until_said(READY.pattern, times=times + 1)

    def power_off(self, node):
        servers = node.server_pids()
        for pid in (node.process.pid, *servers):
            os.kill(pid, signal.SIGKILL)
        node.process.wait()
        wait_for(lambda: not any(is_running(pid) for pid in servers))

    def access(self, node, url, user, tls):
        return ["--cloud", url.replace("://", f"://{user}@"), "--cloud-secret-file", os.path.join(node.folder, "secrets", user),
                *(["--cloud-ca", f"{tls}/ca.pem"] if tls else [])]

    def write(self, node, url, capture, tls=None):
        """A probe writes what is in a capture, with the secret of one machine."""
        with harness.scratch_file(b"", ".json") as path:
            done = run("probe", "-r", capture, "--json", path, "--probe-id", os.path.basename(capture).split(".")[0], *self.access(node, url, "probe", tls))
            self.assertEqual(done.status, 0, done.stderr)
            with open(path, encoding="utf-8") as file:
                records = [json.loads(line) for line in file]
        octets = sum(one["octetDeltaCount"] + one.get("reverseOctetDeltaCount", 0) for one in records if one["record"] == "flow")
        self.assertGreater(octets, 1_000)
        self.octets += octets

    def check(self, node, url, tls=None):
        """All that was written is there, once, as microcloud query tells it."""
        done = run("query", "top", "proto", "-n", "1000", "--json", "--no-probes", *self.access(node, url, "reader", tls))
        self.assertEqual(done.status, 0, done.stderr)
        fields = [json.loads(line)["fields"] for line in done.stdout.splitlines()]
        self.assertEqual(sum(one["bytesSent"] + one.get("bytesRcvd", 0) for one in fields), self.octets)


class Joined(Machines):
    def members(self, count, tls=None):
        first = self.machine("--cluster-member", *self.options(tls)).ready()
        return [first] + [self.machine("--cluster-member", *self.options(tls), like=first).ready() for _ in range(count - 1)]

    def join(self, nodes, replicas, tls=None):
        """As docs/node.md says, on the first machine."""
        words = ["redis-cli", "--user", "admin", "--no-auth-warning", *self.cli_options(tls), "--cluster", "create",
                 *(f"127.0.0.1:{node.port}" for node in nodes), "--cluster-replicas", str(replicas), "--cluster-yes"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False,
                              env=dict(os.environ, REDISCLI_AUTH=nodes[0].secret("admin")))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("All 16384 slots covered", done.stdout)

    def url(self, nodes, tls=None):
        return ("rediss" if tls else "redis") + "+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes[:2])

    def replica_of(self, master, nodes):
        """The one that says so, and has all."""
        for node in nodes:
            if node is not master and f"master_port:{master.port}" in node.cli("info", "replication"):
                return node
        return None


class ClusterOnMachines(Joined):
    def test_six_servers_of_which_a_machine_goes_and_comes_back(self):
        nodes = self.members(6)
        for node in nodes:
            self.assertIn("redis+cluster://127.0.0.1:", node.said())
            node.wait_until_said("in no cluster yet")
        self.assertIn("CLUSTERDOWN", nodes[0].cli("set", "ip.192.0.2.1", "1"))
        self.join(nodes, 1)
        url = self.url(nodes[::-1])
        wait_for(lambda: all("cluster_state:ok" in node.cli("cluster", "info") for node in nodes), PATIENCE)
        wait_for(lambda: sum("master_link_status:up" in node.cli("info", "replication") for node in nodes) == 3, PATIENCE)
        self.write(nodes[3], url, CAPTURE[0])
        self.check(nodes[4], url)
        gone = nodes[0]
        heir = self.replica_of(gone, nodes)
        self.power_off(gone)
        wait_for(lambda: "role:master" in heir.cli("info", "replication"), PATIENCE)
        wait_for(lambda: "cluster_state:ok" in heir.cli("cluster", "info"), PATIENCE)
        self.write(nodes[3], url, CAPTURE[1])
        self.check(nodes[4], url)
        back = self.again(gone)
        wait_for(lambda: f"master_port:{heir.port}" in back.cli("info", "replication"), PATIENCE)
        wait_for(lambda: "master_link_status:up" in back.cli("info", "replication"), PATIENCE)
        self.assertEqual(len([line for line in back.said().splitlines() if "in no cluster yet" in line]), 1, "only before it was joined")
        self.assertEqual(back.cli("dbsize"), heir.cli("dbsize"))
        self.check(back, url)

    def test_what_does_not_go_together(self):
        for args, words in ((("--cluster-member", "--cluster", "3"), ("--cluster-member", "--cluster")),
                            (("--cluster-member", "--replicas", "1"), ("--replicas", "--cluster")),
                            (("--cluster-member", "--replica-of", "a:1"), ("--replica-of",)),
                            (("--cluster-member", "--bind", "0.0.0.0"), ("--bind", "--announce")),
                            (("--cluster-member", "--announce", "host"), ("--announce", "host")),
                            (("--cluster-member", "--port", "60000"), ("--port", "70000"))):
            done = run("node", *args)
            self.assertEqual(done.status, 2, done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)
        done = run("node", "--cluster-member", "--bind", "0.0.0.0", "--announce", "192.0.2.5", "--print-redis-config")
        self.assertEqual(done.status, 0, done.stderr)
        for line in ("cluster-enabled yes", "cluster-announce-ip 192.0.2.5", "bind 0.0.0.0"):
            self.assertIn(line, done.stdout.splitlines())


class ClusterOverTls(Certificates, Joined):
    def test_three_servers(self):
        nodes = self.members(3, self.folder)
        self.assertIn("rediss+cluster://127.0.0.1:", nodes[0].said())
        self.join(nodes, 0, self.folder)
        url = self.url(nodes, self.folder)
        self.write(nodes[1], url, CAPTURE[0], self.folder)
        self.check(nodes[2], url, self.folder)
        again = [self.again(node) for node in nodes if self.power_off(node) is None]
        wait_for(lambda: all("cluster_state:ok" in node.cli("cluster", "info", options=self.cli_options(self.folder)) for node in again), PATIENCE)
        self.write(nodes[1], url, CAPTURE[1], self.folder)
        self.check(nodes[2], url, self.folder)


class SentinelOnMachines(Machines):
    configuration = "sentinel.conf"

    def survive(self, tls=None):
        options = self.options(tls)
        first = self.machine(*options).ready()
        second = self.machine("--replica-of", f"127.0.0.1:{first.port}", *options, like=first).ready()
        sentinels = Sentinels(first.port, shipped=self.configuration, secret=first.secret("sentinel"), tls=tls)
        self.addCleanup(sentinels.close)
        try:
            self.each_goes_and_comes_back(first, second, sentinels, tls)
        except AssertionError as why:
            raise AssertionError(f"{why}\n{sentinels.said()[-10_000:]}\n{first.said()[-3_000:]}\n{second.said()[-3_000:]}") from why

    def each_goes_and_comes_back(self, first, second, sentinels, tls):
        url = sentinels.url
        ask = lambda node, *words: node.cli(*words, options=self.cli_options(tls))
        wait_for(lambda: "master_link_status:up" in ask(second, "info", "replication"), PATIENCE)
        self.write(first, url, CAPTURE[0], tls)
        self.check(second, url, tls)

        self.power_off(first)
        sentinels.wait_for_master(second)
        wait_for(lambda: "role:master" in ask(second, "info", "replication"), PATIENCE)
        self.write(second, url, CAPTURE[1], tls)
        self.check(second, url, tls)

        # The one that took over is switched off and on: it is not the replica of a dead machine.
        self.assertEqual(second.end()[0], 0, second.said())
        second = self.again(second)
        self.assertIn(f"server {second.port} is a master, as Redis Sentinel has decided", second.said())
        self.assertIn("role:master", ask(second, "info", "replication"))
        self.check(second, url, tls)

        # The first one comes back as what it was; Sentinel makes it a replica, which it is from then on.
        sentinels.wait_until_calm()
        first = self.again(first)
        followed = f"127.0.0.1 {second.port}"
        wait_for(lambda: f"master_port:{second.port}" in ask(first, "info", "replication"), PATIENCE)
        wait_for(lambda: "master_link_status:up" in ask(first, "info", "replication"), PATIENCE)
        self.assertEqual(ask(first, "dbsize"), ask(second, "dbsize"))
        self.assertEqual(first.end()[0], 0, first.said())
        first = self.again(first)
        self.assertIn(f"server {first.port} follows {followed}, as Redis Sentinel has decided", first.said())
        self.assertIn("role:slave", ask(first, "info", "replication"))
        self.check(second, url, tls)
        for node in (first, second):
            self.assertNotRegex(node.said(), "NOPERM|WRONGPASS|NOAUTH")
        self.assertNotRegex(sentinels.said(), "NOPERM|WRONGPASS|NOAUTH")

    def test_each_machine_goes_and_comes_back(self):
        self.survive()


class SentinelOverTls(Certificates, SentinelOnMachines):
    configuration = "sentinel-tls.conf"

    def test_each_machine_goes_and_comes_back(self):
        self.survive(self.folder)


if __name__ == "__main__":
    unittest.main()
