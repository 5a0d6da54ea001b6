"""Exports over SCTP, in UDP and in IP, against a sink of the tests' own."""
import os
import subprocess
import time

import frames
import harness
import ipfix
from harness import run, wait_for
from streams import HOST, free_tcp_port, slow_capture, StreamTest
from test_export import capture, free_port, one_way_sums
from test_live import sh, why_not


SCTP_SINK = os.path.join(os.path.dirname(harness.PROGRAM), "tests", "sctp", "sctp_sink")


class SctpTest(StreamTest):
    def sink(self, udp_port, port, name, prefix=()):
        """Starts an SCTP collector whose associations are written to files of that name."""
        process = subprocess.Popen([*prefix, SCTP_SINK, str(udp_port), str(port), os.path.join(self.folder, name)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), "listening\n")
        return process

    def streams(self, name):
        found = []
        while os.path.exists(path := os.path.join(self.folder, f"{name}.{len(found) + 1}")):
            with open(path, "rb") as file:
                found.append(file.read())
        return found

    def sessions(self, name):
        found = []
        for stream in self.streams(name):
            session = ipfix.Session()
            self.assertEqual(session.stream(stream), len(stream))
            found.append(session)
        return found

    def records(self, name):
        return sum(session.records for session in self.sessions(name))


class Sctp(SctpTest):
    def test_sums(self):
        for name in ("real/http.pcap", "made/tcp.pcap"):
            with self.subTest(capture=name):
                records = self.all_records(capture(name))
                packets, octets, _ = one_way_sums(record for record in records if record["record"] == "flow")
                udp, port, to = free_port(), free_tcp_port(), os.path.basename(name)
                self.sink(udp, port, to)
                status, said, metrics = self.probe(capture(name), "-n", f"sctp://{HOST}:{port}?udp={udp}")
                self.assertEqual(status, 0, said)
                session, = self.sessions(to)
                self.assertEqual((session.packets, session.octets, session.records), (packets, octets, len(records)))
                self.assertEqual(self.ladder(metrics), (len(records), len(records), {}))

    def test_many_records(self):
        udp, port = free_port(), free_tcp_port()
        self.sink(udp, port, "many")
        status, said, metrics = self.probe(self.write(slow_capture(1000)), "--loop", "50", "-d", "1", "--no-dpi",
                                           "-n", f"sctp://{HOST}:{port}?udp={udp}")
        self.assertEqual(status, 0, said)
        self.assertEqual(self.ladder(metrics), (50_000, 50_000, {}))
        self.assertEqual(self.records("many"), 50_000)

    def test_several(self):
        records = len(self.all_records(capture("real/http.pcap")))
        where = []
        for name in ("one", "two"):
            udp, port = free_port(), free_tcp_port()
            self.sink(udp, port, name)
            where += ["-n", f"sctp://{HOST}:{port}?udp={udp}"]
        status, said, _ = self.probe(capture("real/http.pcap"), *where, "-a")
        self.assertEqual((status, self.records("one"), self.records("two")), (0, records, records), said)

    def test_netflow_v9(self):
        records = len(self.all_records(capture("real/http.pcap")))
        udp, port = free_port(), free_tcp_port()
        self.sink(udp, port, "v9")
        status, said, metrics = self.probe(capture("real/http.pcap"), "-n", f"sctp://{HOST}:{port}?udp={udp}", "-V", "9")
        self.assertEqual(status, 0, said)
        self.assertEqual(self.ladder(metrics)[1], records)
        stream, = self.streams("v9")
        self.assertEqual(stream[:2], b"\0\x09")

    def test_nobody_there(self):
        records = len(self.all_records(capture("real/http.pcap")))
        status, said, metrics = self.probe(capture("real/http.pcap"), "-n", f"sctp://{HOST}:4739?udp={free_port()}", "--drain", "1")
        self.assertEqual(status, 1)
        self.assertIn(f"did not take {records} of {records} records: Connection refused", said.splitlines()[-1])
        self.assertEqual(self.ladder(metrics), (records, 0, {"end_of_run": records}))

    def test_killed_and_started_again(self):
        """Killed while nothing is on the way, which the probe learns of by what it sends next."""
        udp, port = free_port(), free_tcp_port()
        first = self.sink(udp, port, "first")
        packets = [(number * 0.01 + (4 if number >= 200 else 0), frames.udp("10.0.0.1", 1024 + number, "10.0.0.2", 9)) for number in range(400)]
        process = harness.start_probe("-r", self.write(frames.pcap(packets)), "--realtime", "-d", "1",
                                      "-n", f"sctp://{HOST}:{port}?udp={udp}")
        self.addCleanup(process.kill)
        wait_for(lambda: self.records("first") > 50)
        time.sleep(2.5)
        first.kill()
        first.wait()
        before = self.records("first")
        self.sink(udp, port, "second")
        _, said = process.communicate(timeout=harness.TIMEOUT)
        offered, sent, lost = self.ladder(self.read_metrics(process.args[process.args.index("--metrics-file") + 1]))
        self.assertEqual(process.returncode, 1 if lost else 0, said)
        self.assertEqual(set(lost) - {"connection_broken"}, set())
        self.assertEqual((offered, before + self.records("second")), (400, sent))
        self.assertEqual(sent + sum(lost.values()), 400)
        self.assertGreater(self.records("second"), 100)
        self.assertRegex(said.decode(), "(?s)away: .*back after [0-9]+ s, ")

    def test_bad_usage(self):
        for text, word in (("sctp://127.0.0.1:4739?udp=0", "9899"), ("sctp://127.0.0.1:4739?udp=99999", "9899"),
                           ("sctp://127.0.0.1:4739?dtls=1", "?udp=PORT"), ("udp://127.0.0.1:4739?udp=9", "behind the port")):
            with self.subTest(text=text):
                self.assert_refused(run("probe", "-r", "x.pcap", "-n", text), 2, "--collector", word)
        self.assert_refused(run("probe", "-r", "x.pcap", "-n", "sctp://127.0.0.1:4739", "-V", "5"), 2, "v5", "udp://")


class SctpInIp(SctpTest):
    """SCTP in IP itself, between two hosts, as only those can have it: on one host each would get what it sends, too."""

    def test_sums(self):
        if reason := why_not():
            self.skipTest(reason)
        inside = {}
        for name, address in (("probe", "10.99.0.1"), ("sink", "10.99.0.2")):
            namespace = f"microcloud-{name}-{os.getpid()}"
            inside[name] = ("ip", "netns", "exec", namespace)
            sh("ip", "netns", "add", namespace)
            self.addCleanup(sh, "ip", "netns", "del", namespace)
            if name == "sink":
                sh("ip", "link", "add", "mc-a", "netns", f"microcloud-probe-{os.getpid()}", "type", "veth", "peer", "name", "mc-b",
                   "netns", namespace)
        for name, interface, address in (("probe", "mc-a", "10.99.0.1"), ("sink", "mc-b", "10.99.0.2")):
            sh(*inside[name], "ip", "addr", "add", f"{address}/24", "dev", interface)
            sh(*inside[name], "ip", "link", "set", interface, "up")
        self.sink(9899, 4739, "raw", prefix=inside["sink"])
        process = harness.start_probe("-r", capture("real/http.pcap"), "-n", "sctp://10.99.0.2:4739", prefix=inside["probe"])
        _, said = process.communicate(timeout=harness.TIMEOUT)
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual(self.records("raw"), len(self.all_records(capture("real/http.pcap"))))
