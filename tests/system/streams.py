"""A collector over TCP, TLS or SCTP that can be slow, deaf or gone, and what tests of exports to it share."""
import os
import socket
import threading
import time

import frames
import harness
import ipfix
from harness import run
from test_cli import Files
from test_export import capture, ExportTest

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
        """As below, of an exporter that has more: whatever were taken would let more come. Where what came ends with a
        message, a little is taken and looked again: it is to be broken off inside one."""
        connection.setblocking(False)
        for last in [False] * 20 + [True]:
            time.sleep(0.3)  # until the window is full
            try:
                unread = connection.recv(1 << 20, socket.MSG_PEEK)
            except BlockingIOError:
                unread = b""
            if last or not unread or ipfix.Session().stream(bytes(stream) + unread) < len(stream) + len(unread):
                break
            stream += connection.recv(1_000)
        stream += unread

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

    def assert_all_came(self, collector, metrics):
        """Of the capture of HTTP, and nothing was lost."""
        records = len(self.all_records(capture("real/http.pcap")))
        self.assertEqual((collector.total("records"), self.ladder(metrics)), (records, (records, records, {})))

    def write(self, data, name="capture.pcap"):
        return Files.write(self, data, name)
