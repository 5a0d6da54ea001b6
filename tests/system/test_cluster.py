"""The MicroCloud on a real Redis Cluster: every counter against the records of the same run, whatever breaks on the way."""
import random
import signal
import threading
import time

import harness
from harness import run
from redis_cluster import Cluster, ConnectionKiller, slot_of, wait_until
from redis_node import Midway, Relay
from test_cloud import OURS, CloudTest, capture, lines, traffic

REPLICAS = 3
# What may be told between "is away" and the end of it where a master is lost and another one, or the same, takes over: a look may fall on
# when no master serves the slots, and on when one that comes back is about to become a replica.
CHANGING = ("takes no updates, they wait: (CLUSTERDOWN|MASTERDOWN)", "takes no updates, they wait: it is no master")


class OnCluster(CloudTest):
    """One cluster for all: forming one takes seconds."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, REPLICAS)
        cls.addClassCleanup(cls.cluster.close)

    def setUp(self):
        super().setUp()
        self.cluster.wait_well(REPLICAS)
        self.cluster.empty()

    def start(self, cluster=None):
        return self.start_fed((cluster or self.cluster).url)

    def kill(self, node):
        node.kill()
        self.addCleanup(self.start_again, node)

    def start_again(self, node):
        if node.process.poll() is not None:
            node.fix_and_start()

    def finish(self, process, cluster=None):
        said = self.end(process)
        self.check(cluster or self.cluster, lines(self.json_path()))
        return said

    def test_captures(self):
        for name in ("real/http.pcap", "made/qinq.pcap"):
            with self.subTest(capture=name):
                self.cluster.empty()
                done = run("probe", "-r", capture(name), "--json", self.json_path(), "--cloud", self.cluster.url,
                           "--probe-id", "berlin")
                self.assertEqual(done.status, 0, done.stderr)
                hashes = self.check(self.cluster, lines(self.json_path()))
                beat = hashes["probe.berlin"]
                self.assertEqual((beat["cloudLost"], beat["keysRefused"]), ("0", "0"))
                numbers = {number for key, own in self.cluster.ledgers.items() if OURS.match(key) for number in own.values()}
                self.assertEqual(max(map(abs, numbers)), int(beat["batch"]))
                for key, own in self.cluster.ledgers.items():
                    if OURS.match(key):
                        self.assertEqual(set(own), {"_l.berlin"}, key)
                owner = self.cluster.slots()[slot_of("meta.schema")]
                self.assertEqual(owner("GET", "meta.schema"), "1")

    def test_another_type_under_a_key_and_a_counter_that_is_full(self):
        owners = self.cluster.slots()
        self.check_refusals(self.cluster, lambda key: owners[slot_of(key)], self.cluster.url)

    def test_sorted_sets_stay_bounded_and_keep_their_ledgers(self):
        key = "ip.192.0.2.1.peers"
        owner = self.cluster.slots()[slot_of(key)]
        for number in range(200):  # of another probe, each of them larger than what comes
            owner("ZADD", key, 10**9 + number, f"peer{number}")
        owner("ZADD", key, -7, "_l.other")
        process = self.start()
        self.feed(process, 21, 60)
        self.end(process)
        members = dict(zip(*[iter(owner("ZRANGE", key, 0, -1, "WITHSCORES"))] * 2))
        self.assertLess(len(members), 200)
        self.assertEqual(members["_l.other"], "-7")
        self.assertLess(float(members["_l.records"]), -1e15)
        largest = owner("ZREVRANGE", key, 0, 99)
        self.assertEqual(largest, [f"peer{number}" for number in range(199, 99, -1)])

    def test_connections_killed(self):
        process = self.start()
        killer = ConnectionKiller(self.cluster, random.Random(11))
        self.feed(process, 11, 250)
        killed = killer.stop()
        self.assert_told(self.finish(process), "is away, they wait: ", sums=(1, killed))
        self.assertGreater(killed, 5)

    def test_connections_cut_at_any_byte_and_bytes_that_arrive_late(self):
        cluster = Cluster(3, relayed_by=lambda number: Relay(None, 50 + number))
        self.addCleanup(cluster.close)
        process = self.start(cluster)
        self.feed(process, 12, 250)
        said = self.finish(process, cluster)
        relays = [node.relay for node in cluster.nodes]
        self.assertGreater(sum(relay.cuts for relay in relays), 8)
        self.assert_told(said, "is away, they wait: ", sums=(1, 2 * sum(relay.cuts for relay in relays)))
        self.assertGreater(sum(relay.late for relay in relays), 2)

    def test_each_right_taken_away_inside_of_a_transaction(self):
        """EXEC asks for rights once more, and runs what it may: what it refuses then goes again, and nothing else does."""
        left = ["eval", "hset", "hincrby", "expire", "zadd", "zincrby"] * 3
        away = threading.Event()

        def take_away():
            if left and not away.is_set():
                right = left.pop()
                away.set()
                for node in cluster.nodes:
                    node("ACL", "SETUSER", "default", "-" + right)

        cluster = Cluster(3, relayed_by=lambda _: Midway(None, take_away))
        self.addCleanup(cluster.close)
        process = self.start(cluster)
        feed = self.feeding(process, 14, 600)
        while left or away.is_set():
            self.assertTrue(feed.is_alive(), left)
            if away.wait(1):
                time.sleep(0.2)
                for node in cluster.nodes:
                    node("ACL", "SETUSER", "default", "+@all")
                time.sleep(0.1)
                away.clear()
        feed.join()
        said = self.finish(process, cluster)
        self.assert_told(said, "takes no updates, they wait: .*(NOPERM|can't run this command)", sums=(0, 36))

    def test_master_killed_with_a_tail_that_no_replica_has(self):
        process = self.start()
        feed = self.feeding(process, 13, 400)
        time.sleep(1.5)
        master = self.cluster.masters()[0]
        self.cluster.cut_replication(master)
        time.sleep(0.4)
        self.kill(master)
        wait_until(lambda: master not in self.cluster.masters(), "a replica takes over")
        self.start_again(master)
        feed.join()
        said = self.finish(process)
        self.assert_told(said, "is away, they wait: ", may=CHANGING, sums=(0, 3))

    def test_slots_without_traffic_are_made_whole_after_a_failover(self):
        def counters(node):
            return {key: {name: n for name, n in fields.items() if name not in ("lastSeen", "firstSeen") and not name.startswith("_")}
                    for key, fields in node.contents()[0].items() if OURS.match(key)}

        process = self.start()
        for at, part in enumerate(traffic(14, 50)):
            if at == 25:
                master = self.cluster.masters()[1]
                self.cluster.cut_replication(master)
            process.stdin.write(part)
            process.stdin.flush()
            time.sleep(0.01)
        heir = self.cluster.replica_of(master)
        before = None
        while before != (now := counters(master)):  # until all that is to come before the end has come
            before = now
            time.sleep(0.3)
        self.assertNotEqual(counters(heir), before, "the replica has all: nothing is tested")
        self.kill(master)
        wait_until(lambda: master not in self.cluster.masters(), "a replica takes over")
        wait_until(lambda: counters(heir) == before, "what was kept is asked again, though nothing new comes")
        self.start_again(master)
        process.stdin.close()
        self.assert_told(self.finish(process), "is away, they wait: ", may=CHANGING, sums=(0, 3))

    def test_keys_deleted_under_load(self):
        process = self.start()
        feed = self.feeding(process, 32, 400, goes_on=False)
        clients = {node: node.client() for node in self.cluster.masters()}
        owners = self.cluster.slots()
        removed = self.remove_some(lambda key: clients[owners[slot_of(key)]],
                                   lambda: [key for client in clients.values() for key in client("KEYS", "*")], 32, feed)
        feed.join()
        said = self.end(process)
        less, _ = self.check_reborn(self.cluster, lines(self.json_path()))
        print(f"{removed} keys deleted, {less} hashes hold less than all")
        self.assertGreater(removed, 100)
        self.assertGreater(less, 20)
        self.assert_told(said)
        for client in clients.values():
            client.close()

    def test_slots_move_under_load(self):
        process = self.start()
        feed = self.feeding(process, 15, 350)
        time.sleep(1)
        source, target = self.cluster.masters()[:2]
        owners = self.cluster.slots()
        busy = [slot for slot in {slot_of(key) for key in source.contents()[0]} if owners[slot] is source][:12]
        for slot in busy:
            self.cluster.move(slot, source, target, 0.05)
        feed.join()
        self.assert_told(self.finish(process), sums=(0, 0))  # that is nothing to worry about
        self.assertRegex(source("INFO", "errorstats"), r"errorstat_ASK:count=[1-9]")
        self.assertRegex(source("INFO", "errorstats"), r"errorstat_MOVED:count=[1-9]")
        self.assertTrue(all(self.cluster.slots()[slot] is target for slot in busy))

    def test_two_probes_killed_and_started_again(self):
        """Their numbers begin above those of the life before."""
        self.check_next_life(self.cluster, lambda name: self.start_fed(self.cluster.url, name=name))

    def test_cluster_down_and_up_again(self):
        process = self.start()
        feed = self.feeding(process, 16, 350)
        time.sleep(1)
        master = self.cluster.masters()[2]
        other = self.cluster.masters()[0]
        replica = self.cluster.replica_of(master)
        replica.process.send_signal(signal.SIGSTOP)
        self.addCleanup(replica.process.send_signal, signal.SIGCONT)
        self.kill(master)
        wait_until(lambda: "cluster_state:fail" in other("CLUSTER", "INFO"), "the cluster is down")
        time.sleep(1)
        self.start_again(master)
        replica.process.send_signal(signal.SIGCONT)
        feed.join()
        said = self.finish(process)
        self.assert_told(said, "is away, they wait: ", may=CHANGING, sums=(0, 3))
        self.assertRegex(other("INFO", "errorstats"), r"errorstat_CLUSTERDOWN:count=[1-9]")
