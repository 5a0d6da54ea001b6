"""The MicroCloud on a real redis-server: every counter against the records of the same run, whatever breaks on the way."""
import collections
import itertools
import json
import os
import random
import re
import subprocess
import tempfile
import threading
import time

import frames
import harness
from harness import CAPTURES, ProbeTest, end_probe, run, start_probe, wait_for
from redis_node import Node, Relay, free_port

TRANSPORTS = {6: "tcp", 17: "udp"}
TIMES = ("firstSeen", "lastSeen")
LEARNT = ("mac", "ip", "vlan")
OURS = re.compile(r"(ip|mac|vlan|proto|port)\.")


def capture(name):
    return os.path.join(CAPTURES, *name.split("/"))


class Truth:
    """What the cloud must hold, reckoned from records in JSON."""

    def __init__(self, records):
        self.sums = collections.defaultdict(lambda: collections.Counter())
        self.times = {}
        self.talks = collections.defaultdict(list)
        for record in records:
            if record["record"] == "flow":
                self._flow(record)
            elif record["record"] == "dns":
                self._dns(record)

    def _flow(self, flow):
        (source, _), (destination, port) = harness.ends(flow)
        packets, octets, back_packets, back_octets = harness.counters(flow)
        client = {"bytesSent": octets, "bytesRcvd": back_octets, "packetsSent": packets, "packetsRcvd": back_packets}
        server = {"bytesSent": back_octets, "bytesRcvd": octets, "packetsSent": back_packets, "packetsRcvd": packets}
        if flow["flowSlice"] == 1:
            client["flowsClient"] = server["flowsServer"] = 1
        name = flow.get("applicationName", "Unknown")
        self._add(f"proto.{name}", client, flow)
        if "vlanId" in flow:
            self._add(f"vlan.{flow['vlanId']}", client, flow)
        transport = TRANSPORTS.get(flow["protocolIdentifier"])
        if transport:
            self._add(f"port.{transport}.{port}", server, flow)
        for side, mac in ((client, "sourceMacAddress"), (server, "destinationMacAddress")):
            if mac in flow:
                self._add(f"mac.{flow[mac]}", side, flow)
        for side, host, peer in ((client, source, destination), (server, destination, source)):
            self._add(f"ip.{host}", side, flow)
            if "vlanId" in flow:
                self._add(f"ip.{host}", {f"{flow['vlanId']}.{field}": value for field, value in side.items()}, flow)
            service = f"{transport}.{port}" if transport else None
            self.talks[host].append((peer, service, name, octets + back_octets, flow["flowId"]))

    def _dns(self, record):
        (client, _), _ = harness.ends(record)
        sums = self.sums[f"ip.{client}"]
        sums["dns.queries"] += record.get("dnsQueries", 0) > 0
        sums["dns.nxdomain"] += record.get("dnsResponseCode") == 3
        sums["dns.servfail"] += record.get("dnsResponseCode") == 2

    def _add(self, key, side, flow):
        self.sums[key].update(side)
        first, last = self.times.get(key, (1 << 62, 0))
        self.times[key] = (min(first, flow["flowStartMilliseconds"]), max(last, flow["flowEndMilliseconds"]))

    def counters(self):
        kept = {key: {field: value for field, value in sums.items() if value} for key, sums in self.sums.items()}
        return {key: sums for key, sums in kept.items() if sums}

    def sets(self):
        """Of hosts with two flows or more."""
        found = {}
        for host, talks in self.talks.items():
            if len({flow for *_, flow in talks}) < 2:
                continue
            for at, name in ((0, "peers"), (1, "ports"), (2, "protocols")):
                members = collections.Counter()
                for talk in talks:
                    if talk[at] is not None and talk[3]:
                        members[talk[at]] += talk[3]
                if members:
                    found[f"ip.{host}.{name}"] = dict(members)
        return found


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def traffic(seed, chunks, flows_a_chunk=20, hosts=40):
    """Parts of a capture: flows that end one after the other, so that updates go on for as long as parts are written."""
    chance = random.Random(seed)
    for chunk in range(chunks):
        packets = []
        for at in range(flows_a_chunk):
            client = (f"10.{seed % 200}.0.{chance.randrange(hosts)}", chance.randrange(1024, 65536))
            server = (f"192.0.2.{chance.randrange(20)}", chance.choice((53, 123, 443, 5000)))
            when = chunk * 8 + at * 0.1
            packets.append((when, frames.udp(*client, *server, b"x" * chance.randrange(400))))
            if chance.random() < 0.7:
                packets.append((when + 0.05, frames.udp(*server, *client, b"y" * chance.randrange(900))))
        yield frames.pcap(packets)[0 if chunk == 0 else 24:]


class CloudTest(ProbeTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def node(self, *options):
        node = Node(*options)
        self.addCleanup(node.close)
        return node

    def json_path(self, name="records"):
        return os.path.join(self.folder, name + ".json")

    def feed(self, process, seed, chunks, pause=0.01):
        """Writes a capture to the probe's standard input, slowly, once it runs."""
        for at, part in enumerate(traffic(seed, chunks)):
            process.stdin.write(part)
            process.stdin.flush()
            if at == 0:
                harness.wait_until_running(process)
            time.sleep(pause)
        process.stdin.close()

    def start_fed(self, port, *args, name="records"):
        url = f"redis://127.0.0.1:{port}" if isinstance(port, int) else port
        process = subprocess.Popen(
            harness.command(["probe", "-r", "-", "-d", "5", "--json", self.json_path(name), "--cloud",
                             url, "--cloud-flush", "3", "--probe-id", name, *args]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        return process

    def end(self, process, status=0):
        said = process.stderr.read().decode()
        self.assertEqual(process.wait(harness.TIMEOUT), status, said)
        if status == 0:
            harness.check_ladder(process.args)
        return said

    def check(self, node, records, sets=True):
        """Every counter of every key."""
        truth = Truth(records)
        hashes, found_sets, lives = node.contents()
        found = {key: {field: int(value) for field, value in fields.items() if field not in TIMES + LEARNT}
                 for key, fields in hashes.items() if OURS.match(key)}
        self.assertEqual({key: fields for key, fields in found.items() if fields}, truth.counters())
        for key, (first, last) in truth.times.items():
            self.assertEqual((hashes[key]["firstSeen"], hashes[key]["lastSeen"]), (str(first), str(last)), key)
        if sets:
            self.assertEqual(found_sets, truth.sets())
        for key, seconds in lives.items():
            if OURS.match(key):
                self.assertGreater(seconds, 0, f"{key} lives for ever")
        return hashes


@harness.pipeline
class Plain(CloudTest):
    def test_captures(self):
        for name in ("real/http.pcap", "real/dns.pcap", "made/qinq.pcap", "made/long_flow.pcap", "real/icmp.pcap"):
            with self.subTest(capture=name):
                node = self.node()
                done = run("probe", "-r", capture(name), "--json", self.json_path(), "--cloud", f"redis://127.0.0.1:{node.port}",
                           "--probe-id", "berlin")
                self.assertEqual(done.status, 0, done.stderr)
                hashes = self.check(node, lines(self.json_path()))
                beat = hashes["probe.berlin"]
                self.assertEqual(beat["cloudLost"], "0")
                self.assertEqual(beat["keysRefused"], "0")
                self.assertGreater(int(beat["batch"]), 0)
                self.assert_ladder(beat, len(lines(self.json_path())))
                client = node.client()
                self.assertEqual(client("GET", "meta.schema"), "1")
                client.close()
                node.close()

    def assert_ladder(self, beat, records):
        """At the end of a run nothing is held, and what came in left or was dropped by name."""
        dropped = collections.Counter()
        for field, value in beat.items():
            stage, _, reason = field.partition(".dropped.")
            dropped[stage] += int(value) if reason else 0
        stages = [field[:-3] for field in beat if field.endswith(".in")]
        self.assertEqual(sorted(stages), ["cloud", "decode", "parser", "queue", "ring", "store", "table"])
        for stage in stages:
            came, left = int(beat[stage + ".in"]), int(beat[stage + ".out"])
            self.assertEqual((came, beat[stage + ".held"]), (left + dropped[stage], "0"), stage)
        self.assertEqual((beat["ring.in"], beat["store.out"]), (beat["packets"], str(records)))
        self.assertGreater(int(beat["cloud.in"]), 0)

    def test_an_earlier_life_tells_nothing(self):
        node = self.node()
        client = node.client()
        client("HSET", "probe.berlin", "export.in", 7)
        client.close()
        done = run("probe", "-r", capture("real/dns.pcap"), "--cloud", f"redis://127.0.0.1:{node.port}", "--probe-id", "berlin")
        self.assertEqual(done.status, 0, done.stderr)
        self.assertNotIn("export.in", node.contents()[0]["probe.berlin"])

    def test_two_probes_at_once(self):
        node = self.node()
        probes = [self.start_fed(node.port, name=name) for name in ("one", "two")]
        feeds = [threading.Thread(target=self.feed, args=(probe, seed, 150)) for seed, probe in enumerate(probes, 1)]
        for feed in feeds:
            feed.start()
        for feed in feeds:
            feed.join()
        for probe in probes:
            self.end(probe)
        self.check_both(node)

    def check_both(self, node):
        """Servers are the same for both: their firstSeen is that of the probe that told them first."""
        records = [record for name in ("one", "two") for record in lines(self.json_path(name))]
        truth = Truth(records)
        hashes, _, _ = node.contents()
        found = {key: {field: int(value) for field, value in fields.items() if field not in TIMES + LEARNT}
                 for key, fields in hashes.items() if OURS.match(key)}
        self.assertEqual(found, truth.counters())

    def test_realm(self):
        node = self.node()
        done = run("probe", "-r", capture("real/icmp.pcap"), "--json", self.json_path(), "--cloud", f"redis://127.0.0.1:{node.port}",
                   "--realm", "north", "--probe-id", "berlin")
        self.assertEqual(done.status, 0, done.stderr)
        hashes, _, _ = node.contents()
        self.assertIn("north/probe.berlin", hashes)
        self.assertTrue(all(key.startswith("north/") for key in hashes), hashes.keys())

    def test_hosts_answered(self):
        node = self.node()
        process = self.start_fed(node.port, "--hosts", "answered")
        self.feed(process, 3, 60, pause=0)
        self.end(process)
        hashes, _, _ = node.contents()
        flows = [record for record in lines(self.json_path()) if record["record"] == "flow"]
        octets = sum(flow["octetDeltaCount"] + flow.get("reverseOctetDeltaCount", 0) for flow in flows)
        own = [int(fields.get("bytesSent", 0)) for key, fields in hashes.items() if key.startswith("ip.")]
        self.assertEqual(sum(own), octets)
        self.assertGreater(int(hashes["ip.other4"]["bytesSent"]), 0)

    def test_forged_sources_do_not_fill_the_node(self):
        node = self.node()
        chance = random.Random(5)
        packets = [(at / 10_000, frames.udp(f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}."
                                            f"{chance.randrange(256)}", 1000, "192.0.2.1", 53, b"?"))
                   for at in range(30_000)]  # 10,000 a second
        with harness.scratch_file(frames.pcap(packets)) as path:
            done = run("probe", "-r", path, "--json", self.json_path(), "--cloud", f"redis://127.0.0.1:{node.port}",
                       "--max-new-keys", "100", "--no-dpi", "--probe-id", "berlin")
        self.assertEqual(done.status, 0, done.stderr)
        hashes, _, _ = node.contents()
        keys = [key for key in hashes if key.startswith("ip.")]
        self.assertLess(len(keys), 100 * 5 + 100 * 40)
        truth = Truth(lines(self.json_path())).counters()
        for field in ("bytesSent", "bytesRcvd", "packetsSent", "packetsRcvd", "flowsClient", "flowsServer"):
            self.assertEqual(sum(int(hashes[key].get(field, 0)) for key in keys),
                             sum(fields.get(field, 0) for key, fields in truth.items() if key.startswith("ip.")), field)
        self.assertGreater(int(hashes["probe.berlin"]["keysRefused"]), 20_000)


class Faults(CloudTest):
    def test_connections_cut_at_any_byte_and_bytes_that_arrive_late(self):
        late = 0
        for seed in (1, 2, 3):
            with self.subTest(seed=seed):
                node = self.node()
                relay = Relay(node.port, seed)
                self.addCleanup(relay.close)
                process = self.start_fed(relay.port)
                self.feed(process, seed, 400)
                said = self.end(process)
                self.check(node, lines(self.json_path()))
                self.assertGreater(relay.cuts, 5, said)
                late += relay.late
                node.close()
        self.assertGreater(late, 2)

    def test_node_killed_and_restarted(self):
        node = self.node("--appendonly", "yes")
        process = self.start_fed(node.port)
        feed = threading.Thread(target=self.feed, args=(process, 4, 500))
        feed.start()
        for _ in range(3):
            time.sleep(1.5)
            node.kill()
            node.fix_and_start()
        feed.join()
        self.end(process)
        self.check(node, lines(self.json_path()))

    def test_node_away(self):
        node = self.node("--appendonly", "yes")
        process = self.start_fed(node.port)
        feed = threading.Thread(target=self.feed, args=(process, 5, 300))
        feed.start()
        time.sleep(1)
        node.kill()
        time.sleep(10)
        node.fix_and_start()
        feed.join()
        said = self.end(process)
        self.check(node, lines(self.json_path()))
        self.assertEqual(said.count("is away"), 1, said)

    def test_node_without_memory(self):
        node = self.node()
        client = node.client()
        client("CONFIG", "SET", "maxmemory", "1")
        process = self.start_fed(node.port)
        self.feed(process, 6, 100)
        client("CONFIG", "SET", "maxmemory", "0")
        client.close()
        said = self.end(process)
        self.check(node, lines(self.json_path()))
        self.assertIn("OOM", said)

    def test_rights_taken_away_and_given_back(self):
        node = self.node()
        client = node.client()
        process = self.start_fed(node.port)
        feed = threading.Thread(target=self.feed, args=(process, 7, 300))
        feed.start()
        wait_for(lambda: client("KEYS", "mc.led.*"))
        for denied in itertools.cycle(("-eval", "-hincrby")):
            client("ACL", "SETUSER", "default", denied)
            time.sleep(0.5)
            client("ACL", "SETUSER", "default", "+@all")
            if not feed.is_alive():
                break
            time.sleep(0.5)
        feed.join()
        client.close()
        said = self.end(process)
        self.check(node, lines(self.json_path()))
        self.assertIn("NOPERM", said)

    def test_another_type_under_a_key(self):
        node = self.node()
        client = node.client()
        client("SET", "ip.192.0.2.1", "mine")
        process = self.start_fed(node.port)
        self.feed(process, 8, 50)
        said = self.end(process)
        self.assertEqual(client("GET", "ip.192.0.2.1"), "mine")
        client("DEL", "ip.192.0.2.1")
        client.close()
        self.assertIn("refused", said)
        truth = Truth(lines(self.json_path())).counters()
        del truth["ip.192.0.2.1"]
        hashes, _, _ = node.contents()
        found = {key: {field: int(value) for field, value in fields.items() if field not in TIMES + LEARNT}
                 for key, fields in hashes.items() if OURS.match(key)}
        self.assertEqual(found, truth)
        self.assertGreater(int(hashes["probe.records"]["cloudLost"]), 0)

    def test_nobody_there(self):
        done = run("probe", "-r", capture("real/icmp.pcap"), "--json", self.json_path(), "--cloud", "redis://127.0.0.1:1",
                   "--drain", "1")
        self.assertEqual(done.status, 1)
        self.assertIn("has not taken", done.stderr.splitlines()[-1])


class Sentinels(CloudTest):
    def sentinel(self, master_port):
        port = free_port()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "sentinel.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"port {port}\nbind 127.0.0.1\ndir {folder.name}\nsentinel monitor cloud 127.0.0.1 {master_port} 2\n"
                       "sentinel down-after-milliseconds cloud 700\nsentinel failover-timeout cloud 3000\n")
        process = subprocess.Popen(["redis-server", path, "--sentinel"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return port

    def test_master_killed(self):
        """The replica takes over without the last batches that the master had acknowledged: they are sent again."""
        master = self.node()
        replica = self.node("--replicaof", "127.0.0.1", str(master.port))
        ports = [self.sentinel(master.port) for _ in range(3)]
        time.sleep(3)  # until the sentinels know each other and the replica
        process = self.start_fed("redis+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in ports) + "/cloud")
        feed = threading.Thread(target=self.feed, args=(process, 9, 500, 0.015))
        feed.start()
        time.sleep(2)
        master.kill()
        feed.join()
        said = self.end(process)
        self.check(replica, lines(self.json_path()))
        self.assertIn("is away", said)


class Usage(CloudTest):
    def test_refused(self):
        for args, words in ((("--cloud", "redis://u:hunter2@127.0.0.1:1"), ("--cloud", "password")),
                            (("--cloud", "http://127.0.0.1:1"), ("--cloud", "redis://")),
                            (("--cloud", "redis://127.0.0.1:1", "--realm", "a/b"), ("--realm",)),
                            (("--hosts", "local"), ("--hosts", "-L"))):
            with self.subTest(args=args):
                done = run("probe", "-r", capture("real/icmp.pcap"), *args)
                self.assert_refused(done, 2, *words)
                self.assertNotIn("hunter2", done.stderr)
