"""The MicroCloud on a real redis-server: every counter against the records of the same run, whatever breaks on the way."""
import base64
import collections
import hashlib
import itertools
import json
import os
import random
import re
import struct
import subprocess
import tempfile
import threading
import time

import frames
import harness
from harness import CAPTURES, ProbeTest, run
from redis_node import Node

TRANSPORTS = {6: "tcp", 17: "udp"}
TIMES = ("firstSeen", "lastSeen")
LEARNT = ("mac", "ip", "vlan", "name", "os", "user")
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
            elif record["record"] == "http":
                self._http(record)

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

    def _http(self, record):
        (client, _), _ = harness.ends(record)
        sums = self.sums[f"ip.{client}"]
        sums["http.requests"] += "httpRequestMethod" in record
        sums["http.errors"] += record.get("httpStatusCode", 0) >= 400

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


def counters(hashes):
    """Of hashes as Node.contents() gives them: what sums are told of, without times and what is learnt."""
    found = {key: {field: int(value) for field, value in fields.items() if field not in TIMES + LEARNT}
             for key, fields in hashes.items() if OURS.match(key)}
    return {key: fields for key, fields in found.items() if fields}


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
        self.assertEqual(counters(hashes), truth.counters())
        for key, (first, last) in truth.times.items():
            self.assertEqual((hashes[key]["firstSeen"], hashes[key]["lastSeen"]), (str(first), str(last)), key)
        if sets:
            self.assertEqual(found_sets, truth.sets())
        for key, seconds in lives.items():
            if OURS.match(key):
                self.assertGreater(seconds, 0, f"{key} lives for ever")
        return hashes


    def check_next_life(self, node, start):
        """Two probes are killed while they are fed, and started again under their names, with other traffic."""
        killed = {name: start(name) for name in ("one", "two")}
        chunks = {name: list(traffic(seed, 100)) for seed, name in enumerate(killed, 16)}
        for parts in itertools.zip_longest(*chunks.values()):
            for process, part in zip(killed.values(), parts):
                process.stdin.write(part)
                process.stdin.flush()
            time.sleep(0.01)
        for process in killed.values():
            process.kill()
            process.wait()
        time.sleep(0.5)  # what is on its way arrives
        before = counters(node.contents()[0])
        self.assertGreater(len(before), 50)
        seen = collections.defaultdict(collections.Counter)
        for name, parts in chunks.items():
            with harness.scratch_file(b"".join(parts)) as path:
                for key, fields in Truth(harness.run_probe("-r", path, "-d", "5").records).counters().items():
                    seen[key].update(fields)
        for key, fields in before.items():
            for field, value in fields.items():
                self.assertLessEqual(value, seen[key][field], f"{key} {field}")
        again = {name: start(name) for name in killed}
        feeds = [threading.Thread(target=self.feed, args=(process, seed, 60)) for seed, process in enumerate(again.values(), 18)]
        for feed in feeds:
            feed.start()
        for feed in feeds:
            feed.join()
        for process in again.values():
            self.end(process)
        for key, fields in before.items():
            before[key] = collections.Counter(fields)
        for name in again:
            for key, fields in Truth(lines(self.json_path(name))).counters().items():
                before.setdefault(key, collections.Counter()).update(fields)
        self.assertEqual(counters(node.contents()[0]), {key: dict(fields) for key, fields in before.items()})


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

    def test_hosts_are_learnt(self):
        """Both ends of the shipped captures are Linux; only who opens connections shows it."""
        node = self.node()
        for name in ("real/dns.pcap", "real/tls.pcap"):
            done = run("probe", "-r", capture(name), "--json", self.json_path(name.replace("/", "-")), "--cloud", f"redis://127.0.0.1:{node.port}")
            self.assertEqual(done.status, 0, done.stderr)
        hashes, _, _ = node.contents()
        handshakes = [record for record in lines(self.json_path("real-tls.pcap")) if record["record"] == "tls"]
        names = {}
        for record in handshakes:
            names[harness.ends(record)[1][0]] = record.get("tlsServerName")
            self.assertEqual(hashes[f"ip.{harness.ends(record)[0][0]}"]["os"], "Linux")
        self.assertTrue(any(names.values()), names)
        for address, name in names.items():
            self.assertEqual(hashes[f"ip.{address}"].get("name"), name)

    def test_a_name_is_known_before_the_host(self):
        node = self.node()
        answer = frames.dns_a(7, "www.example.test", "192.0.2.7")
        packets = [(0, frames.udp("10.0.0.1", 40000, "10.0.0.53", 53, answer[0])), (0.01, frames.udp("10.0.0.53", 53, "10.0.0.1", 40000, answer[1])),
                   (0.1, frames.udp("10.0.0.1", 4000, "192.0.2.7", 4433, b"x"))]
        with harness.scratch_file(frames.pcap(packets)) as path:
            done = run("probe", "-r", path, "--cloud", f"redis://127.0.0.1:{node.port}")
        self.assertEqual(done.status, 0, done.stderr)
        hashes, _, _ = node.contents()
        self.assertEqual(hashes["ip.192.0.2.7"]["name"], "www.example.test")
        self.assertNotIn("name", hashes["ip.10.0.0.1"])

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
        # Servers are the same for both: their firstSeen is that of the probe that told them first.
        records = [record for name in ("one", "two") for record in lines(self.json_path(name))]
        self.assertEqual(counters(node.contents()[0]), Truth(records).counters())

    def test_realm(self):
        node = self.node()
        done = run("probe", "-r", capture("real/icmp.pcap"), "--json", self.json_path(), "--cloud", f"redis://127.0.0.1:{node.port}",
                   "--realm", "north", "--probe-id", "berlin")
        self.assertEqual(done.status, 0, done.stderr)
        hashes, _, _ = node.contents()
        self.assertIn("north/probe.berlin", hashes)
        self.assertTrue(all(key.startswith("north/") for key in hashes), hashes.keys())

    def test_community_ids_of_a_realm(self):
        """Seeded by the realm's name: the specification's own computation."""
        packets = [(0, frames.udp("10.0.0.1", 4000, "10.0.0.2", 5000, b"x"))]
        node = self.node()
        for realm in ("", "north"):
            with harness.scratch_file(frames.pcap(packets)) as path:
                done = run("probe", "-r", path, "--json", self.json_path(), "--cloud", f"redis://127.0.0.1:{node.port}", *(("--realm", realm) if realm else ()))
            self.assertEqual(done.status, 0, done.stderr)
            seed = hashlib.sha1(realm.encode()).digest()[:2] if realm else b"\0\0"
            flow = seed + bytes([10, 0, 0, 1, 10, 0, 0, 2, 17, 0]) + struct.pack(">HH", 4000, 5000)
            expected = "1:" + base64.b64encode(hashlib.sha1(flow).digest()).decode()
            self.assertEqual([record["communityId"] for record in lines(self.json_path())], [expected])

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
        client = node.client()
        facts = dict(line.split(":", 1) for line in client("INFO", "stats").splitlines() if ":" in line)
        client.close()
        self.assertEqual(facts["tracking_total_keys"], "0", "addresses that were asked for are remembered")


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
