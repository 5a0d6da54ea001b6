"""Alerts of the probe in stream.alerts (--alerts), and that who reads them misses none."""
import json
import os
import re
import signal
import subprocess

import frames
import harness
from harness import CAPTURES, run, wait_for
from redis_cluster import Cluster
from redis_node import RedisError, free_port
from test_cloud import CloudTest, traffic
from test_live import Link, why_not

DNS = os.path.join(CAPTURES, "real", "dns.pcap")


def alerts(client, key="stream.alerts"):
    """Those in the stream, as dicts; what stands beside the JSON object says the same."""
    found = []
    for _, flat in client("XRANGE", key, "-", "+"):
        fields = dict(zip(flat[::2], flat[1::2]))
        alert = json.loads(fields["alert"])
        assert fields == {"id": alert["id"], "rule": alert["rule"], "probe": alert["probeId"], "time": str(alert["timeMilliseconds"]),
                          "alert": fields["alert"]}, flat
        found.append(alert)
    return found


class Alerts(CloudTest):
    def probe(self, url, *args, status=0):
        url = url if isinstance(url, str) else f"redis://127.0.0.1:{url.port}"
        done = run("probe", "-r", DNS, "--cloud", url, "--probe-id", "berlin", *args)
        self.assertEqual(done.status, status, done.stderr)
        return done

    def client(self, node):
        client = node.client()
        self.addCleanup(client.close)
        return client

    def check_losses(self, client, rule, stage):
        found = alerts(client)
        self.assertEqual({alert["rule"] for alert in found}, {rule})
        flat = client("HGETALL", "probe.berlin")
        beat = dict(zip(flat[::2], flat[1::2]))
        lost = sum(int(count) for name, count in beat.items() if name.startswith(stage + ".dropped."))
        self.assertGreater(lost, 0)
        self.assertEqual(sum(alert["count"] for alert in found), lost)
        self.assertEqual(found[-1]["total"], lost)
        self.assertEqual(len({alert["id"] for alert in found}), len(found))

    def test_updates_that_are_lost(self):
        node = self.node()
        client = self.client(node)
        client("SET", "ip.10.77.0.1", "mine")
        self.probe(node)
        self.check_losses(client, "cloud-lost", "cloud")

    def test_records_that_a_collector_did_not_get(self):
        node = self.node()
        client, hears = self.client(node), self.client(node)
        hears("SUBSCRIBE", "alert.export-lost")
        self.probe(node, "-n", f"tcp://127.0.0.1:{free_port()}", "--drain", "1", status=1)
        self.check_losses(client, "export-lost", "export")
        self.assertIn(json.loads(hears.read()[2]), alerts(client))

    def test_watched_hosts(self):
        node = self.node()
        client = self.client(node)
        client("SADD", "north/list.watched", "10.77.0.1", "fd77::/16", "nonsense")
        said = self.probe(node, "--realm", "north").stderr
        self.assertIn("nonsense", said)
        found = alerts(client, "north/stream.alerts")
        entries = {alert["host"]: alert["entry"] for alert in found}
        self.assertEqual(entries["10.77.0.1"], "10.77.0.1/32")
        self.assertTrue(all(host == "10.77.0.1" or host.startswith("fd77:") and entry == "fd77::/16" for host, entry in entries.items()), entries)
        ids = [alert["id"] for alert in found]
        self.assertEqual(len(set(ids)), len(ids), "one a host and minute")
        self.assertRegex(ids[0], r"^berlin/watched/[0-9a-f.:]+/\d+$")
        self.assertNotIn("10.77.0.1", said)

    def test_rules_that_are_not_chosen(self):
        node = self.node()
        client = self.client(node)
        client("SADD", "list.watched", "10.77.0.1")
        self.probe(node, "--alerts", "none")
        self.probe(node, "--alerts", "cloud-lost,export-lost")
        self.assertEqual(alerts(client), [])
        self.assert_refused(run("probe", "-r", "x", "--cloud", "redis://127.0.0.1:1", "--alerts", "watched,dance"), 2, "--alerts", "dance", "cloud-lost")

    def test_a_list_that_changes(self):
        node = self.node()
        client = self.client(node)
        process = self.start_fed(node.port)
        parts = traffic(3, 10_000)

        def feed():
            process.stdin.write(next(parts))
            process.stdin.flush()
        wait_for(lambda: feed() or client("KEYS", "probe.*"))
        self.assertEqual(alerts(client), [])
        client("SADD", "list.watched", "0.0.0.0/0")
        wait_for(lambda: feed() or alerts(client))
        process.stdin.close()
        self.end(process)
        self.assertEqual({alert["rule"] for alert in alerts(client)}, {"watched"})

    def test_a_server_that_does_not_take_them(self):
        node = self.node()
        client = self.client(node)
        client("SADD", "list.watched", "0.0.0.0/0")
        client("ACL", "SETUSER", "default", "-xadd")
        process = self.start_fed(node.port)
        parts = traffic(4, 10_000)

        def feed():
            process.stdin.write(next(parts))
            process.stdin.flush()

        def refused():
            feed()
            log = dict(zip(*[iter(client("ACL", "LOG")[0])] * 2)) if client("ACL", "LOG") else {}
            return log.get("object") == "xadd"
        wait_for(refused)
        client("ACL", "SETUSER", "default", "+xadd")
        wait_for(lambda: alerts(client))
        process.stdin.close()
        said = self.end(process)
        self.assertEqual(said.count("alerts are not taken"), 1, said)

    def test_a_server_that_never_takes_them(self):
        node = self.node()
        client = self.client(node)
        client("SADD", "list.watched", "0.0.0.0/0")
        client("ACL", "SETUSER", "default", "-xadd")
        done = self.probe(node, "--drain", "1", status=1)
        count = int(re.search(r"has not taken (\d+) alerts: .*xadd", done.stderr.splitlines()[-1])[1])
        self.assertGreater(count, 0)
        self.assertEqual(int(client("HGET", "probe.berlin", "cloudLost")), count)

    def test_a_cluster(self):
        cluster = Cluster(2)
        self.addCleanup(cluster.close)
        key = "stream.alerts"
        owner = next(node for node in cluster.nodes if self.owns(node, key))
        cluster.nodes[0 if self.owns(cluster.nodes[0], "list.watched") else 1]("SADD", "list.watched", "10.77.0.0/16")
        self.probe(cluster.url)
        self.assertIn("10.77.0.1", {alert["host"] for alert in alerts(self.client(owner))})

    def owns(self, node, key):
        try:
            node("READWRITE")
            node("EXISTS", key)
            return True
        except RedisError:
            return False


class Readers(CloudTest):
    """apps/follow-alerts"""

    def start(self, node, *args):
        words = [os.path.join(harness.TOP, "apps", "follow-alerts"), "--url", f"redis://127.0.0.1:{node.port}", *args]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def probe(self, node, name):
        done = run("probe", "-r", DNS, "--cloud", f"redis://127.0.0.1:{node.port}", "--probe-id", name)
        self.assertEqual(done.status, 0, done.stderr)

    def test_one_that_is_killed_misses_nothing(self):
        node = self.node()
        client = node.client()
        self.addCleanup(client.close)
        client("SADD", "list.watched", "0.0.0.0/0")
        self.probe(node, "one")
        first = self.start(node)
        heard = {json.loads(first.stdout.readline())["id"]}
        first.kill()
        heard |= {json.loads(line)["id"] for line in first.stdout}
        self.probe(node, "two")  # while nobody reads
        # One more reader that dies with what it had.
        client("XREADGROUP", "GROUP", "follow-alerts", "gone", "COUNT", "1", "STREAMS", "stream.alerts", ">")
        self.probe(node, "three")
        there = {alert["id"] for alert in alerts(client)}
        second = self.start(node, "--idle", "0.2")
        while heard != there:
            line = second.stdout.readline()
            self.assertTrue(line, "the reader ended")
            heard.add(json.loads(line)["id"])
        wait_for(lambda: client("XPENDING", "stream.alerts", "follow-alerts")[0] == 0)

    def test_one_that_comes_twice_is_told_once(self):
        node = self.node()
        client = node.client()
        self.addCleanup(client.close)
        for name in ("a", "a", "b"):
            client("XADD", "stream.alerts", "*", "id", name, "alert", name)
        process = self.start(node, "--count", "2")
        self.assertEqual(process.stdout.read(), "a\nb\n")


class Drops(CloudTest):
    def test_packets_that_are_dropped(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        os.chmod(self.folder, 0o755)  # the probe goes on as another user
        socket = os.path.join(self.folder, "node")
        node = self.node("--unixsocket", socket, "--unixsocketperm", "777")
        client = node.client()
        self.addCleanup(client.close)
        packets = [(0, frames.udp("10.0.0.1", 1 + number, "10.0.0.2", 9, bytes(1400))) for number in range(2000)]
        with Link() as link, harness.scratch_file(frames.pcap(packets)) as path:
            process = harness.start_probe("-i", link.RECEIVER, "--workers", "1", "--cloud", f"unix://{socket}", "--probe-id", "berlin", prefix=link.inside)
            try:
                link.wait_for_capture(process, 1)
                process.send_signal(signal.SIGSTOP)
                link.send(path, "--topspeed", "--loop", "100")
                process.send_signal(signal.SIGCONT)
                wait_for(lambda: alerts(client))
            finally:
                done = harness.end_probe(process)
        self.assertEqual(done.status, 0, done.stderr)
        found = alerts(client)
        self.assertEqual({alert["rule"] for alert in found}, {"capture-drops"})
        self.assertEqual(sum(alert["count"] for alert in found), int(client("HGET", "probe.berlin", "drops")))
