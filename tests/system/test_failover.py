"""Behind Redis Sentinel: a master that dies, stands still, or goes on where the others do not see it. Every counter in the one that
is left against the records of the same run."""
import signal
import time

import harness
from harness import wait_for
from redis_sentinel import PATIENCE, Sentinels
from test_cloud import CloudTest, counters, lines

SEEN_BY_PEERS, ITS_OWN = "127.0.0.1", "127.0.0.2"


class FailoverTest(CloudTest):
    def begin(self, *options):
        """A master with a replica, and a probe that updates it."""
        self.master = self.node(*options)
        self.replica = self.node(*options, "--replicaof", "127.0.0.1", str(self.master.port))
        wait_for(lambda: self.ask(self.master, "ROLE")[2], PATIENCE)
        self.sentinels = Sentinels(self.master.port)
        self.addCleanup(self.sentinels.close)
        self.probe = self.start_fed(self.sentinels.url, "--drain", "60")

    def ask(self, node, *words):
        client = node.client()
        try:
            return client(*words)
        finally:
            client.close()

    def ledger(self, ask):
        """The number of the last batch that is applied there."""
        return sum(int(ask("GET", key)) for key in ask("KEYS", "mc.led.*"))

    def wait_for_batches(self, ask, more):
        enough = self.ledger(ask) + more
        wait_for(lambda: self.ledger(ask) >= enough, PATIENCE)

    def rolled_back(self):
        """Batches that were acknowledged, and had to be sent again."""
        return harness.check_ladder(self.probe.args)[("microcloud_cloud_batches_rolled_back_total", frozenset())]


class Failover(FailoverTest):
    def test_master_killed(self):
        """The replica takes over without the last batches that the master had acknowledged: they are sent again. The old master comes
        back with nothing."""
        self.begin()
        feed = self.feeding(self.probe, 9, 300)
        client = self.master.client()
        self.wait_for_batches(client, 20)
        client("ACL", "SETUSER", "default", "-psync", "-sync")
        client("CLIENT", "KILL", "TYPE", "replica")
        self.wait_for_batches(client, 5)
        client.close()
        self.master.kill()
        self.sentinels.wait_for_master(self.replica)
        self.master.start()
        feed.join()
        said = self.end(self.probe)
        for node in (self.replica, self.master):
            self.check(node, lines(self.json_path()))
        self.assert_told(said, "is away")
        self.assertGreaterEqual(self.rolled_back(), 5)

    def test_master_stands_still_and_returns(self):
        """It takes batches until the sentinels make it a replica of the new one, and loses them then."""
        self.begin()
        feed = self.feeding(self.probe, 10, 300)
        client = self.master.client()
        self.wait_for_batches(client, 20)
        self.master.process.send_signal(signal.SIGSTOP)
        self.sentinels.wait_for_master(self.replica)
        self.master.process.send_signal(signal.SIGCONT)
        client.close()
        feed.join()
        said = self.end(self.probe)
        self.assert_told(said, "is away", sums=(0, 2))
        for node in (self.replica, self.master):
            self.check(node, lines(self.json_path()))


class SplitBrain(FailoverTest):
    def split(self):
        """The master stays with the probe; the replica and the sentinels do not see it any more. Gives how to heal that."""
        client = self.master.client()
        client("CONFIG", "SET", "bind", ITS_OWN)
        client("CLIENT", "KILL", "TYPE", "replica")
        for line in client("CLIENT", "LIST").splitlines():
            facts = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if facts["name"].startswith("sentinel-"):
                client("CLIENT", "KILL", "ID", facts["id"])
        return client, lambda: client("CONFIG", "SET", "bind", f"{SEEN_BY_PEERS} {ITS_OWN}")

    def test_split_brain(self):
        self.check_split_brain(seconds=0, pause=0.01)

    def test_split_brain_longer_than_any_window(self):
        """Of a master that never had a replica what it has acknowledged is kept for 30 s; of this one, which has lost its replica, for as
        long as that takes."""
        self.check_split_brain(seconds=45, pause=0.12)

    def check_split_brain(self, seconds, pause):
        """The probe stays with the old master for as long as that takes batches. When that is made a replica all of them are gone."""
        self.begin()
        feed = self.feeding(self.probe, 11, 400, pause)
        self.wait_for_batches(lambda *words: self.ask(self.master, *words), 20)
        wait_for(lambda: self.ledger(lambda *words: self.ask(self.replica, *words)) > 0, PATIENCE)
        old, heal = self.split()
        before, since = self.ledger(old), time.monotonic()
        self.sentinels.wait_for_master(self.replica)
        self.wait_for_batches(old, 20)
        self.assertNotEqual(counters(self.replica.contents()[0]), {})
        self.assertLessEqual(self.ledger(lambda *words: self.ask(self.replica, *words)), before)
        feed.join()
        self.wait_for_batches(old, 0)
        time.sleep(max(0, since + seconds - time.monotonic()))
        heal()
        old.close()
        said = self.end(self.probe)
        for node in (self.replica, self.master):
            self.assertEqual(self.check(node, lines(self.json_path()))["probe.records"]["cloudLost"], "0")
        self.assert_told(said, "is away", sums=(0, 2))
        self.assertGreaterEqual(self.rolled_back(), 20)

    def test_split_brain_where_a_master_needs_a_replica(self):
        """min-replicas-to-write: the old master refuses, so nothing is rolled back but what it took before it knew."""
        self.begin("--min-replicas-to-write", "1", "--min-replicas-max-lag", "2")
        feed = self.feeding(self.probe, 12, 400)
        self.wait_for_batches(lambda *words: self.ask(self.master, *words), 20)
        old, heal = self.split()
        taken = self.ledger(old)
        self.sentinels.wait_for_master(self.replica)
        time.sleep(1)
        refused_from = self.ledger(old)
        self.assertLessEqual(refused_from, taken + 1, "it has no replica, and takes nothing")
        replicated = self.ledger(lambda *words: self.ask(self.replica, *words))
        heal()
        old.close()
        feed.join()
        said = self.end(self.probe)
        for node in (self.replica, self.master):
            self.check(node, lines(self.json_path()))
        self.assert_told(said, "takes no updates, they wait: NOREPLICAS", may=["is away"], sums=(0, 3))
        self.assertLessEqual(self.rolled_back(), refused_from - replicated)
