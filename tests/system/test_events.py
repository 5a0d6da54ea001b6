"""Records on channels (--events)."""
import json
import os
import threading

import harness
from harness import CAPTURES, run
from test_cloud import CloudTest, lines


class Events(CloudTest):
    def listen(self, node, pattern, until):
        """Starts to listen; the list that is returned grows until a message on `until` has come."""
        client = node.client()
        client.socket.settimeout(harness.TIMEOUT)
        self.assertEqual(client("PSUBSCRIBE", pattern)[0], "psubscribe")
        heard, done = [], threading.Event()

        def hear():
            while not done.is_set():
                _, _, channel, payload = client.read()
                heard.append((channel, payload))
                if channel == until:
                    done.set()
        threading.Thread(target=hear, daemon=True).start()
        return heard, done

    def test_records_and_the_probe(self):
        node = self.node()
        heard, done = self.listen(node, "north/event.*", "north/event.probe.stopped")
        ended = run("probe", "-r", os.path.join(CAPTURES, "real", "dns.pcap"), "--json", self.json_path(), "--realm", "north",
                    "--cloud", f"redis://127.0.0.1:{node.port}", "--events", "dns,probe", "--probe-id", "berlin")
        self.assertEqual(ended.status, 0, ended.stderr)
        self.assertTrue(done.wait(harness.TIMEOUT))
        self.assertEqual([channel for channel, _ in heard if "probe" in channel], ["north/event.probe.started", "north/event.probe.stopped"])
        self.assertEqual(json.loads(heard[0][1])["probeId"], "berlin")
        told = [json.loads(payload) for channel, payload in heard if channel == "north/event.dns"]
        self.assertEqual(told, [record for record in lines(self.json_path()) if record["record"] == "dns"])
        self.assertGreater(len(told), 5)
        self.assertEqual(len(heard), len(told) + 2, "no other kind")

    def test_all_and_none(self):
        node = self.node()
        heard, done = self.listen(node, "event.*", "event.probe.stopped")
        url = f"redis://127.0.0.1:{node.port}"
        path = os.path.join(CAPTURES, "real", "dns.pcap")
        self.assertEqual(run("probe", "-r", path, "--cloud", url).status, 0)
        self.assertEqual(run("probe", "-r", path, "--cloud", url, "--events", "all", "--json", self.json_path()).status, 0)
        self.assertTrue(done.wait(harness.TIMEOUT))
        self.assertEqual(len(heard), len(lines(self.json_path())) + 2)

    def test_kinds_that_there_are_not(self):
        self.assert_refused(run("probe", "-r", "x", "--cloud", "redis://127.0.0.1:1", "--events", "dns,dance"), 2, "--events", "dance", "flow")
        for option in (("--events", "dns"), ("--alerts", "watched")):  # nowhere to tell it
            self.assert_refused(run("probe", "-r", "x", "--listen", "127.0.0.1:1", *option), 2, option[0], "--cloud")
