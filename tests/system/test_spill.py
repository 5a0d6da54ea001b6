"""--cloud-spill: with the server away, what memory has no room for goes into a file, and from there into the server in its time."""
import os
import random
import subprocess
import urllib.request

import frames
import harness
from harness import run, wait_for
from redis_cluster import Cluster, slot_of, wait_until
from redis_node import Client, free_port
from test_cloud import CloudTest, Truth, counters, lines

PLENTY = ("--max-new-keys", "10000000", "--cloud-memory", "1MB")


def many_hosts(chunks, flows_a_chunk=250, again=0, seed=1):
    """Parts of a capture. Of each flow both hosts are new, but for `again` of a chunk, whose hosts were seen before. All flows are as
    large as any other."""
    chance = random.Random(seed)
    made = 0
    for chunk in range(chunks):
        packets = []
        for at in range(flows_a_chunk):
            host = made if at >= again or made == 0 else chance.randrange(made)
            made += host == made
            client = (f"10.{host >> 16}.{host >> 8 & 255}.{host & 255}", 10_000 + chunk)
            server = (f"11.{host >> 16}.{host >> 8 & 255}.{host & 255}", 5000)
            when = chunk * 8 + at * 0.01
            packets.append((when, frames.udp(*client, *server, b"x" * 100)))
            packets.append((when + 0.005, frames.udp(*server, *client, b"y" * 300)))
        yield frames.pcap(packets)[0 if chunk == 0 else 24:]


class SpillTest(CloudTest):
    def start(self, port, *args, prefix=()):
        self.page = free_port()
        return self.start_fed(port, *PLENTY, "--metrics", f"127.0.0.1:{self.page}", *args, prefix=prefix)

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/metrics", timeout=10) as answer:
            found = harness.parse_metrics(answer.read().decode())
        return found[(f"microcloud_cloud_{name}", frozenset())]

    def write(self, process, parts):
        for part in parts:
            process.stdin.write(part)
            process.stdin.flush()

    def wait_for_records(self, count):
        """All that was written is told, but for flows that may go on."""
        def told():
            try:
                with open(self.json_path(), "rb") as file:
                    return file.read().count(b"\n") >= count
            except OSError:
                return False
        wait_for(told, 60)

    def refusing(self, node):
        """It answers, and takes nothing."""
        client = node.client()
        client("CONFIG", "SET", "maxmemory", "1")
        self.addCleanup(client.close)
        return client


class OnOneNode(SpillTest):
    def test_node_away(self):
        node = self.node("--appendonly", "yes")
        process = self.start(node.port, "--cloud-spill", self.folder, "--drain", "60")
        parts = many_hosts(60, again=50)
        self.write(process, [next(parts), next(parts)])
        client = node.client()
        wait_for(lambda: client("KEYS", "mc.led.*.0") and client("EXISTS", "probe.records"))
        client.close()
        node.kill()
        self.write(process, parts)
        self.wait_for_records(58 * 250)
        self.assertGreater(self.metric("spilled_keys"), 10_000)
        self.assertGreater(self.metric("spilled_bytes"), 500_000)
        self.assertLess(self.metric("waiting_bytes"), 2 << 20)
        self.assertEqual(sorted(os.listdir(self.folder)), ["records.json"], "the file has no name")
        process.stdin.close()
        node.fix_and_start()
        said = self.end(process)
        beat = self.check(node, lines(self.json_path()))["probe.records"]
        self.assertEqual((beat["cloudLost"], beat["cloudSpilledKeys"]), ("0", "0"), said)
        self.assertNotIn("lost", said)

    def test_file_that_is_too_small(self):
        node = self.node()
        client = self.refusing(node)
        process = self.start(node.port, "--cloud-spill", self.folder, "--cloud-spill-size", "1MB", "--drain", "60")
        self.write(process, many_hosts(60))
        self.wait_for_records(59 * 250)
        self.assertGreater(self.metric("spilled_bytes"), 900_000)
        self.assertLess(self.metric("spilled_bytes"), (1 << 20) + 65_536)
        client("CONFIG", "SET", "maxmemory", "0")
        process.stdin.close()
        said = self.end(process)
        self.assertEqual(said.count("takes no more, the oldest updates are lost: it has 1 MB, as much as it may"), 1, said)
        self.check_lost(node)

    def check_lost(self, node):
        """Each flow makes five increments of each of its keys, of which one is of a number of flows."""
        truth = Truth(lines(self.json_path())).counters()
        hashes, sets, _ = node.contents()
        found = counters(hashes)
        self.assertEqual(sets, {}, "each host has one flow")

        def flows(fields):
            return sum(amount for field, amount in fields.items() if field.startswith("flows"))
        made = lost = 0
        for key, fields in truth.items():
            here = found.pop(key, {})
            made += flows(fields)
            missing = flows(fields) - flows(here)
            lost += missing
            for field, amount in fields.items():
                self.assertEqual(here.get(field, 0) * flows(fields), amount * (flows(fields) - missing), f"{key} {field}")
        self.assertEqual(found, {}, "what was never seen")
        beat = hashes["probe.records"]
        self.assertEqual(int(beat["cloud.in"]), 5 * made)
        self.assertGreater(lost, 1_000)
        self.assertEqual(int(beat["cloudLost"]), 5 * lost)
        self.assertEqual(int(beat["cloud.dropped.overflow"]), 5 * lost)

    def test_without_it_the_oldest_are_lost(self):
        node = self.node()
        client = self.refusing(node)
        process = self.start(node.port)
        self.write(process, many_hosts(40))
        self.wait_for_records(39 * 250)
        client("CONFIG", "SET", "maxmemory", "0")
        process.stdin.close()
        self.end(process)
        self.check_lost(node)

    def test_disk_that_is_full(self):
        node = self.node()
        client = self.refusing(node)
        disk = os.path.join(self.folder, "disk")
        os.mkdir(disk)
        script = f'mount -t tmpfs -o size=800k none {disk} && exec "$@"'
        if subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("nothing can be mounted here")
        process = self.start(node.port, "--cloud-spill", disk, "--drain", "60", prefix=("unshare", "--mount", "sh", "-c", script, "sh"))
        self.write(process, many_hosts(60))
        self.wait_for_records(59 * 250)
        self.assertGreater(self.metric("spilled_bytes"), 700_000)
        self.assertGreater(self.metric("spill_failures_total"), 0)
        client("CONFIG", "SET", "maxmemory", "0")
        process.stdin.close()
        said = self.end(process)
        self.assertEqual(said.count("takes no more, the oldest updates are lost: No space left on device"), 1, said)
        self.check_lost(node)

    def test_readers_are_told_that_the_sum_is_not_exact(self):
        node = self.node()
        face = free_port()
        process = self.start(node.port, "--cloud-spill", self.folder, "--listen", f"127.0.0.1:{face}", "--drain", "60")
        parts = many_hosts(30)
        self.write(process, [next(parts), next(parts)])
        client = node.client()
        self.addCleanup(client.close)
        wait_for(lambda: client("KEYS", "mc.led.*.0") and client("HGET", "probe.records", "listen"))
        asker = Client(face)
        self.addCleanup(asker.close)
        self.assertGreaterEqual(int(asker("HGET", "probe.records", "batch")), 0)
        client("ACL", "SETUSER", "default", "-hincrby")
        self.write(process, parts)
        self.wait_for_records(29 * 250)
        wait_for(lambda: self.metric("spilled_keys") > 1_000)
        self.assertEqual(asker("HMGET", "probe.records", "batch", "lastBatch"), ["-1", "-1"])
        self.assertEqual(asker("HGET", "proto.Unknown", "_batch"), "-1")
        url = f"redis://127.0.0.1:{node.port}"
        done = run("query", "get", "proto.Unknown", "--json", "--cloud", url)
        self.assertIn('"exact":false', done.stdout, done.stderr)
        client("ACL", "SETUSER", "default", "+hincrby")
        wait_for(lambda: self.metric("spilled_keys") == 0, 60)
        wait_for(lambda: int(asker("HGET", "probe.records", "batch")) > 0)
        done = run("query", "get", "proto.Unknown", "--json", "--cloud", url)
        self.assertIn('"exact":true', done.stdout, done.stderr)
        process.stdin.close()
        self.end(process)
        self.check(node, lines(self.json_path()))

    def test_what_is_refused(self):
        for words, named in ((("--cloud-spill", self.folder), "--cloud-spill goes with --cloud"),
                             (("--cloud", "redis://127.0.0.1:1", "--cloud-spill", self.folder + "/none"), "No such file"),
                             (("--cloud", "redis://127.0.0.1:1", "--cloud-spill", __file__), "Not a directory"),
                             (("--cloud", "redis://127.0.0.1:1", "--cloud-spill-size", "1GB"), "--cloud-spill-size goes with --cloud-spill"),
                             (("--cloud", "redis://127.0.0.1:1", "--cloud-spill", self.folder, "--cloud-spill-size", "1kB"), "1MB to 1PB"),
                             (("--cloud", "redis://127.0.0.1:1", "--cloud-spill", self.folder, "--cloud-spill-size", "much"), "--cloud-spill-size"),
                             (("--cloud", "redis://127.0.0.1:1", "--cloud-spill", self.folder, "--cloud-spill-size", "-1"), "1MB to 1PB"),
                             (("--cloud", "redis://127.0.0.1:1", "--cloud-memory", "10"), "--cloud-memory: accepted: 1MB to 1PB")):
            with self.subTest(words=words):
                self.assert_refused(run("probe", "-r", "-", *words, "--check-config"), 2, named)


class OnCluster(SpillTest):
    def test_node_away(self):
        """A master is away: what it would have had waits, the other ones get theirs meanwhile."""
        cluster = Cluster(3, options=("--cluster-require-full-coverage", "no"))
        self.addCleanup(cluster.close)
        process = self.start(cluster.url, "--cloud-spill", self.folder, "--drain", "60")
        parts = many_hosts(60, again=50)
        self.write(process, [next(parts), next(parts)])
        master = cluster.masters()[1]
        owners = cluster.slots()
        wait_until(lambda: master("DBSIZE") > 100, "updates come")
        wait_until(lambda: owners[slot_of("probe.records")]("EXISTS", "probe.records"), "its heart beats")
        master.kill()
        self.write(process, parts)
        self.wait_for_records(58 * 250)
        self.assertGreater(self.metric("spilled_keys"), 3_000)
        truth = Truth(lines(self.json_path())[:50 * 250]).counters()
        others = [node for node in cluster.nodes if node is not master]
        expected = {key: fields for key, fields in truth.items() if owners[slot_of(key)] is not master and key.startswith("ip.")}
        self.assertGreater(len(expected), 5_000)

        def there():
            found = {}
            for node in others:
                found.update(counters(node.contents()[0]))
            return all(found.get(key, {}).get(field, 0) >= value for key, fields in expected.items() for field, value in fields.items())
        wait_until(there, "the others have theirs", 30)
        self.assertGreater(self.metric("spilled_keys"), 3_000)
        process.stdin.close()
        master.fix_and_start()
        said = self.end(process)
        beat = self.check(cluster, lines(self.json_path()))["probe.records"]
        self.assertEqual((beat["cloudLost"], beat["cloudSpilledKeys"]), ("0", "0"), said)
