"""Exports over streams: to collectors that read all, come late, are killed, or never read. TLS: test_export_tls.py; SCTP: test_export_sctp.py.

The collector is ipfix.py on a socket; tshark reads the same streams. What it received and what the probe counted as lost add
up to what was exported, to the record.
"""
import os
import re
import signal
import subprocess
import threading
import time

import frames
import harness
from harness import run, wait_for
from streams import HOST, free_tcp_port, Collector, slow_capture, StreamTest
from test_export import CAPTURE_NAMES, capture, one_way_sums
from test_live import sh
from test_operation import LiveTest, fetch


class Tcp(StreamTest):
    def test_sums_sequence_and_templates(self):
        for name in CAPTURE_NAMES:
            records = self.all_records(capture(name))
            packets, octets, ways = one_way_sums(record for record in records if record["record"] == "flow")
            others = sum(record["record"] != "flow" for record in records)
            for args in ((), ("--uniflow",), ("--pen", "32473")):
                with self.subTest(capture=name, args=args):
                    collector = self.collector()
                    status, said, metrics = self.probe(capture(name), "-n", f"tcp://{HOST}:{collector.port}", *args)
                    collector.stop()
                    self.assertEqual((status, collector.errors), (0, []), said)
                    session, = collector.sessions()
                    self.assertEqual((session.packets, session.octets, session.rest), (packets, octets, 0))
                    self.assertEqual(session.records, ways + others if args == ("--uniflow",) else len(records))
                    self.assertEqual(self.ladder(metrics), (len(records), len(records), {}))
                    self.assertIn(f"tcp://{HOST}:{collector.port}: connected", said)
                    self.tshark_agrees(bytes(collector.streams[0]), session)

    def tshark_agrees(self, stream, session):
        """An IPFIX stream is an IPFIX file (RFC 5655)."""
        path = self.write(stream, "stream.ipfix")
        done = subprocess.run(["tshark", "-r", path, "-V"], capture_output=True, text=True, timeout=harness.TIMEOUT, check=True)
        self.assertNotRegex(done.stdout, r"(?i)malformed|expert info|no template found|unexpected flow sequence")
        self.assertEqual(len(re.findall(r"FlowSequence", done.stdout)), session.messages)

    def test_ipv6_and_names(self):
        for host, address in (("[::1]", "::1"), ("localhost", HOST)):
            with self.subTest(host=host):
                collector = self.collector(host=address)
                status, said, metrics = self.probe(capture("real/http.pcap"), "-n", f"tcp://{host}:{collector.port}")
                collector.stop()
                self.assertEqual(status, 0, said)
                self.assert_all_came(collector, metrics)

    def test_netflow_is_refused(self):
        for version in ("5", "9"):
            done = run("probe", "-r", "x.pcap", "-n", f"tcp://{HOST}:4739", "-V", version)
            self.assert_refused(done, 2, "--collector", "-V 10", "udp://")

    def test_several_collectors(self):
        first, second = self.collector(), self.collector()
        where = ("-n", f"tcp://{HOST}:{first.port}", "-n", f"tcp://{HOST}:{second.port}")
        records = len(self.all_records(capture("real/http.pcap")))
        self.assertEqual(self.probe(capture("real/http.pcap"), *where)[0], 0)
        self.assertEqual(self.probe(capture("real/http.pcap"), *where, "-a")[0], 0)
        turns = [one.sessions()[0].records for one in (first, second)]
        everything = [one.sessions()[1].records for one in (first, second)]
        self.assertEqual(sum(turns), records)
        self.assertTrue(all(turns), turns)
        self.assertEqual(everything, [records, records])


class Away(StreamTest):
    def test_nobody_there(self):
        port = free_tcp_port()
        records = len(self.all_records(capture("real/http.pcap")))
        began = time.monotonic()
        status, said, metrics = self.probe(capture("real/http.pcap"), "-n", f"tcp://{HOST}:{port}", "--drain", "1")
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(status, 1)
        self.assertEqual(len(re.findall("away: ", said)), 1, said)
        self.assertIn(f"tcp://{HOST}:{port} did not take {records} of {records} records: Connection refused", said.splitlines()[-1])
        self.assertEqual(self.ladder(metrics), (records, 0, {"end_of_run": records}))

    def test_name_that_is_none(self):
        status, said, metrics = self.probe(capture("real/http.pcap"), "-n", "tcp://no-such-host.invalid:4739", "--drain", "1")
        self.assertEqual(status, 1)
        records = len(self.all_records(capture("real/http.pcap")))
        self.assertEqual(self.ladder(metrics), (records, 0, {"end_of_run": records}))
        self.assertIn("cannot find no-such-host.invalid", said.splitlines()[-1])

    def test_comes_late(self):
        port = free_tcp_port()
        late = Collector(port)
        path = os.path.join(self.folder, "metrics.prom")
        process = harness.start_probe("-r", capture("real/http.pcap"), "--metrics-file", path, "-n", f"tcp://{HOST}:{port}")
        self.addCleanup(process.kill)
        said = ""
        while "Connection refused" not in said and (line := process.stderr.readline()):
            said += line.decode()
        time.sleep(1)
        late.start()
        said += process.communicate(timeout=harness.TIMEOUT)[1].decode()
        late.stop()
        self.assertEqual(process.returncode, 0, said)
        metrics = self.read_metrics(path)
        self.assertRegex(said, "(?s)away: Connection refused.*connected after [0-9]+ s, 0 records lost")
        self.assert_all_came(late, metrics)

    def test_one_that_is_away_does_not_hold_up_the_other(self):
        good, port = self.collector(), free_tcp_port()
        process = harness.start_probe("-r", capture("real/http.pcap"), "-n", f"tcp://{HOST}:{port}", "-n", f"tcp://{HOST}:{good.port}",
                                      "-a", "--drain", "5")
        self.addCleanup(process.kill)
        records = len(self.all_records(capture("real/http.pcap")))
        wait_for(lambda: good.streams and good.total("records") == records, 4)
        self.assertIsNone(process.poll())
        _, said = process.communicate(timeout=harness.TIMEOUT)
        self.assertEqual(process.returncode, 1)
        last = said.decode().splitlines()[-1]
        self.assertIn(f":{port} did not take", last)
        self.assertNotIn(f":{good.port}", last)

    def test_signal_ends_it_soon(self):
        """While it replays, and while it waits for a collector at the end of the file."""
        for args, pause in ((("--realtime",), 1.5), ((), 1.5)):
            with self.subTest(args=args):
                process = harness.start_probe("-r", self.write(slow_capture()), "-d", "1", "-n", f"tcp://{HOST}:{free_tcp_port()}", *args)
                self.addCleanup(process.kill)
                harness.wait_until_running(process, signal.SIGTERM)
                time.sleep(pause)
                self.assertIsNone(process.poll())
                began = time.monotonic()
                done = harness.end_probe(process, signal.SIGTERM)
                self.assertLess(time.monotonic() - began, 5)
                self.assertEqual(done.status, 0, done.stderr)
                self.assertRegex(done.stderr, r"records sent, \d+ end_of_run")


class Broken(StreamTest):
    def end(self, process):
        _, said = process.communicate(timeout=harness.TIMEOUT)
        metrics = self.read_metrics(process.args[process.args.index("--metrics-file") + 1])
        return said.decode(), self.ladder(metrics)

    def start_replay(self, scheme, port, *args):
        path = self.write(slow_capture())
        process = harness.start_probe("-r", path, "--realtime", "-d", "1", "-n", f"{scheme}://{HOST}:{port}", *args)
        self.addCleanup(process.kill)
        return process

    def test_killed_and_started_again(self):
        first = self.collector()
        process = self.start_replay("tcp", first.port)
        wait_for(lambda: first.streams and first.total("records") > 20)
        first.kill()
        time.sleep(1)
        second = self.collector(port=first.port)
        said, (offered, sent, lost) = self.end(process)
        self.assertEqual(process.returncode, 1 if lost else 0, said)
        self.assertRegex(said, "(?s)away: (the collector closed the connection|Connection reset by peer).*back after [0-9]+ s, ")
        received = first.total("records") + second.total("records")
        self.assertEqual((offered, received), (400, sent))
        self.assertEqual(received + sum(lost.values()), 400)
        self.assertGreater(second.total("records"), 100)

    def test_cut_in_the_middle_of_messages(self):
        records = len(self.all_records(capture("real/http.pcap"), "--loop", "200"))
        for most in ([5000], [1, 20001, 3], [100_000]):
            with self.subTest(most=most):
                collector = self.collector(most=list(most))
                status, said, metrics = self.probe(capture("real/http.pcap"), "--loop", "200", "-n", f"tcp://{HOST}:{collector.port}")
                collector.stop()
                offered, sent, lost = self.ladder(metrics)
                self.assertEqual(offered, records)
                self.assertEqual(len(collector.streams), len(most) + 1, said)
                self.assertTrue(any(session.rest for session in collector.sessions()[:-1]), "a message was cut")
                received = collector.total("records")
                # What had left and was not acknowledged may have come, and counts as lost: it is never told twice.
                self.assertLessEqual(sent, received)
                self.assertLessEqual(received, offered)
                self.assertLessEqual(offered, received + lost.get("connection_broken", 0))
                self.assertEqual(set(lost) - {"connection_broken"}, set(), said)
                self.assertEqual(status, 1 if lost else 0, said)

    def test_one_that_never_reads(self):
        collector = self.collector(reads=False)
        began = time.monotonic()
        path = self.write(slow_capture(1000))
        status, said, metrics = self.probe(path, "--loop", "600", "-d", "1", "--drain", "1", "--no-dpi", "-n", f"tcp://{HOST}:{collector.port}")
        self.assertLess(time.monotonic() - began, 50)
        collector.stop()
        self.assertEqual(status, 1)
        self.assertIn("it is connected, but takes nothing", said.splitlines()[-1])
        offered, sent, lost = self.ladder(metrics)
        self.assertEqual(set(lost), {"buffer_full", "end_of_run"})
        self.assertEqual(collector.total("records"), sent)
        self.assertEqual(sent + sum(lost.values()), offered)
        self.assertLess(metrics[("microcloud_peak_memory_bytes", frozenset())], 250e6 if harness.slowness() == 1 else 400e6)
        said = harness.closing_counts(said)
        self.assertEqual(said["read"], said["metered"] + sum(said["ignored"].values()))


class NeverReads(LiveTest):
    def test_capture_goes_on(self):
        """Live, a collector that takes nothing costs its own records and no packet."""
        # In the namespace of the probe, whose loopback interface is another one.
        script = "import socket, time\ns = socket.create_server(('127.0.0.1', 4739))\nprint('up', flush=True)\nc = s.accept()\ntime.sleep(60)"
        sink = subprocess.Popen([*self.link.inside, harness.PYTHON, "-c", script], stdout=subprocess.PIPE, text=True)
        self.addCleanup(sink.wait)
        self.addCleanup(sink.kill)
        self.addCleanup(sink.stdout.close)
        self.assertEqual(sink.stdout.readline(), "up\n")
        metrics = os.path.join(self.folder, "metrics.prom")
        self.log = os.path.join(self.folder, "log")
        os.chmod(self.folder, 0o777)
        process = harness.start_probe("-i", self.link.RECEIVER, "-n", "tcp://127.0.0.1:4739", "-d", "1", "--workers", "1", "--user", "root",
                                      "--log-file", self.log, "--metrics-file", metrics, prefix=self.link.inside)
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        self.link.wait_for_capture(process, 1)
        packets = frames.pcap([(number * 0.0001, frames.udp("10.0.0.1", 1024 + number % 50_000, "10.0.0.2", number // 50_000 + 1))
                               for number in range(100_000)])
        path = os.path.join(self.folder, "many.pcap")
        with open(path, "wb") as file:
            file.write(packets)
        sh(*self.link.inside, "tcpreplay", "-q", "-i", self.link.SENDER, "--pps", str(20_000 if harness.slowness() == 1 else 8_000), path)
        time.sleep(2)
        done = harness.end_probe(process)
        self.assertEqual(done.status, 0, done.stderr)
        with open(metrics, encoding="utf-8") as file:
            found = harness.parse_metrics(file.read())
        ladder = harness.stages(found)
        self.assertGreaterEqual(ladder["ring"][0], 100_000)
        self.assertEqual(sum(ladder["ring"][2].values()) + sum(ladder["queue"][2].values()), 0)
        came, went, dropped, held = ladder["export"]
        self.assertEqual((came, held), (went + sum(dropped.values()), 0))
        self.assertGreater(came, 90_000)
        self.assertGreater(dropped["end_of_run"], 0)


class Ready(StreamTest):
    def test_each_collector_is_named(self):
        port = free_tcp_port()
        good = self.collector()
        log = os.path.join(self.folder, "log")
        process = harness.start_probe("-r", self.write(slow_capture(6000)), "--realtime", "-d", "1", "--metrics", "127.0.0.1:0", "--log-file", log,
                                      "-n", f"tcp://{HOST}:{port}", "-n", f"tcp://{HOST}:{good.port}")
        self.addCleanup(process.kill)

        def url():
            with open(log, encoding="utf-8") as file:
                return re.search(r"metrics on (http://\S+)/metrics", file.read())
        base = wait_for(lambda: os.path.exists(log) and url())[1]
        page = wait_for(lambda: (lambda got: got if "Connection refused" in got[1] and "not connected yet" not in got[1] else None)
                        (fetch(base + "/readyz")))
        self.assertEqual(page[0], 503)
        self.assertIn(f'{{"name":"collector tcp://{HOST}:{port}","ready":false,"reason":"Connection refused"}}', page[1])
        self.assertIn(f'{{"name":"collector tcp://{HOST}:{good.port}","ready":true}}', page[1])
        self.collector(port=port)
        wait_for(lambda: fetch(base + "/readyz")[0] == 200)
        harness.end_probe(process)
