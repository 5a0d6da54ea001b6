"""One node that breaks, refuses or is away, and probes that are killed: every counter against the records of the same run."""
import json
import os
import random
import re
import signal
import threading
import time

import frames
import harness
from harness import run, wait_for
from redis_node import Midway, Relay, free_port
from test_cloud import CloudTest, capture, counters, lines, traffic

# What updates are made of, and what they rest on.
AWAY = "is away, they wait: .*127.0.0.1:\\d+: "
GUARDING = ("eval", "watch", "multi", "exec")
RIGHTS = (*GUARDING, "set", "get", "hincrby", "hset", "expire", "zincrby", "role")


class FaultTest(CloudTest):
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


    def feed_half(self, process, seed):
        """And leaves the pipe open."""
        for at, part in enumerate(traffic(seed, 100)):
            process.stdin.write(part)
            process.stdin.flush()
            if at == 0:
                harness.wait_until_running(process)
            time.sleep(0.01)


class Connections(FaultTest):
    def test_cut_at_any_byte_and_bytes_that_arrive_late(self):
        beds = []
        for seed in (1, 2, 3):
            node = self.node()
            relay = Relay(node.port, seed)
            self.addCleanup(relay.close)
            process = self.start_fed(relay.port, name=f"records{seed}")
            beds.append((seed, node, relay, process, self.feeding(process, seed, 400, goes_on=False)))
        for seed, node, relay, process, feed in beds:
            with self.subTest(seed=seed):
                feed.join()
                said = self.end(process)
                self.check(node, lines(self.json_path(f"records{seed}")))
                self.assertGreater(relay.cuts, 5, said)
                self.assert_told(said, AWAY, sums=(4, 2 * relay.cuts))
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
            wait_for(lambda: self.batches(client) > written)
            client.close()
            time.sleep(0.7)
            node.kill()
            node.lose_tail(chance)
            node.fix_and_start()
        feed.join()
        said = self.end(process)
        self.check(node, lines(self.json_path()))
        self.assert_told(said, AWAY, sums=(2, 2))

    def test_node_away_for_a_minute_and_the_tail_of_its_log_lost(self):
        """Longer than what it has acknowledged is kept for where there is no replica: that time stands still while it is away."""
        node = self.node("--appendonly", "yes")
        process = self.start_fed(node.port)
        self.feed_half(process, 21)
        client = node.client()
        wait_for(lambda: self.batches(client))
        client.close()
        time.sleep(0.5)
        node.kill()
        node.lose_tail(random.Random(4))
        time.sleep(60)
        node.fix_and_start()
        process.stdin.close()
        said = self.end(process)
        self.assertEqual(self.check(node, lines(self.json_path()))["probe.records"]["cloudLost"], "0")
        self.assert_told(said, AWAY)

    def test_two_probes_killed_and_started_again(self):
        """What a probe that is killed has not sent is gone. What it has sent counts once, and its next life neither counts it again nor
        is taken for it."""
        node = self.node()
        self.check_next_life(node, lambda name: self.start_fed(node.port, name=name))


class Away(FaultTest):
    def waiting(self, process):
        """(bytes of updates that wait, of batches that are kept)"""
        found = harness.read_metrics(self.watches[process].page)
        return tuple(found[(f"microcloud_cloud_{what}_bytes", frozenset())] for what in ("waiting", "kept"))

    def test_updates_merge_while_a_node_is_away(self):
        """What is away for an hour needs no more memory than what is away for a second: a buffer of the keys that are touched. (The
        traffic of this test is of 64 hosts, and goes on.)"""
        node = self.node("--appendonly", "yes")
        process = self.start_fed(node.port)
        feed = self.feeding(process, 5, 1200, 0.002, goes_on=False)
        client = node.client()
        wait_for(lambda: client("KEYS", "mc.led.*"))
        client.close()
        node.kill()
        sizes = []
        while feed.is_alive():
            time.sleep(0.2)
            sizes.append(self.waiting(process))
        print(f"waiting and kept while the node is away: {sizes}")
        early, late = sizes[:len(sizes) // 2], sizes[len(sizes) // 2:]
        for at in (0, 1):
            self.assertLess(max(one[at] for one in late), 1.1 * max(one[at] for one in early))
        node.fix_and_start()
        said = self.end(process)
        self.check(node, lines(self.json_path()))
        self.assert_told(said, AWAY)

    def test_nobody_there(self):
        done = run("probe", "-r", capture("real/icmp.pcap"), "--json", self.json_path(), "--cloud", "redis://127.0.0.1:1",
                   "--drain", "1")
        self.assertEqual(done.status, 1)
        self.assertIn("has not taken", done.stderr.splitlines()[-1])


class Reborn(FaultTest):
    def test_keys_deleted_under_load(self):
        node = self.node()
        process = self.start_fed(node.port)
        feed = self.feeding(process, 30, 400, goes_on=False)
        client = node.client()
        removed = self.remove_some(lambda key: client, lambda: client("KEYS", "*"), 30, feed)
        feed.join()
        said = self.end(process)
        less, hashes = self.check_reborn(node, lines(self.json_path()))
        print(f"{removed} keys deleted, {less} hashes hold less than all")
        self.assertGreater(removed, 100)
        self.assertGreater(less, 20)
        macs = [key for key in hashes if key.startswith("mac.")]
        self.assertTrue(all("ip" in hashes[key] for key in macs) and macs, "what is learnt comes again")
        self.assertEqual(hashes["probe.records"]["cloudLost"], "0")
        self.assert_told(said)
        client.close()

    def test_keys_evicted_under_load(self):
        """As a node does that has not enough memory for all of them."""
        node = self.node("--maxmemory-policy", "volatile-lru")
        client = node.client()
        process = self.start_fed(node.port)
        feed = self.feeding(process, 31, 400, goes_on=False)
        wait_for(lambda: self.batches(client) > 10)
        while feed.is_alive():
            facts = dict(line.split(":", 1) for line in client("INFO", "memory").splitlines() if ":" in line)
            client("CONFIG", "SET", "maxmemory", int(facts["used_memory"]) - 20_000)
            time.sleep(0.05)
            client("CONFIG", "SET", "maxmemory", "0")
            time.sleep(0.3)
        feed.join()
        self.end(process)
        less, _ = self.check_reborn(node, lines(self.json_path()))
        evicted = int(dict(line.split(":", 1) for line in client("INFO", "stats").splitlines() if ":" in line)["evicted_keys"])
        print(f"{evicted} keys evicted, {less} hashes hold less than all")
        self.assertGreater(evicted, 50)
        self.assertGreater(less, 10)
        client.close()

    def test_an_older_capture_read_after_a_newer_one(self):
        """The key is of both, from its first packet on."""
        node = self.node()
        for offset in (1_000, 0):
            with harness.scratch_file(frames.pcap([(offset, frames.udp("10.3.3.3", 5, "192.0.2.3", 53, b"x" * 100))])) as path:
                done = run("probe", "-r", path, "--cloud", f"redis://127.0.0.1:{node.port}", "--probe-id", "berlin")
                self.assertEqual(done.status, 0, done.stderr)
        hashes, _, _ = node.contents()
        self.assertEqual(hashes["ip.10.3.3.3"]["firstSeen"], str(int(frames.START * 1_000)))


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
        self.assert_told(said, "takes no updates, they wait: OOM")

    def test_memory_runs_out_under_load(self):
        """As it does for somebody who has set maxmemory, and evicts nothing: what the node has taken stays, and the rest waits."""
        node = self.node("--maxmemory-policy", "noeviction")
        client = node.client()
        process = self.start_fed(node.port)
        feed = self.feeding(process, 22, 400)
        wait_for(lambda: self.batches(client) > 10)
        facts = dict(line.split(":", 1) for line in client("INFO", "memory").splitlines() if ":" in line)
        client("CONFIG", "SET", "maxmemory", int(facts["used_memory"]))
        wait_for(lambda: "errorstat_OOM" in client("INFO", "errorstats"))
        time.sleep(1)
        taken = self.batches(client)
        time.sleep(0.5)
        self.assertLessEqual(self.batches(client), taken + 1, "it has no memory")
        self.assertTrue(feed.is_alive(), "under load")
        client("CONFIG", "SET", "maxmemory", "0")
        client.close()
        feed.join()
        said = self.end(process)
        self.assertEqual(self.check(node, lines(self.json_path()))["probe.records"]["cloudLost"], "0")
        self.assert_told(said, "takes no updates, they wait: OOM", sums=(0, 20))

    def test_each_right_taken_away_and_given_back(self):
        """Also while the connection is made anew: what it does then must not rest on a right that is not there."""
        node = self.node()
        client = node.client()
        process = self.start_fed(node.port)
        feed = self.feeding(process, 7, 500)
        for breaks, rights in ((False, RIGHTS), (True, GUARDING)):
            for right in rights:
                before = self.batches(client)
                wait_for(lambda: self.batches(client) > before)
                client("ACL", "SETUSER", "default", "-" + right)
                time.sleep(0.1)
                if breaks:
                    self.kill_connections(client)
                    time.sleep(0.1)
                client("ACL", "SETUSER", "default", "+@all")
        feed.join()
        said = self.end(process)
        client.close()
        self.assertEqual(self.check(node, lines(self.json_path()))["probe.records"]["cloudLost"], "0")
        self.assert_told(said, "takes no updates, they wait: .*(NOPERM|can't run this command)", may=[AWAY], sums=(4, 2 * len(RIGHTS + GUARDING)))

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
        self.assert_told(said, "takes no updates, they wait: .*(NOPERM|can't run this command)", sums=(4, 2 * len(rights)))
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
        self.assert_told(said, "is away, they wait: .*no master")
        client.close()
        others.close()

    def test_another_type_under_a_key_and_a_counter_that_is_full(self):
        node = self.node()
        client = node.client()
        self.check_refusals(node, lambda _: client, node.port)
        client.close()


class Others(FaultTest):
    """Who else is at the node."""

    def but_for_the_closing_line(self, said):
        return "\n".join(line for line in said.splitlines() if "packets read = " not in line)

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
        self.assert_told(self.end(process), AWAY, "has keys of schema 2; this probe knows 1")
        self.assertEqual((client("GET", "meta.schema"), client("HGET", "tree.of.the.next", "n")), ("2", "7"))
        self.assertEqual(client("HGET", "ip.192.0.2.1", "ofTheNextSchema"), "7")
        client("HDEL", "ip.192.0.2.1", "ofTheNextSchema")
        self.check(node, lines(self.json_path()))
        before = node.contents()
        client("SET", "meta.schema", 3)
        done = run("probe", "-r", capture("real/icmp.pcap"), "--cloud", f"redis://127.0.0.1:{node.port}", "-n", "none")
        self.assertEqual(done.status, 1, done.stderr)
        self.assertRegex(self.but_for_the_closing_line(done.stderr), r"\Amicrocloud probe: .* keys of schema 3; this probe knows 1\Z")
        self.assertEqual(counters(node.contents()[0]), counters(before[0]))
        client.close()

    def test_a_schema_that_cannot_be_read(self):
        node = self.node()
        client = node.client()
        for words, said in ((("SET", "meta.schema", "abc"), "meta.schema holds 'abc'"), (("SET", "meta.schema", "0"), "meta.schema holds '0'"),
                            (("RPUSH", "meta.schema", "1"), "meta.schema holds no text")):
            client("FLUSHALL")
            client(*words)
            done = run("probe", "-r", capture("real/icmp.pcap"), "--cloud", f"redis://127.0.0.1:{node.port}", "-n", "none")
            self.assertEqual(done.status, 1, done.stderr)
            self.assertRegex(self.but_for_the_closing_line(done.stderr), rf"\Amicrocloud probe: .* does not say what schema its keys have: {said}\Z")
            self.assertEqual(client("KEYS", "*"), ["meta.schema"])
        client.close()

    def test_a_schema_that_is_raised_while_a_probe_runs(self):
        """It goes on without the MicroCloud, and what waits is there when that can be understood again."""
        node = self.node()
        client = node.client()
        process = self.start_fed(node.port)
        feed = self.feeding(process, 23, 200)
        wait_for(lambda: self.batches(client) > 5)
        client("SET", "meta.schema", 3)
        self.kill_connections(client)
        time.sleep(0.5)
        taken = self.batches(client)
        time.sleep(0.5)
        self.assertEqual(self.batches(client), taken)
        self.assertTrue(feed.is_alive())
        client("SET", "meta.schema", 1)
        feed.join()
        said = self.end(process)
        self.assertEqual(self.check(node, lines(self.json_path()))["probe.records"]["cloudLost"], "0")
        self.assert_told(said, "is away, they wait: ", sums=(0, 2))
        client.close()

    def test_what_is_lost_is_told_when_it_begins(self):
        """Why, and of which key; and that batches are sent again."""
        node = self.node()
        client = node.client()
        process = self.start_fed(node.port)
        feed = self.feeding(process, 24, 400)
        wait_for(lambda: self.batches(client) > 5)
        client("FLUSHALL")
        self.kill_connections(client)
        key = "ip.192.0.2.1"
        wait_for(lambda: client("DEL", key) and client("SET", key, "mine"))
        lines_told = (rf"[1-9]\d* increments of counters are lost so far, as it does not take them: {re.escape(key)}: WRONGTYPE",
                      r"[1-9]\d* batches are sent again so far, which it had acknowledged and had no more")
        said = ""

        def told():
            nonlocal said
            said += (process.stderr.read() or b"").decode()
            return all(re.search(line, said) for line in lines_told)

        os.set_blocking(process.stderr.fileno(), False)
        wait_for(told, seen=lambda: said)
        self.assertTrue(feed.is_alive())
        time.sleep(2.5)  # as it might be told again each second
        told()
        os.set_blocking(process.stderr.fileno(), True)
        for line in lines_told:
            self.assertEqual(len(re.findall(line, said)), 1, said)
        feed.join()
        self.end(process)
        client.close()

    def test_two_probes_of_one_name(self):
        """Both say so, and who asks is told that it is not all."""
        node = self.node()
        probes = [self.start_fed(node.port, "--listen", f"127.0.0.1:{free_port()}", name="same") for _ in range(2)]
        for number, process in enumerate(probes):
            self.feed_half(process, number)
        client = node.client()
        wait_for(lambda: client("HGET", "probe.same", "namesake") == "1")
        done = run("query", "get", "proto.DNS", "--json", "--cloud", f"redis://127.0.0.1:{node.port}")
        self.assertIn("is not the only one of this name (--probe-id): its open flows are missing", done.stderr)
        self.assertIs(json.loads(done.stdout)["exact"], False)
        for process in probes:
            process.stdin.close()
            said = process.stderr.read().decode()
            self.assertEqual(process.wait(harness.TIMEOUT), 0, said)
            self.assertEqual(said.count("has another probe same: others see one of them only; give each a name of its own (--probe-id)"), 1, said)
        client.close()

    def test_ledgers_of_lives_that_were_killed(self):
        """The next one gives them a time to live; its own have one when it has ended."""
        node = self.node()
        client = node.client()
        for life in range(3):
            process = self.start_fed(node.port, name="crash")
            self.feed_half(process, life)
            wait_for(lambda: len(client("HKEYS", "mc.lives.crash")) == 2)
            process.kill()
            process.wait()
        lives = sorted(client("TTL", key) for key in client("KEYS", "mc.led.crash.*"))
        self.assertEqual(lives[0], -1)
        self.assertEqual([seconds > 3_500 for seconds in lives], [False, True, True])
        self.feed(process := self.start_fed(node.port, name="crash"), 4, 5)
        self.end(process)
        self.assertTrue(all(3_500 < client("TTL", key) <= 3_600 for key in client("KEYS", "mc.led.crash.*")))
        self.assertEqual(client("EXISTS", "mc.lives.crash"), 0)
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
