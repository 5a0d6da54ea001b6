"""The probe's Redis face: real clients, and what the cloud has and the face has together against the packets fed."""
import collections
import os
import random
import subprocess
import tempfile
import threading
import time
import unittest

import frames
import harness
from harness import ProbeTest, end_probe, run, start_probe
from redis_node import Client, Node, RedisError, free_port

COUNTERS = ("bytesSent", "bytesRcvd", "packetsSent", "packetsRcvd", "flowsClient", "flowsServer")
GRACE = 20  # seconds
HIREDIS_CLIENT = os.path.join(os.path.dirname(harness.PROGRAM), "tests", "hiredis", "hiredis_client")


def traffic(count, seed, hosts=12, step=0.004):
    """(seconds, frame, source, destination, source port, destination port, octets): UDP between a few hosts."""
    rng = random.Random(seed)
    out = []
    for number in range(count):
        client, server = rng.sample(range(1, hosts + 1), 2)
        port = 40_000 + rng.randrange(3)
        ends = [(f"10.0.0.{client}", port), (f"10.0.0.{server}", 9)]
        if rng.random() < 0.4:
            ends.reverse()
        (source, sport), (destination, dport) = ends
        payload = bytes(rng.randrange(1, 60))
        out.append((number * step, frames.udp(source, sport, destination, dport, payload), source, destination, sport,
                    dport, 28 + len(payload)))
    return out


class Feed:
    """A probe that reads a pipe, into which packets go bit by bit."""

    connect = Client

    def __init__(self, *options, probe="p", listen="127.0.0.1", prefix=(), inspects=False):
        self.key = f"probe.{probe}"
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "feed.pcap")
        os.mkfifo(self.path)
        self.port = free_port()
        self.probe = start_probe("-r", self.path, "--listen", f"{listen}:{self.port}", "--probe-id", probe,
                                 "-n", "none", *([] if inspects else ["--no-dpi"]), *options, prefix=prefix)
        self.pipe = open(self.path, "wb", buffering=0)
        self.pipe.write(frames.pcap([]))
        self.fed = 0
        deadline = time.monotonic() + GRACE
        while True:
            try:
                self.client = self.connect(self.port)
                return
            except OSError:
                if time.monotonic() > deadline or self.probe.poll() is not None:
                    raise
                time.sleep(0.02)

    def give(self, packets):
        self.fed += len(packets)  # before: the probe may tell of them while this thread sleeps
        self.pipe.write(b"".join(frames.pcap([(seconds, frame)])[24:] for seconds, frame, *_ in packets))

    def settle(self):
        """Until all that was fed has been metered."""
        deadline = time.monotonic() + GRACE
        while self.client("HGET", self.key, "packets") != str(self.fed):
            if time.monotonic() > deadline:
                raise AssertionError("the probe does not read what it is fed")
            time.sleep(0.005)
        # What was read was counted before it was handed to the workers.
        while self.client("HGET", self.key, "decode.held") != "0" or \
                self.client("HGET", self.key, "decode.out") != self.client("HGET", self.key, "table.in"):
            time.sleep(0.005)
        time.sleep(0.05)

    def end(self):
        self.client.close()
        self.pipe.close()
        stdout, stderr = self.probe.communicate(timeout=harness.TIMEOUT)
        self.folder.cleanup()
        return self.probe.returncode, stdout.decode(), stderr.decode()


def as_dict(pairs):
    return dict(zip(pairs[::2], pairs[1::2]))


def truth(packets):
    sums = collections.defaultdict(collections.Counter)
    for _, _, source, destination, _, _, octets in packets:
        sums[f"ip.{source}"].update(bytesSent=octets, packetsSent=1)
        sums[f"ip.{destination}"].update(bytesRcvd=octets, packetsRcvd=1)
    return sums


def together(node, face, keys, fields):
    """{key: counters} of the cloud and the face, at one batch number."""
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        before = as_dict(face("HGETALL", "probe.p"))
        live = {key: as_dict(face("HGETALL", key)) for key in keys}
        after = face("HGET", "probe.p", "batch")
        node("MULTI")
        node("GET", before["ledger"])
        for key in keys:
            node("HGETALL", key)
        ledger, *there = node("EXEC")
        if before["batch"] != after or (ledger or "0") != after:
            continue
        cloud = {key: as_dict(pairs) for key, pairs in zip(keys, there)}
        return {key: {field: int(cloud[key].get(field, 0)) + int(live[key].get(field, 0)) for field in fields} for key in keys}
    raise AssertionError("no common batch number")


@harness.pipeline
class FaceTest(ProbeTest):
    def feed(self, *options, **how):
        feed = Feed(*options, **how)
        self.addCleanup(lambda: feed.probe.poll() is None and (feed.probe.kill(), feed.probe.communicate()))
        return feed

    def test_open_flows_are_served_as_keys(self):
        feed = self.feed("--workers", "2")
        packets = traffic(300, 1)
        feed.give(packets)
        feed.settle()
        face = feed.client
        for key, sums in truth(packets).items():
            entry = as_dict(face("HGETALL", key))
            self.assertNotIn("_batch", entry)
            self.assertEqual({field: int(entry.get(field, 0)) for field in sums}, dict(sums), key)
        names = face("KEYS", "*")
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(face("DBSIZE"), len(names))
        scanned, cursor = [], "0"
        while True:
            cursor, part = face("SCAN", cursor, "COUNT", "7")
            scanned += part
            if cursor == "0":
                break
        self.assertEqual(sorted(scanned), sorted(names))
        self.assertEqual(face("EXISTS", *names), len(names))
        self.assertEqual({face("TYPE", name) for name in names}, {"hash", "zset", "string"})
        self.assertEqual(sorted(face("KEYS", "ip.10.0.0.1*")), sorted(n for n in names if n.startswith("ip.10.0.0.1")))
        self.assertEqual(sorted(face("SCAN", 0, "COUNT", 1000, "TYPE", "zset")[1]),
                         sorted(n for n in names if face("TYPE", n) == "zset"))
        whole = collections.Counter()
        for name in names:
            if name.startswith("port."):
                whole.update({k: int(v) for k, v in as_dict(face("HGETALL", name)).items() if k.startswith("bytes")})
        self.assertEqual(whole["bytesSent"] + whole["bytesRcvd"], sum(p[-1] for p in packets))
        flow = as_dict(face("HGETALL", next(n for n in names if n.startswith("flow."))))
        self.assertEqual((flow["protocolIdentifier"], flow["probeId"]), ("17", "p"))
        peers = face("ZREVRANGE", "ip.10.0.0.1.peers", 0, -1, "WITHSCORES")
        sent = collections.Counter()
        for _, _, source, destination, _, _, octets in packets:
            if "10.0.0.1" in (source, destination):
                sent[destination if source == "10.0.0.1" else source] += octets
        self.assertEqual({k: int(v) for k, v in as_dict(peers).items()}, dict(sent))
        self.assertEqual(peers[::2], sorted(sent, key=lambda k: (-sent[k], [-ord(c) for c in k])))
        status, _, stderr = feed.end()
        self.assertEqual(status, 0, stderr)

    def test_hosts_have_what_the_probe_has_learnt_of_them(self):
        """With a node and without one; only the node tells whose an address is."""
        answer = frames.dns_a(7, "www.example.test", "192.0.2.7")
        linux = bytes.fromhex("020405b4" "0402" "080a0000000100000000" "01" "030307")
        packets = [(0, frames.udp("10.0.0.1", 40000, "10.0.0.53", 53, answer[0])), (0.01, frames.udp("10.0.0.53", 53, "10.0.0.1", 40000, answer[1])),
                   (0.1, frames.udp("10.0.0.1", 4000, "192.0.2.7", 4433, b"x")),
                   (0.2, frames.tcp("10.0.0.2", 4000, "192.0.2.7", 80, 2, options=linux))]
        node = Node()
        self.addCleanup(node.close)
        client = node.client()
        client("HSET", "identity.10.0.0.1", "user", "ann")
        client.close()
        for options in ([], ["--cloud", f"redis://127.0.0.1:{node.port}"]):
            with self.subTest(options=options):
                feed = self.feed(*options, inspects=True)
                feed.give(packets)
                feed.settle()
                face = feed.client
                learnt = [dict(zip(("name", "os", "user"), face("HMGET", f"ip.{host}", "name", "os", "user")))
                          for host in ("10.0.0.1", "10.0.0.2", "192.0.2.7", "10.0.0.53")]
                none = {"name": None, "os": None, "user": None}
                self.assertEqual(learnt, [{**none, "user": "ann" if options else None}, {**none, "os": "Linux"},
                                          {**none, "name": "www.example.test"}, none])
                self.assertEqual(as_dict(face("HGETALL", "ip.192.0.2.7"))["name"], "www.example.test")
                self.assertEqual(face("HSCAN", "ip.192.0.2.7", 0, "MATCH", "nam?")[1], ["name", "www.example.test"])
                self.assertIsNone(face("HGET", "ip.203.0.113.1", "name"))
                status, _, stderr = feed.end()
                self.assertEqual(status, 0, stderr)

    def test_words_of_refusals_are_those_of_redis(self):
        feed = self.feed()
        feed.give(traffic(20, 2, hosts=2))
        feed.settle()
        face = feed.client
        node = Node()
        self.addCleanup(node.close)
        redis = node.client()
        redis("HSET", "ip.10.0.0.1", "bytesSent", 1)
        redis("ZADD", "ip.10.0.0.1.peers", 1, "x")
        for words in (["GET", "ip.10.0.0.1"], ["HGET", "ip.10.0.0.1.peers", "x"], ["ZCARD", "ip.10.0.0.1"], ["HGET", "ip.10.0.0.1"],
                      ["SMEMBERS", "ip.10.0.0.1"], ["nonsense", "a", "b"], ["SCAN", "x"], ["SCAN", 0, "COUNT", 0], ["SCAN", 0, "COUNT", "x"],
                      ["SELECT", 99], ["ZRANGE", "ip.10.0.0.1.peers", "a", 1], ["HSCAN", "ip.10.0.0.1", "x"], ["KEYS"], ["EXISTS"],
                      ["ZRANGE", "ip.10.0.0.1.peers", 0, 1, "NO"]):
            said = []
            for ask in (face, redis):
                with self.assertRaises(RedisError) as refused:
                    ask(*words)
                said.append(str(refused.exception))
            self.assertEqual(said[0], said[1], words)
        for words in (["GET", "nothing"], ["HGETALL", "nothing"], ["TTL", "nothing"], ["TYPE", "nothing"], ["HLEN", "nothing"], ["ZSCORE", "nothing", "x"],
                      ["ZRANGE", "nothing", 0, -1], ["SMEMBERS", "nothing"], ["HMGET", "nothing", "a", "b"], ["EXISTS", "nothing", "nothing"],
                      ["TTL", "ip.10.0.0.1"], ["HEXISTS", "ip.10.0.0.1", "bytesSent"], ["MEMORY", "USAGE", "nothing"], ["SELECT", 0], ["PING"]):
            self.assertEqual(face(*words), redis(*words), words)
        with self.assertRaises(RedisError):
            face("MONITOR")
        feed.end()

    def test_cloud_and_face_together_are_the_wire(self):
        node = Node()
        self.addCleanup(node.close)
        feed = self.feed("--workers", "2", "--cloud", f"redis://127.0.0.1:{node.port}", "-t", "2", "-d", "1", "--max-new-keys", "100000")
        packets = traffic(6_000, 3)
        rng = random.Random(4)
        keys = [f"ip.10.0.0.{n}" for n in range(1, 13)]
        redis = node.client()
        given, pauses = 0, 0
        while given < len(packets):
            count = min(rng.randrange(1, 900), len(packets) - given)
            if rng.random() < 0.5:  # what is told meanwhile waits in the probe
                redis("CLIENT", "PAUSE", 60_000, "WRITE")
                pauses += 1
            feed.give(packets[given:given + count])
            given += count
            feed.settle()
            expected = truth(packets[:given])
            found = together(redis, feed.client, keys, COUNTERS[:4])
            for key in keys:
                self.assertEqual({f: n for f, n in found[key].items() if n}, dict(expected[key]), (key, given))
            ports = [f"port.udp.{n}" for n in (9, 40_000, 40_001, 40_002)]
            whole = together(redis, feed.client, [*ports, "proto.Unknown"], COUNTERS[:4])
            octets = sum(p[-1] for p in packets[:given])
            self.assertEqual(whole["proto.Unknown"]["bytesSent"] + whole["proto.Unknown"]["bytesRcvd"], octets, given)
            self.assertEqual(sum(whole[port]["bytesSent"] + whole[port]["bytesRcvd"] for port in ports), octets, given)
            redis("CLIENT", "UNPAUSE")
        self.assertGreater(pauses, 1)
        status, _, stderr = feed.end()
        self.assertEqual(status, 0, stderr)
        last = {key: as_dict(redis("HGETALL", key)) for key in keys}
        for key, sums in truth(packets).items():
            self.assertEqual({f: int(last[key].get(f, 0)) for f in sums}, dict(sums))

    def test_answers_stay_whole_while_packets_come(self):
        """Between what was fed before the question and what was fed by its answer, at any time."""
        node = Node()
        self.addCleanup(node.close)
        feed = self.feed("--workers", "2", "--cloud", f"redis://127.0.0.1:{node.port}", "-t", "1", "-d", "1")
        packets = traffic(12_000, 5, hosts=6, step=0.01)
        stop = threading.Event()

        def keep_feeding():
            for at in range(0, len(packets), 20):
                if stop.is_set():
                    break
                feed.give(packets[at:at + 20])
                time.sleep(0.02 * harness.slowness())

        thread = threading.Thread(target=keep_feeding)
        thread.start()
        redis = node.client()
        keys = [f"ip.10.0.0.{n}" for n in range(1, 7)]
        checked = last = 0
        try:
            while thread.is_alive() and checked <= 20:
                before = int(feed.client("HGET", "probe.p", "table.in")) - 400
                found = together(redis, feed.client, keys, ("packetsSent",))
                after = feed.fed
                total = sum(one["packetsSent"] for one in found.values())
                self.assertLessEqual(before, total)
                self.assertLessEqual(total, after)
                self.assertLessEqual(last, total, "what was there once is gone")
                last = total
                checked += 1
        finally:
            stop.set()
            thread.join()
        self.assertGreater(checked, 20)
        feed.end()

    def test_records_are_published_to_subscribers(self):
        feed = self.feed("-d", "1")
        subscriber = Client(feed.port)
        self.assertEqual(subscriber("PSUBSCRIBE", "event.*"), ["psubscribe", "event.*", 1])
        feed.give(traffic(50, 6, hosts=3))
        feed.settle()
        feed.give([(60.0, *traffic(1, 8)[0][1:])])  # the others have ended by then
        pattern, channel, line = subscriber.read()[1:]
        self.assertEqual((pattern, channel), ("event.*", "event.flow"))
        self.assertEqual(harness.parse_record(line)["record"], "flow")
        subscriber.close()

    def test_the_probe_tells_of_itself_what_the_node_knows_of_it(self):
        node = Node()
        self.addCleanup(node.close)
        feed = self.feed("--cloud", f"redis://127.0.0.1:{node.port}", "-t", "2", "-d", "1", "--max-new-keys", "3")
        feed.give(traffic(2_000, 12))
        feed.settle()
        face, redis = feed.client, node.client()
        seen = {}

        def settled():
            seen.update(node=as_dict(redis("HGETALL", "probe.p")), face=as_dict(face("HGETALL", "probe.p")))
            names = ("batch", "urgentBatch", "keysRefused", "cloudLost", "cloudWaitingKeys", "packets", "cloud.in", "cloud.out")
            return int(seen["node"].get("keysRefused", 0)) > 0 and all(seen["node"][name] == seen["face"].get(name) for name in names)

        harness.wait_for(settled)
        self.assertEqual(set(seen["face"]) - set(seen["node"]), {"lastBatch", "ledger", "incarnation", "_batch"})
        self.assertEqual(set(seen["node"]) - set(seen["face"]), set())
        self.assertLess(int(seen["face"]["cloudLagMilliseconds"]), GRACE * 1000)
        redis("CLIENT", "PAUSE", 60_000, "WRITE")
        feed.give([(8 + seconds, *rest) for seconds, *rest in traffic(2_000, 13)])
        feed.settle()
        now = as_dict(face("HGETALL", "probe.p"))
        self.assertGreater(int(now["cloudWaitingKeys"]) + int(now["lastBatch"]) - int(now["batch"]), 0, "as of now, not of the last heartbeat")
        redis("CLIENT", "UNPAUSE")
        status, _, stderr = feed.end()
        self.assertEqual(status, 0, stderr)

    def test_clients_of_other_languages(self):
        feed = self.feed()
        feed.give(traffic(100, 7, hosts=3))
        feed.settle()
        port = str(feed.port)
        said = subprocess.run(["redis-cli", "-p", port, "HGET", "probe.p", "packets"], capture_output=True, text=True, check=True, timeout=GRACE)
        self.assertEqual(said.stdout.strip(), "100")
        said = subprocess.run(["redis-cli", "-3", "-p", port, "HGETALL", "port.udp.9"], capture_output=True, text=True, check=True, timeout=GRACE)
        self.assertIn("bytesSent", said.stdout)
        for look, unit in (("--bigkeys", "bytes"), ("--memkeys", "bytes")):
            said = subprocess.run(["redis-cli", "-p", port, look], capture_output=True, text=True, check=True, timeout=GRACE)
            self.assertEqual(said.stderr, "")
            self.assertNotRegex(said.stdout, "(?i)warning|error")
            self.assertIn(f"Sampled {feed.client('DBSIZE')} keys", said.stdout)
            self.assertRegex(said.stdout, f'Biggest +string found \'"meta.schema"\' has [0-9]+ {unit}')
        script = "my $r = Redis->new(server => '127.0.0.1:%s'); my %%h = $r->hgetall('probe.p'); print $h{packets}, ' ', scalar($r->keys('ip.*'))" % port
        said = subprocess.run(["perl", "-MRedis", "-e", script], capture_output=True, text=True, check=True, timeout=GRACE)
        self.assertEqual(said.stdout.split()[0], "100")
        import redis  # pylint: disable=import-outside-toplevel
        client = redis.Redis(port=feed.port, decode_responses=True)
        self.assertEqual(client.hget("probe.p", "packets"), "100")
        self.assertEqual(sorted(client.scan_iter(match="ip.*", count=2)), sorted(client.keys("ip.*")))
        with client.pipeline(transaction=False) as pipe:
            for _ in range(5_000):
                pipe.hget("ip.10.0.0.1", "packetsSent")
            self.assertEqual(len(set(pipe.execute())), 1)
        self.assertEqual(dict(client.zrange("ip.10.0.0.1.ports", 0, -1, withscores=True)).keys(), {"udp.9", "udp.40000", "udp.40001", "udp.40002"})
        client.close()
        feed.end()

    def test_hiredis(self):
        """A program in C (tests/hiredis). Debian's hiredis knows RESP2 alone."""
        if not os.path.exists(HIREDIS_CLIENT):
            self.skipTest("hiredis was not there when the tests were built")
        feed = self.feed("-d", "1")
        feed.give(traffic(200, 9))
        feed.settle()
        face, key = feed.client, "ip.10.0.0.1"
        client = subprocess.Popen([HIREDIS_CLIENT, str(feed.port), key, "bytesSent", "ip.*"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: client.poll() is None and (client.kill(), client.communicate()))
        said = {}
        for line in client.stdout:
            what, *said[what] = line.rstrip("\n").split("\t")
            if what == "subscribe":
                break
        expected = {"ping": ["+PONG"], "getname": ["hiredis"], "hgetall": face("HGETALL", key), "hmget": [face("HGET", key, "bytesSent"), "nil"],
                    "type": ["+hash"], "zrange": face("ZREVRANGE", key + ".peers", 0, -1, "WITHSCORES"),
                    "wrongtype": ["-WRONGTYPE Operation against a key holding the wrong kind of value"],
                    "keys": face("KEYS", "ip.*"), "pipeline": [face("HGET", key, "bytesSent")], "subscribe": ["subscribe", "event.flow", ":1"]}
        self.assertEqual({what: said[what] for what in expected}, expected)
        self.assertEqual(said["hello"][:6], ["server", "redis", "version", "7.0.0", "proto", ":2"])
        self.assertRegex(said["unknown"][0], "^-ERR unknown command 'NONSENSE', with args beginning with: 'a")
        self.assertEqual(sorted(said["scan"]), sorted(said["keys"]))
        feed.give([(60.0, *traffic(1, 8)[0][1:])])
        rest, stderr = client.communicate(timeout=GRACE)
        self.assertEqual((client.returncode, stderr), (0, ""))
        message, quitted = rest.splitlines()
        self.assertEqual(message.split("\t")[:3], ["message", "message", "event.flow"])
        self.assertEqual(harness.parse_record(message.split("\t")[3])["record"], "flow")
        self.assertIn(quitted.split("\t")[0], "quit")
        feed.end()


class FaceOptionsTest(ProbeTest):
    def test_other_hosts_need_users_and_tls(self):
        self.assert_refused(run("probe", "-r", "x.pcap", "--listen", "0.0.0.0:6380"), 2, "--listen", "--listen-auth", "--listen-cert", "loopback")
        self.assert_refused(run("probe", "-r", "x.pcap", "--listen", "nowhere"), 2, "--listen", "none")
        self.assert_refused(run("probe", "-r", "x.pcap", "--listen", "127.0.0.1"), 2, "--listen", "127.0.0.1:6380")
        self.assert_refused(run("probe", "-r", "x.pcap", "--metrics", "127.0.0.1"), 2, "--metrics", "127.0.0.1:9475")
        with harness.scratch_file(b"user a on >x allkeys +@write\n", ".acl") as path:
            os.chmod(path, 0o600)
            self.assert_refused(run("probe", "-r", "x.pcap", "--listen-auth", path), 2, path + ":1", "accepted")
            os.chmod(path, 0o644)
            self.assert_refused(run("probe", "-r", "x.pcap", "--listen-auth", path), 2, "0600")

    def test_users_read_what_their_patterns_allow(self):
        with harness.scratch_file(b"# who may ask\nuser ann on >secret ~ip.* &event.*\nuser bob off >other allkeys\n", ".acl") as path:
            os.chmod(path, 0o600)
            feed = Feed_with(self, "--listen-auth", path)
            face = feed.client
            with self.assertRaisesRegex(RedisError, "NOAUTH"):
                face("HGETALL", "ip.10.0.0.1")
            for name, password in (("ann", "wrong"), ("bob", "other"), ("eve", "secret")):
                with self.assertRaisesRegex(RedisError, "WRONGPASS"):
                    face("AUTH", name, password)
            self.assertEqual(face("AUTH", "ann", "secret"), "OK")
            self.assertEqual(face("EXISTS", "ip.10.0.0.1"), 0)
            with self.assertRaisesRegex(RedisError, "NOPERM"):
                face("HGETALL", "port.udp.9")
            with self.assertRaisesRegex(RedisError, "NOPERM"):
                face("SUBSCRIBE", "alert.x")
            feed.end()


def Feed_with(test, *options):
    feed = Feed(*options)
    test.addCleanup(lambda: feed.probe.poll() is None and (feed.probe.kill(), feed.probe.communicate()))
    return feed


if __name__ == "__main__":
    unittest.main()
