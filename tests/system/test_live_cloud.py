"""The MicroCloud and live capture: how long it takes from the wire to the server, as the probe itself tells. Needs root."""
import os
import subprocess
import tempfile
import time

import harness
from harness import CAPTURES, ProbeTest
from redis_node import Node
from test_live import Link, why_not


class Visible(ProbeTest):
    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)  # the probe goes on as another user
        self.socket = os.path.join(folder.name, "node")
        self.metrics = os.path.join(folder.name, "metrics")
        os.mkdir(self.metrics)
        os.chmod(self.metrics, 0o777)
        # Over a file: the namespace has no way to the outside.
        self.node = Node("--unixsocket", self.socket, "--unixsocketperm", "777")
        self.addCleanup(self.node.close)

    def test_transactions_are_visible_soon(self):
        page = os.path.join(self.metrics, "probe.prom")
        with Link() as link:
            process = harness.start_probe("-i", Link.RECEIVER, "--cloud", f"unix://{self.socket}", "--probe-id", "berlin",
                                          "--json", "-", "--metrics-file", page, prefix=link.inside)
            try:
                link.wait_for_capture(process, 1)
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
