"""The MicroCloud on a real redis-server: every counter against the records of the same run, whatever breaks on the way."""
import base64
import collections
import datetime
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
from memory_watch import MemoryWatch
from redis_node import Node, free_port

TRANSPORTS = {6: "tcp", 17: "udp"}
TIMES = ("firstSeen", "lastSeen")
A_KEY, MOST_KEPT, A_PROBE = 8_000, 65 << 20, 24 << 20  # bytes at most
LEARNT = ("mac", "ip", "vlan", "name", "os", "user")
OURS = re.compile(r"(ip|mac|vlan|proto|port)\.")


def said_at(line):
    """Seconds, of a line of the log."""
    return datetime.datetime.fromisoformat(line.split(" ", 1)[0]).timestamp()


def capture(name):
    return os.path.join(CAPTURES, *name.split("/"))


class Truth:
    """What the cloud must hold, reckoned from records in JSON."""

    def __init__(self, records):
        self.sums = collections.defaultdict(lambda: collections.Counter())
        self.increments = collections.Counter()  # by key and field
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
        asked = record.get("dnsQueries", 0) > 0
        self._grow(f"ip.{client}", {"dns.queries": asked,
                                    "dns.nxdomain": asked and record.get("dnsResponseCode") == 3,
                                    "dns.servfail": asked and record.get("dnsResponseCode") == 2})

    def _http(self, record):
        (client, _), _ = harness.ends(record)
        asked = "httpRequestMethod" in record
        self._grow(f"ip.{client}", {"http.requests": asked, "http.errors": asked and record.get("httpStatusCode", 0) >= 400})

    def _grow(self, key, fields):
        self.sums[key].update(fields)
        self.increments.update((key, field) for field, value in fields.items() if value)

    def _add(self, key, side, flow):
        self._grow(key, side)
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


class Told(Truth):
    """And of each key what was told of it, one flow after the other."""

    def __init__(self, records):
        self.told = collections.defaultdict(list)
        super().__init__(records)

    def _add(self, key, side, flow):
        super()._add(key, side, flow)
        self.told[key].append((side, flow["flowStartMilliseconds"], flow["flowEndMilliseconds"]))

    def times_of_last(self, key, held):
        """Of the last flows that make just these counters: the first start and the last end. None: there are no such ones."""
        left = collections.Counter(held)
        first, last = 1 << 62, 0
        for side, start, end in reversed(self.told[key]):
            if not any(left.values()):
                break
            left.subtract(side)
            first, last = min(first, start), max(last, end)
        return None if any(left.values()) else (first, last)


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


class Feed(threading.Thread):
    def __init__(self, feed):
        self.joined = threading.Event()
        super().__init__(target=feed, args=(self.joined,))

    def join(self, timeout=None):
        self.joined.set()
        super().join(timeout)


class CloudTest(ProbeTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.watches = {}

    def node(self, *options):
        node = Node(*options)
        self.addCleanup(node.close)
        return node

    def json_path(self, name="records"):
        return os.path.join(self.folder, name + ".json")

    def feed(self, process, seed, chunks, pause=0.01, goes_on=lambda: False):
        """Writes a capture to the probe's standard input, slowly, once it runs."""
        for at, part in enumerate(traffic(seed, 20 * chunks)):
            if at >= chunks and not goes_on():
                break
            process.stdin.write(part)
            process.stdin.flush()
            if at == 0:
                harness.wait_until_running(process)
            time.sleep(pause)
        process.stdin.close()

    def feeding(self, process, seed, chunks, pause=0.01, goes_on=True):
        """Beside the test, which joins it; `goes_on`: not before that, so that what the test does meanwhile comes under load on any machine."""
        feed = Feed(lambda joined: self.feed(process, seed, chunks, pause, lambda: goes_on and not joined.is_set()))
        feed.start()
        self.addCleanup(feed.join)
        harness.wait_until_running(process)
        return feed

    def start_fed(self, port, *args, name="records", prefix=()):
        url = f"redis://127.0.0.1:{port}" if isinstance(port, int) else port
        page = int(args[args.index("--metrics") + 1].rsplit(":", 1)[1]) if "--metrics" in args else free_port()
        own = () if "--metrics" in args else ("--metrics", f"127.0.0.1:{page}")
        process = subprocess.Popen(
            [*prefix, *harness.command(["probe", "-r", "-", "-d", "5", "--json", self.json_path(name), "--cloud",
                                        url, "--cloud-flush", "3", "--probe-id", name, *own, *args])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        self.watches[process] = MemoryWatch(process, page)
        self.addCleanup(self.watches[process].stop)
        return process

    def end(self, process, status=0):
        said = process.stderr.read().decode()
        self.assertEqual(process.wait(harness.TIMEOUT), status, said)
        if status == 0:
            harness.check_ladder(process.args)
            self.check_memory(process)
        return said

    def check_memory(self, process):
        """What waits takes memory for keys that are touched, however often and for however long that is; what is kept until replicas
        have it, and all else, is bounded too."""
        watch = self.watches[process]
        watch.stop()
        name = process.args[process.args.index("--probe-id") + 1]
        keys = len(Truth(lines(self.json_path(name))).sums)
        if watch.looks == 0:
            self.assertLess(time.monotonic() - watch.since, 2 * harness.slowness(), "it was over before one could look")
            return
        self.assertLess(watch.waiting, A_KEY * keys)
        self.assertLess(watch.kept, MOST_KEPT)
        if harness.slowness() == 1:  # a sanitizer keeps memory that was freed
            self.assertLess(watch.resident[-1] - watch.resident[0], 2 * (watch.waiting + watch.kept) + A_PROBE)

    def assert_told(self, said, *once, may=(), sums=(0, 3)):
        """These are the warnings and errors in what a probe said, each once, and perhaps those that `may` be, at most once; trouble that
        came back in that minute is told in one line, so often, or by a line of its own where it stayed, as it may on a busy machine.
        At the end the MicroCloud took updates. That batches go again may be told."""
        most = 1 if harness.slowness() == 1 else 3
        said_lines = said.splitlines()
        told = [line for line in said_lines if re.match(r"\S+ (warning|error) ", line)]
        repeated = [line for line in told if "took no updates" in line]
        stayed = self.lines_of_trouble_that_stayed(said_lines)
        count = sum(int(re.search(r"took no updates (\d+) more times?, [0-9.]+ s in all, the last time: .", line)[1]) for line in repeated)
        self.assertLessEqual(len(repeated), 1 + (said_at(said_lines[-1]) - said_at(said_lines[0])) // 60, said)
        self.assertTrue((0 if stayed or most > 1 else sums[0]) <= count <= most * sums[1], said)
        others = [line for line in told if line not in repeated]
        may = (*may, "batches are sent again so far, which it had acknowledged and had no more$")
        for pattern in (*once, *may):
            found = [line for line in others if re.search(pattern, line)]
            self.assertGreaterEqual(len(found), pattern in once, f"{pattern}\n{said}")
            self.assertLessEqual(len([line for line in found if line not in stayed]), 1 if "they wait: " in pattern else most, f"{pattern}\n{said}")
        for line in others:
            self.assertTrue(any(re.search(pattern, line) for pattern in (*once, *may)), said)
        state = [line for line in said_lines if re.search("takes updates$|, they wait: ", line)]
        self.assertRegex(state[-1], "takes updates$")

    def lines_of_trouble_that_stayed(self, said_lines):
        """Those but for the first of its kind: there must have been 5 s since the line before, in which it began, or a minute since the
        last of trouble."""
        stayed = []
        before, trouble, kinds = None, None, set()
        for line in said_lines:
            found = re.search(r"(is away|takes no updates), they wait: |takes updates$|took no updates", line)
            if not found:
                continue
            if found[1]:
                if found[1] in kinds:
                    self.assertTrue(said_at(line) - before > 4 or said_at(line) - trouble > 59, "\n".join(said_lines))
                    stayed.append(line)
                kinds.add(found[1])
                trouble = said_at(line)
            before = said_at(line)
        return stayed

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


    def remove_some(self, client_of, keys, seed, feed, pause=0.01):
        """Keys that probes write, while they are fed."""
        chance = random.Random(seed)
        removed = 0
        while feed.is_alive():
            time.sleep(pause)
            found = sorted(key for key in keys() if OURS.match(key))
            if found:
                key = chance.choice(found)
                removed += client_of(key)("DEL", key)
        return removed

    def check_reborn(self, node, records):
        """Keys that went at any time: each holds all that was told since, and no more, and its times are those of just that."""
        told = Told(records)
        hashes, _, lives = node.contents()
        held = counters(hashes)
        less = 0
        for key, fields in held.items():
            times = told.times_of_last(key, fields)
            self.assertIsNotNone(times, f"{key} {fields} is not what the last of {told.told[key]} make")
            self.assertEqual((hashes[key].get("firstSeen"), hashes[key].get("lastSeen")), tuple(map(str, times)), f"{key} {hashes[key]}")
            less += fields != told.counters()[key]
        for key, seconds in lives.items():
            if OURS.match(key):
                self.assertGreater(seconds, 0, f"{key} lives for ever")
        return less, hashes

    def check_refusals(self, node, client_of, url):
        """Another type under a key, a counter that is full: the others are right, and `cloudLost` is just what these lack."""
        other, full, most = "ip.192.0.2.1", "ip.192.0.2.2", (1 << 63) - 1
        client_of(other)("SET", other, "mine")
        client_of(full)("HSET", full, "bytesSent", most)
        process = self.start_fed(url)
        self.feed(process, 8, 50)
        said = self.end(process)
        self.assertEqual(client_of(other)("GET", other), "mine")
        client_of(other)("DEL", other)
        truth = Truth(lines(self.json_path()))
        expected = truth.counters()
        self.assertGreater(len(expected.pop(other)), 3)
        self.assertGreater(expected[full]["bytesSent"], 0)
        expected[full]["bytesSent"] = most
        lost = sum(count for (key, field), count in truth.increments.items() if key == other or (key, field) == (full, "bytesSent"))
        hashes, sets, _ = node.contents()
        self.assertEqual(counters(hashes), expected)
        self.assertEqual(sets, truth.sets())
        beat = hashes["probe.records"]
        self.assertEqual((beat["cloudLost"], beat["cloud.dropped.refused"]), (str(lost), str(lost)))
        self.assertIn(f": {lost} increments of counters lost (0 as too much waited, {lost} refused, 0 lost by the server)", said)
        self.assertRegex(said, ": [1-9][0-9]* commands refused that bring no increment: texts, times, times to live")

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
        killed_before = "before this one [0-9]+ s ago, and not that it ended: what it had not sent is lost$"
        feeds = [threading.Thread(target=self.feed, args=(process, seed, 60)) for seed, process in enumerate(again.values(), 18)]
        for feed in feeds:
            feed.start()
        for feed in feeds:
            feed.join()
        for process in again.values():
            self.assert_told(self.end(process), killed_before)
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

    def test_answers_count_where_their_requests_were_seen(self):
        answers = {"dns": "src port 53", "http": "src port 80", "snmp": "src port 161", "radius": "src port 1812 or src port 1813",
                   "gtpc": "src host 10.77.0.2", "mysql": "src port 3306", "oracle": "src port 1521", "sip": "src port 5060", "dhcp": "src port 67"}
        for name, filter_text in answers.items():
            with self.subTest(capture=name):
                both, alone = (self._told_of_answers(name, *options) for options in ((), ("-f", filter_text)))
                self.assertTrue(both["services"])
                for key, (requests, errors, delays) in both["services"].items():
                    self.assertGreater(requests, 0, key)
                    self.assertLessEqual(errors, requests, key)
                    self.assertLessEqual(delays, requests, key)
                if name != "sip":  # there both sides ask
                    self.assertEqual(alone, {"services": {}, "errors": {}})

    def _told_of_answers(self, name, *options):
        node = self.node()
        done = run("probe", "-r", capture(f"real/{name}.pcap"), "--json", self.json_path(), "--cloud", f"redis://127.0.0.1:{node.port}",
                   *options)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIn(name, {record["record"] for record in lines(self.json_path())})
        hashes = node.contents()[0]
        node.close()
        services = {key: (int(fields.get("requests", 0)), int(fields.get("errors", 0)),
                          sum(int(value) for field, value in fields.items() if field.startswith("delay.")))
                    for key, fields in hashes.items() if key.startswith(("service.", "http.url."))}
        errors = {key: field for key, fields in hashes.items() for field in fields
                  if re.search(r"nxdomain|servfail|errors|rejects", field)}
        return {"services": services, "errors": errors}

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

    def test_a_host_that_a_transaction_brings_has_its_times(self):
        """Before its flow has ended, which tells when it began."""
        node = self.node()
        process = self.start_fed(node.port)
        question, answer = frames.dns_a(7, "www.example.test", "192.0.2.7")
        process.stdin.write(frames.pcap([(100, frames.udp("10.0.0.1", 40000, "10.0.0.53", 53, question)), (100.25, frames.udp("10.0.0.53", 53, "10.0.0.1", 40000, answer))]))
        process.stdin.flush()
        client = node.client()
        harness.wait_for(lambda: client("HGET", "ip.10.0.0.1", "dns.queries") == "1")
        told = client("HMGET", "ip.10.0.0.1", "firstSeen", "lastSeen", "bytesSent")
        self.assertEqual(told[0], told[1])
        self.assertIsNone(told[2])
        process.stdin.close()
        self.end(process)
        self.assertEqual(int(told[0]) - int(client("HGET", "ip.10.0.0.1", "firstSeen")), 250)
        client.close()
        self.check(node, lines(self.json_path()))

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

    def test_ledgers_of_lives_that_have_ended_go(self):
        """Else each run of a file would leave keys for ever, which nothing evicts."""
        node = self.node()
        for _ in range(2):
            self.assertEqual(run("probe", "-r", capture("real/sip.pcap"), "-n", "none", "--cloud", f"redis://127.0.0.1:{node.port}").status, 0)
        client = node.client()
        lives = {key: client("TTL", key) for key in client("KEYS", "mc.led.*")}
        client.close()
        self.assertEqual(sorted(key[-2:] for key in lives), [".0", ".0", ".1", ".1"])
        self.assertTrue(all(0 < seconds <= 3600 for seconds in lives.values()), lives)

    def test_the_first_heartbeat_comes_as_soon_as_updates_are_taken(self):
        """So that also of a probe that lives for less than a second something is known: the last heartbeat of a run is not its first."""
        node = self.node()
        monitor, client = node.client(), node.client()
        monitor("MONITOR")
        process = self.start_fed(node.port)
        process.stdin.write(next(traffic(6, 1)))
        process.stdin.flush()
        while b"takes updates" not in process.stderr.readline():
            self.assertIsNone(process.poll())
        process.stdin.close()
        self.end(process)
        client("ECHO", "all")
        told = list(itertools.takewhile(lambda line: '"ECHO"' not in line, iter(monitor.read, None)))
        beats = [line for line in told if '"HSET" "probe.records"' in line]
        self.assertGreaterEqual(len(beats), 2)
        for one in (monitor, client):
            one.close()

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

    def test_transactions_of_hosts_that_have_answered_are_their_own(self):
        """Though they leave before the flow's record, which tells that there was an answer."""
        for name, field in (("real/dns.pcap", "dns.queries"), ("real/http.pcap", "http.requests")):
            found = {}
            for hosts in ("all", "answered"):
                node = self.node()
                self.assertEqual(run("probe", "-r", capture(name), "-n", "none", "--hosts", hosts, "--cloud", f"redis://127.0.0.1:{node.port}").status, 0)
                found[hosts] = {key: fields[field] for key, fields in node.contents()[0].items() if key.startswith("ip.") and field in fields}
            self.assertEqual(found["answered"], found["all"])

    def test_no_more_keys_than_there_may_be(self):
        """Sorted sets are among them, keys that stay for good are not: those that others put there."""
        node = self.node()
        client = node.client()
        client("EVAL", "for at = 1, 900 do redis.call('SADD', 'list.' .. at, 'x') end", 0)
        packets = [(0.01 * at, frames.udp(f"10.1.{at % 300 // 250}.{1 + at % 300 % 250}", 1000 + at, "192.0.2.1", 9, b"x" * 10)) for at in range(1500)]
        done = run("probe", "-r", "-", "--max-keys", "500", "--max-new-keys", "100000", "-n", "none", "--cloud", f"redis://127.0.0.1:{node.port}",
                   stdin=frames.pcap(packets))
        self.assertEqual(done.status, 0, done.stderr)
        hashes, sets, lives = node.contents()
        few = ("proto.", "vlan.", "ip.other", "probe.", "mc.led.")  # by nature, and never refused
        counted = [key for key in [*hashes, *sets] if lives.get(key, -1) > 0 and not key.startswith(few)]
        self.assertLessEqual(len(counted), 500)
        self.assertGreater(len(counted), 450)
        octets = sum(int(fields.get("packetsSent", 0)) for key, fields in hashes.items() if key.startswith("ip."))
        self.assertEqual(octets, 1500)
        client.close()

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
