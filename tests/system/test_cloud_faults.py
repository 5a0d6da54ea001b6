"""One node that breaks, refuses or is away, and probes that are killed: every counter against the records of the same run."""
import os
import random
import signal
import threading
import time
import urllib.request

import harness
from harness import run, wait_for
from redis_node import Midway, Relay, free_port
from test_cloud import CloudTest, Truth, capture, counters, lines, traffic

# What updates are made of, and what they rest on.
GUARDING = ("eval", "watch", "multi", "exec")
RIGHTS = (*GUARDING, "set", "get", "hincrby", "hset", "expire", "zincrby", "role")


class FaultTest(CloudTest):
    def feeding(self, process, seed, chunks, pause=0.01):
        feed = threading.Thread(target=self.feed, args=(process, seed, chunks, pause))
        feed.start()
        self.addCleanup(feed.join)
        return feed

    def kill_connections(self, client):
        """Those of probes that write."""
        killed = 0
        for line in client("CLIENT", "LIST").splitlines():
            facts = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if facts["name"] == "microcloud-probe":
                killed += client("CLIENT", "KILL", "ID", facts["id"])
        return killed

    def batches(self, client):
        """That the node has."""
        return sum(int(client("GET", key) or 0) for key in client("KEYS", "mc.led.*"))


class Connections(FaultTest):
    def test_cut_at_any_byte_and_bytes_that_arrive_late(self):
        beds = []
        for seed in (1, 2, 3):
            node = self.node()
            relay = Relay(node.port, seed)
            self.addCleanup(relay.close)
            process = self.start_fed(relay.port, name=f"records{seed}")
            beds.append((seed, node, relay, process, self.feeding(process, seed, 400)))
        for seed, node, relay, process, feed in beds:
            with self.subTest(seed=seed):
                feed.join()
                said = self.end(process)
                self.check(node, lines(self.json_path(f"records{seed}")))
                self.assertGreater(relay.cuts, 5, said)
        self.assertGreater(sum(relay.late for _, _, relay, _, _ in beds), 2)


class Crashes(FaultTest):
    def test_node_killed_and_the_tail_of_its_log_lost(self):
        """More than once, with writes in between: a transaction that was cut shows only then."""
        node = self.node("--appendonly", "yes")
        process = self.start_fed(node.port)
        feed = self.feeding(process, 4, 400)
        chance = random.Random(4)
        for _ in range(3):
            client = node.client()
            written = self.batches(client)
            wait_for(lambda: self.batches(client) > written or not feed.is_alive())
            client.close()
            time.sleep(0.7)
            node.kill()
            node.lose_tail(chance)
            node.fix_and_start()
        feed.join()
        said = self.end(process)
        self.check(node, lines(self.json_path()))
        self.assertIn("is away", said)

    def test_two_probes_killed_and_started_again(self):
        """What a probe that is killed has not sent is gone. What it has sent counts once, and its next life neither counts it again nor
        is taken for it."""
        node = self.node()
        self.check_next_life(node, lambda name: self.start_fed(node.port, name=name))


class Away(FaultTest):
    def waiting(self, page):
        """(bytes of updates that wait, of batches that are kept)"""
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics", timeout=10) as answer:
            found = harness.parse_metrics(answer.read().decode())
        return tuple(found[(f"microcloud_cloud_{what}_bytes", frozenset())] for what in ("waiting", "kept"))

    def test_updates_merge_while_a_node_is_away(self):
        """What is away for an hour needs no more memory than what is away for a second: a buffer of the keys that are touched. (The
        traffic of this test is of 64 hosts, and goes on.)"""
        page = free_port()
        node = self.node("--appendonly", "yes")
        process = self.start_fed(node.port, "--metrics", f"127.0.0.1:{page}")
        feed = self.feeding(process, 5, 1200, 0.002)
        client = node.client()
        wait_for(lambda: client("KEYS", "mc.led.*"))
        client.close()
        node.kill()
        sizes = []
        while feed.is_alive():
            time.sleep(0.2)
            sizes.append(self.waiting(page))
        print(f"waiting and kept while the node is away: {sizes}")
        early, late = sizes[:len(sizes) // 2], sizes[len(sizes) // 2:]
        for at in (0, 1):
            self.assertLess(max(one[at] for one in late), 1.1 * max(one[at] for one in early))
        node.fix_and_start()
        said = self.end(process)
        self.check(node, lines(self.json_path()))
        self.assertEqual(said.count("is away"), 1, said)

    def test_nobody_there(self):
        done = run("probe", "-r", capture("real/icmp.pcap"), "--json", self.json_path(), "--cloud", "redis://127.0.0.1:1",
                   "--drain", "1")
        self.assertEqual(done.status, 1)
        self.assertIn("has not taken", done.stderr.splitlines()[-1])


class Refusals(FaultTest):
    def test_no_memory(self):
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

    def test_each_right_taken_away_and_given_back(self):
        """Also while the connection is made anew: what it does then must not rest on a right that is not there."""
        node = self.node()
        client = node.client()
        process = self.start_fed(node.port)
        feed = self.feeding(process, 7, 500)
        for breaks, rights in ((False, RIGHTS), (True, GUARDING)):
            for right in rights:
                before = self.batches(client)
                wait_for(lambda: self.batches(client) > before or not feed.is_alive())
                client("ACL", "SETUSER", "default", "-" + right)
                time.sleep(0.1)
                if breaks:
                    self.kill_connections(client)
                    time.sleep(0.1)
                client("ACL", "SETUSER", "default", "+@all")
        feed.join()
        said = self.end(process)
        client.close()
        self.assertIn("NOPERM", said)
        self.assertEqual(self.check(node, lines(self.json_path()))["probe.records"]["cloudLost"], "0")

    def test_each_right_taken_away_inside_of_a_transaction(self):
        """EXEC asks for rights once more, and runs what it may: what it refuses then goes again, and nothing else does."""
        node = self.node()
        client = node.client()
        rights = [right for right in RIGHTS if right not in ("watch", "multi", "exec", "get", "role")] * 2
        left = list(rights)
        away = threading.Event()

        def take_away():
            if left and not away.is_set():
                client("ACL", "SETUSER", "default", "-" + left.pop())
                away.set()

        midway = Midway(node.port, take_away)
        self.addCleanup(midway.close)
        process = self.start_fed(midway.port, "--listen", f"127.0.0.1:{free_port()}")
        feed = self.feeding(process, 19, 500)
        other = node.client()
        while left or away.is_set():
            self.assertTrue(away.wait(20), left)
            time.sleep(0.05)
            other("ACL", "SETUSER", "default", "+@all")
            before = self.batches(other)
            wait_for(lambda: self.batches(other) > before)
            away.clear()
        feed.join()
        said = self.end(process)
        self.assertEqual(self.check(node, lines(self.json_path()))["probe.records"]["cloudLost"], "0")
        self.assertIn("takes no updates, they wait: NOPERM", said)
        client.close()
        other.close()

    def test_a_master_that_is_a_replica_for_a_while(self):
        """It refuses writes, and has lost what it took when the other one did not follow any more."""
        node = self.node()
        other = self.node("--replicaof", "127.0.0.1", str(node.port))
        client, others = node.client(), other.client()
        wait_for(lambda: client("ROLE")[2])
        process = self.start_fed(node.port)
        feed = self.feeding(process, 13, 300)
        wait_for(lambda: client("KEYS", "mc.led.*"))
        others("REPLICAOF", "NO", "ONE")
        time.sleep(0.3)
        client("REPLICAOF", "127.0.0.1", other.port)
        wait_for(lambda: client("ROLE")[3] == "connected")
        time.sleep(0.5)
        client("REPLICAOF", "NO", "ONE")
        others("REPLICAOF", "127.0.0.1", node.port)
        feed.join()
        said = self.end(process)
        self.check(node, lines(self.json_path()))
        self.check(other, lines(self.json_path()))
        self.assertRegex(said, "is away, they wait: .*no master")
        client.close()
        others.close()

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
        lost = truth.pop("ip.192.0.2.1")
        hashes, _, _ = node.contents()
        self.assertEqual(counters(hashes), truth)
        self.assertGreaterEqual(int(hashes["probe.records"]["cloudLost"]), len(lost))


class Others(FaultTest):
    """Who else is at the node."""

    def test_a_later_schema(self):
        """One number later: a probe goes on, beside others that know more, and leaves alone what it does not know. Two: it refuses."""
        node = self.node()
        client = node.client()
        process = self.start_fed(node.port)
        feed = self.feeding(process, 14, 100)
        wait_for(lambda: client("KEYS", "mc.led.*"))
        client("SET", "meta.schema", 2)
        client("HSET", "ip.192.0.2.1", "ofTheNextSchema", 7)
        client("HSET", "tree.of.the.next", "n", 7)
        self.kill_connections(client)
        feed.join()
        self.end(process)
        self.assertEqual((client("GET", "meta.schema"), client("HGET", "tree.of.the.next", "n")), ("2", "7"))
        self.assertEqual(client("HGET", "ip.192.0.2.1", "ofTheNextSchema"), "7")
        client("HDEL", "ip.192.0.2.1", "ofTheNextSchema")
        self.check(node, lines(self.json_path()))
        before = node.contents()
        client("SET", "meta.schema", 3)
        done = run("probe", "-r", capture("real/icmp.pcap"), "--cloud", f"redis://127.0.0.1:{node.port}", "-n", "none")
        self.assertEqual(done.status, 1, done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1], "keys of schema 3; this probe knows 1$")
        self.assertEqual(counters(node.contents()[0]), counters(before[0]))
        client.close()

    def test_a_password_that_changes(self):
        node = self.node()
        client = node.client()
        client("ACL", "SETUSER", "berlin", "on", ">old", "~*", "&*", "+@all")
        secret, log = (os.path.join(self.folder, name) for name in ("secret", "log"))

        def write(password):
            with open(secret, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(password + "\n")

        def said(words):
            with open(log, encoding="utf-8") as file:
                return file.read().count(words)

        def logged(words, times=1):
            wait_for(lambda: os.path.exists(log) and said(words) >= times)

        write("old")
        process = self.start_fed(f"redis://berlin@127.0.0.1:{node.port}", "--cloud-secret-file", secret, "--log-file", log)
        feed = self.feeding(process, 31, 60)
        logged("takes updates")
        client("ACL", "SETUSER", "berlin", "resetpass", ">new")
        self.assertGreater(self.kill_connections(client), 0)
        logged("is away")
        write("")
        process.send_signal(signal.SIGHUP)
        logged("; the old state is kept")
        write("new")
        process.send_signal(signal.SIGHUP)
        logged("takes updates", times=2)
        feed.join()
        self.end(process)
        self.check(node, lines(self.json_path()))
        client.close()
        self.assertEqual(said("; the old state is kept"), 1)

    def test_a_subscriber_that_never_reads(self):
        """The node cuts it off when 32 MB wait for it, as `microcloud node` configures that; events cost no update."""
        node = self.node("--client-output-buffer-limit", "pubsub 32mb 8mb 60")
        client, lazy = node.client(), node.client()
        lazy("PSUBSCRIBE", "event.*")
        process = self.start_fed(node.port, "--events", "all")
        feed = self.feeding(process, 15, 100)
        wait_for(lambda: client("KEYS", "mc.led.*"))
        filler = b"x" * (1 << 20)
        for _ in range(60):
            client("PUBLISH", "event.flow", filler)
        feed.join()
        self.end(process)
        self.check(node, lines(self.json_path()))
        facts = dict(line.split(":", 1) for line in client("INFO").splitlines() if ":" in line)
        with open(os.path.join(node.folder, "log"), encoding="utf-8") as log:
            self.assertEqual(log.read().count("overcoming of output buffer limits"), 1)
        self.assertLess(int(facts["used_memory_peak"]), 64 << 20)
        self.assertLess(int(facts["used_memory"]), 16 << 20)
        self.assertEqual(client("PUBSUB", "NUMPAT"), 0)
        client.close()
        lazy.close()
