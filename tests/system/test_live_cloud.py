"""The MicroCloud and live capture: how long it takes from the wire to the server, as the probe itself tells, and that nothing that happens
to the server costs a packet. Needs root."""
import os
import random
import signal
import subprocess
import tempfile
import threading
import time

import frames
import harness
from harness import CAPTURES
from redis_node import Client, Node, RedisError
from test_cloud import CloudTest, lines
from test_face_hostile import flows
from test_live import Link, wait_until_idle, why_not


OTHERS = 200_000


class LiveTest(CloudTest):
    node_options = ()

    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)  # the probe goes on as another user
        self.socket = os.path.join(folder.name, "node")
        self.metrics = os.path.join(folder.name, "metrics")
        os.mkdir(self.metrics)
        os.chmod(self.metrics, 0o777)
        # Over a file: the namespace has no way to the outside.
        self.node = Node("--unixsocket", self.socket, "--unixsocketperm", "777", *self.node_options)
        self.addCleanup(self.node.close)


class Visible(LiveTest):
    def test_transactions_are_visible_soon(self):
        page = os.path.join(self.metrics, "probe.prom")
        with Link() as link:
            process = harness.start_probe("-i", Link.RECEIVER, "--cloud", f"unix://{self.socket}", "--probe-id", "berlin",
                                          "--json", "-", "--metrics-file", page, prefix=link.inside)
            try:
                link.wait_for_capture(process, 1)
                first = harness.wait_for(lambda: self.node.contents()[0].get("probe.berlin"))
                self.assertFalse([name for name in first if name.startswith("visible")], "nothing was measured yet")
                link.send(os.path.join(CAPTURES, "real", "dns.pcap"), "--pps", "100")
                time.sleep(1)
            finally:
                done = harness.end_probe(process)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertGreater(len([record for record in done.records if record["record"] == "dns"]), 5)
        beat = self.node.contents()[0]["probe.berlin"]
        counts = dict(part.split(":") for part in beat["visibleHistogram"].split())
        self.assertGreater(sum(map(int, counts.values())), 5)
        self.assertLess(0, float(beat["visibleP50Ms"]))
        self.assertLessEqual(float(beat["visibleP50Ms"]), float(beat["visibleP99Ms"]))
        self.assertLess(float(beat["visibleP99Ms"]), 2_000, "no time of a file, and no flow that waits for its end")
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("# TYPE microcloud_cloud_visible_seconds histogram\n", text)
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))
        print(f"visible: p50 {beat['visibleP50Ms']} ms, p99 {beat['visibleP99Ms']} ms")


class NodeInTrouble(LiveTest):
    node_options = ("--appendonly", "yes", "--enable-debug-command", "yes")

    def ask_for_all_keys(self, until):
        """Again and again, of a node that has many. Gives how often it was answered."""
        answered = 0
        while not until.is_set():
            try:
                client = Client(self.node.port)
                client("KEYS", "ip.*")
                client.close()
                answered += 1
            except (OSError, RedisError, EOFError):
                time.sleep(0.02)  # it is away just now
        return answered

    def with_other_keys(self, *words):
        client = self.node.client()
        client(*words)
        client.close()

    def fill(self):
        """So that KEYS takes long."""
        self.with_other_keys("DEBUG", "POPULATE", OTHERS, "other", 16)

    def empty(self):
        self.with_other_keys("EVAL", f"for at = 0, {OTHERS} do redis.call('DEL', 'other:' .. at) end", 0)

    def test_no_packet_is_lost(self):
        """The node is flooded with KEYS all the time, stands still, is killed and comes back without the end of its file."""
        packets = 60_000
        answers = []
        over = threading.Event()
        flood = [threading.Thread(target=lambda: answers.append(self.ask_for_all_keys(over))) for _ in range(4)]
        self.fill()
        records = os.path.join(self.metrics, "records.json")
        with Link() as link, harness.scratch_file(frames.pcap(flows(packets))) as path:
            probe = harness.start_probe("-i", Link.RECEIVER, "--cloud", f"unix://{self.socket}", "--probe-id", "records", "-d", "2",
                                        "--json", records, prefix=link.inside)
            try:
                link.wait_for_capture(probe, 1)
                for thread in flood:
                    thread.start()
                sending = threading.Thread(target=link.send, args=(path, "--pps", "8000"))
                sending.start()
                time.sleep(1)
                self.node.process.send_signal(signal.SIGSTOP)
                time.sleep(1.5)
                self.node.process.send_signal(signal.SIGCONT)
                time.sleep(1)
                self.node.wait_until_written()
                self.node.kill()
                self.node.lose_tail(random.Random(4))
                time.sleep(0.5)
                self.node.fix_and_start()
                self.fill()
                sending.join()
                wait_until_idle(probe)
                lost = link.lost()
            finally:
                over.set()
                done = harness.end_probe(probe)
                for thread in flood:
                    thread.join()
        self.assertEqual(done.status, 0, done.stderr)
        said = harness.closing_counts(done.stderr)
        self.assertEqual((said["read"] + lost, said["dropped"], said["metered"] + lost), (packets, 0, packets))
        self.empty()
        self.assertEqual(self.check(self.node, lines(records), sets=False)["probe.records"]["cloudLost"], "0")
        self.assertGreater(sum(answers), 20)
        print(f"{said['read']} packets, 0 dropped; KEYS of {OTHERS} answered {sum(answers)} times, a stop of 1.5 s and a restart meanwhile")
