"""Exports over TCP, TLS and SCTP: to collectors that read all, come late, are killed, never read, or are not who they should be.

The collector is ipfix.py on a socket; tshark reads the same streams. What it received and what the probe counted as lost add
up to what was exported, to the record.
"""
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import frames
import harness
import ipfix
from harness import ProbeTest, run, wait_for
from test_cli import Files
from test_export import CAPTURE_NAMES, ExportTest, capture, free_port, one_way_sums
from test_live import sh, why_not
from test_operation import LiveTest, fetch

HOST = "127.0.0.1"


def free_tcp_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def reset(connection):
    """Closes as the system does for a process that is killed with something unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


class Collector:
    """Accepts connections, one after the other, and keeps what each sent, from start() to kill() or end()."""

    def __init__(self, port=0, context=None, reads=True, most=None, host=HOST, greeting=b""):
        self.host = host
        self.port = port
        self.context = context
        self.reads = reads
        self.greeting = greeting
        self.most = most or []  # octets after which the first, second... connection is broken off
        self.streams = []
        self.errors = []
        self.peers = []

    def start(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self.listener = socket.create_server((self.host, self.port), family=family, backlog=8)
        if self.most:  # what the system takes before it is read would else be all of it
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port = self.listener.getsockname()[1]
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        self.listener.settimeout(0.05)
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            self.streams.append(bytearray())
            try:
                if self.context:
                    connection.settimeout(10)
                    connection = self.context.wrap_socket(connection, server_side=True)
                    self.peers.append(connection.getpeercert())
                connection.sendall(self.greeting)
                self.read(connection, self.streams[-1], self.most.pop(0) if self.most else None)
            except OSError as error:
                self.errors.append(error)
        self.listener.close()

    def read(self, connection, stream, most):
        connection.settimeout(0.05)
        while not self.stopping.is_set():
            if most is not None and len(stream) >= most:
                self.look_at_unread(connection, stream)
                reset(connection)
                return
            if not self.reads:
                self.stopping.wait(0.05)
                continue
            try:
                data = connection.recv(min(65536, most - len(stream)) if most else 65536)
            except TimeoutError:
                continue
            if not data:
                connection.close()
                return
            stream += data
        self.take_unread(connection, stream)
        reset(connection)

    @staticmethod
    def look_at_unread(connection, stream):
        """As below, of an exporter that has more: whatever were taken would let more come."""
        time.sleep(0.3)  # until the window is full
        connection.setblocking(False)
        try:
            stream += connection.recv(1 << 20, socket.MSG_PEEK)
        except BlockingIOError:
            pass

    def take_unread(self, connection, stream):
        """What the system has acknowledged and no process has read: no exporter can know of it, so the tests must. What
        comes after the last look would be missed: they look when nothing more comes."""
        if self.context or not stream and self.reads:
            return
        time.sleep(0.3)
        connection.setblocking(False)
        try:
            while data := connection.recv(1 << 20):
                stream += data
        except BlockingIOError:
            pass
        except OSError as error:
            self.errors.append(error)

    def stop(self):
        self.stopping.set()
        self.thread.join(20)

    kill = stop

    def sessions(self):
        """What came, each connection by itself; only the last may end in the middle of a message where it was let end."""
        found = []
        for stream in self.streams:
            session = ipfix.Session()
            session.rest = len(stream) - session.stream(bytes(stream))
            found.append(session)
        return found

    def total(self, name):
        return sum(getattr(session, name) for session in self.sessions())


def slow_capture(flows=400, every=0.01):
    """Single packets of as many flows, one each `every` seconds: with -d 1 their records come all the time."""
    return frames.pcap([(number * every, frames.udp("10.0.0.1", 1024 + number, "10.0.0.2", 9, b"x" * (number % 50)))
                        for number in range(flows)])


class StreamTest(ExportTest):
    def collector(self, **options):
        started = Collector(**options).start()
        self.addCleanup(started.stop)
        return started

    def probe(self, path, *args, timeout=harness.TIMEOUT):
        """Runs a probe on a file: (status, lines of its log, metrics)."""
        metrics = os.path.join(self.folder, "metrics.prom")
        done = run("probe", "-r", path, "--metrics-file", metrics, *args, timeout=timeout)
        return done.status, done.stderr, self.read_metrics(metrics)

    def read_metrics(self, path):
        with open(path, encoding="utf-8") as file:
            return harness.parse_metrics(file.read())

    def ladder(self, metrics):
        """(offered, sent, {reason: lost}) of the exports, which close when a run has ended."""
        came, went, dropped, held = harness.stages(metrics)["export"]
        self.assertEqual((came, held), (went + sum(dropped.values()), 0))
        return came, went, {reason: count for reason, count in dropped.items() if count}

    def write(self, data, name="capture.pcap"):
        return Files.write(self, data, name)


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
                records = len(self.all_records(capture("real/http.pcap")))
                self.assertEqual((collector.total("records"), self.ladder(metrics)), (records, (records, records, {})))

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
        timer = threading.Timer(1.0 * harness.slowness(), late.start)
        timer.start()
        status, said, metrics = self.probe(capture("real/http.pcap"), "-n", f"tcp://{HOST}:{port}")
        timer.join()
        late.stop()
        self.assertEqual(status, 0, said)
        self.assertRegex(said, "(?s)away: Connection refused.*connected after [0-9]+ s, 0 records lost")
        records = len(self.all_records(capture("real/http.pcap")))
        self.assertEqual((late.total("records"), self.ladder(metrics)), (records, (records, records, {})))

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


class Tls(StreamTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.keys.cleanup)
        for authority in ("ca", "other-ca"):
            cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={authority}",
                        "-days", "2", "-keyout", cls.file(authority + ".key"), "-out", cls.file(authority + ".pem"))
        for name, subject in (("server", "subjectAltName=IP:127.0.0.1,DNS:localhost"), ("elsewhere", "subjectAltName=DNS:elsewhere.example"),
                              ("probe", "subjectAltName=DNS:probe.example")):
            with open(cls.file("ext"), "w", encoding="ascii") as file:
                file.write(subject)
            cls.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                        "-keyout", cls.file(name + ".key"), "-out", cls.file("request"))
            cls.openssl("x509", "-req", "-in", cls.file("request"), "-CA", cls.file("ca.pem"), "-CAkey", cls.file("ca.key"),
                        "-CAcreateserial", "-days", "2", "-extfile", cls.file("ext"), "-out", cls.file(name + ".pem"))

    @classmethod
    def file(cls, name):
        return os.path.join(cls.keys.name, name)

    @staticmethod
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=harness.TIMEOUT)

    def server(self, name="server", client=False, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file(name + ".pem"), self.file(name + ".key"))
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.file("ca.pem"))
        return self.collector(context=context, **options)

    def tls_probe(self, collector, *args, host=HOST, drain="1"):
        return self.probe(capture("real/http.pcap"), "-n", f"tls://{host}:{collector.port}", "--drain", drain, *args)

    def test_sums(self):
        records = self.all_records(capture("real/http.pcap"))
        packets, octets, _ = one_way_sums(record for record in records if record["record"] == "flow")
        for host in (HOST, "localhost"):
            with self.subTest(host=host):
                collector = self.server()
                status, said, metrics = self.tls_probe(collector, "--tls-ca", self.file("ca.pem"), host=host, drain="10")
                collector.stop()
                self.assertEqual((status, collector.errors), (0, []), said)
                session, = collector.sessions()
                self.assertEqual((session.packets, session.octets, session.records, session.rest), (packets, octets, len(records), 0))
                self.assertEqual(self.ladder(metrics), (len(records), len(records), {}))

    def refused(self, words, alert, *args, **options):
        """For that reason, of which the collector hears, and before it has got anything."""
        collector = self.server(**options)
        status, said, metrics = self.tls_probe(collector, *args)
        collector.stop()
        self.assertEqual(status, 1)
        self.assertEqual(len(re.findall("away: ", said)), 1, said)
        self.assertTrue(said.splitlines()[-1].endswith(words), said)
        records = len(self.all_records(capture("real/http.pcap")))
        self.assertEqual(self.ladder(metrics), (records, 0, {"end_of_run": records}))
        self.assertEqual({error.reason for error in collector.errors}, {alert})
        self.assertEqual([bytes(stream) for stream in collector.streams if stream], [])

    def test_wrong_authority(self):
        self.refused("its certificate is refused: unable to get local issuer certificate", "TLSV1_ALERT_UNKNOWN_CA",
                     "--tls-ca", self.file("other-ca.pem"))

    def test_systems_authorities_do_not_know_it(self):
        self.refused("its certificate is refused: unable to get local issuer certificate", "TLSV1_ALERT_UNKNOWN_CA")

    def test_wrong_host(self):
        self.refused("its certificate is refused: IP address mismatch", "SSLV3_ALERT_BAD_CERTIFICATE",
                     "--tls-ca", self.file("ca.pem"), name="elsewhere")

    def test_insecure_says_so(self):
        """And exports all the same: of another name, and of an authority that the system does not know."""
        collector = self.server("elsewhere")
        status, said, metrics = self.tls_probe(collector, "--insecure", drain="10")
        collector.stop()
        self.assertEqual(status, 0, said)
        self.assertRegex(said, "warning --insecure: ")
        records = len(self.all_records(capture("real/http.pcap")))
        self.assertEqual((collector.total("records"), self.ladder(metrics)), (records, (records, records, {})))

    def test_own_certificate(self):
        collector = self.server(client=True)
        own = ("--tls-cert", self.file("probe.pem"), "--tls-key", self.file("probe.key"))
        status, said, metrics = self.tls_probe(collector, "--tls-ca", self.file("ca.pem"), *own, drain="10")
        collector.stop()
        self.assertEqual(status, 0, said)
        self.assertEqual(collector.peers[0]["subjectAltName"], (("DNS", "probe.example"),))
        records = len(self.all_records(capture("real/http.pcap")))
        self.assertEqual((collector.total("records"), self.ladder(metrics)), (records, (records, records, {})))

    def test_collector_that_wants_a_certificate(self):
        self.refused("TLS: tlsv13 alert certificate required", "PEER_DID_NOT_RETURN_A_CERTIFICATE", "--tls-ca", self.file("ca.pem"), client=True)

    def test_killed_and_started_again(self):
        first = self.server()
        path = self.write(slow_capture())
        process = harness.start_probe("-r", path, "--realtime", "-d", "1", "-n", f"tls://{HOST}:{first.port}",
                                      "--tls-ca", self.file("ca.pem"))
        self.addCleanup(process.kill)
        wait_for(lambda: first.streams and first.total("records") > 20)
        first.kill()
        time.sleep(1)
        second = self.server(port=first.port)
        _, said = process.communicate(timeout=harness.TIMEOUT)
        offered, sent, lost = self.ladder(self.read_metrics(process.args[process.args.index("--metrics-file") + 1]))
        self.assertEqual(process.returncode, 1 if lost else 0, said)
        self.assertEqual((offered, first.total("records") + second.total("records")), (400, sent))
        self.assertEqual(sent + sum(lost.values()), 400)
        self.assertGreater(second.total("records"), 100)
        self.assertRegex(said.decode(), "(?s)away: .*back after [0-9]+ s, ")

    def test_speaks_no_tls(self):
        """It says something else, or nothing at all: it gets no more than the beginning of a handshake."""
        records = len(self.all_records(capture("real/http.pcap")))
        for greeting, words in ((b"220 here is something else\r\n", "TLS: wrong version number"), (b"", "not connected yet")):
            with self.subTest(greeting=greeting):
                collector = self.collector(greeting=greeting)
                status, said, metrics = self.tls_probe(collector, "--tls-ca", self.file("ca.pem"))
                collector.stop()
                self.assertEqual(status, 1)
                self.assertTrue(said.splitlines()[-1].endswith(words), said)
                self.assertEqual(self.ladder(metrics), (records, 0, {"end_of_run": records}))
                self.assertTrue(collector.streams)
                for stream in collector.streams:
                    self.assertRegex(bytes(stream[:6]), rb"(?s)^\x16\x03[\x01-\x03]..\x01", "a ClientHello")
                    self.assertEqual(len(stream), 5 + int.from_bytes(stream[3:5], "big"), "and no more")

    def test_bad_files_and_options(self):
        def refused(*args):
            done = run("probe", "-r", "x.pcap", *args)
            self.assert_refused(done, 2)
            return done.stderr
        to = ("-n", f"tls://{HOST}:4740")
        self.assertIn("--tls-ca: cannot read certificates from /nowhere.pem", refused(*to, "--tls-ca", "/nowhere.pem"))
        self.assertIn("--tls-ca", refused(*to, "--tls-ca", self.file("ca.key")))
        self.assertIn("go together", refused(*to, "--tls-cert", self.file("probe.pem")))
        self.assertIn("cannot use the key", refused(*to, "--tls-cert", self.file("probe.pem"), "--tls-key", self.file("server.key")))
        open_key = self.file("open.key")
        with open(open_key, "wb") as copy, open(self.file("probe.key"), "rb") as key:
            copy.write(key.read())
        os.chmod(open_key, 0o644)
        self.assertIn("chmod 600", refused(*to, "--tls-cert", self.file("probe.pem"), "--tls-key", open_key))
        for option in (("--insecure",), ("--tls-ca", self.file("ca.pem"))):
            self.assertIn("goes with -n tls://", refused("-n", f"tcp://{HOST}:4739", *option))
        self.assertIn("give one of them", refused(*to, "--insecure", "--tls-ca", self.file("ca.pem")))


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
