"""A real redis-server for the tests, a plain client for it, and a relay that breaks connections."""
import os
import random
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisError(Exception):
    """What the server answered."""


class Client:
    """RESP2 over one socket; enough to look at what is in a node."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.read()

    def read(self):
        """A reply, or what comes without being asked for."""
        line = self.file.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, text = line[:1], line[1:-2].decode()
        if kind == b"+":
            return text
        if kind == b"-":
            raise RedisError(text)
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == "-1" else self.file.read(int(text) + 2)[:-2].decode()
        return None if text == "-1" else [self.read() for _ in range(int(text))]

    def close(self):
        self.file.close()
        self.socket.close()


class Node:
    """A redis-server on 127.0.0.1, with its files in a folder of its own."""

    def __init__(self, *options):
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="microcloud-redis-")
        self.options = options
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
             "--logfile", "log", "--dbfilename", "dump.rdb", "--repl-diskless-sync-delay", "0", *self.options], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                client = Client(self.port)
                if client("PING") == "PONG":
                    client.close()
                    return
            except (OSError, RedisError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
                        raise AssertionError(log.read()[-500:]) from None
            time.sleep(0.02)

    def client(self):
        return Client(self.port)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _log(self):
        folder = os.path.join(self.folder, "appendonlydir")
        return max((entry for entry in os.scandir(folder) if entry.name.endswith(".incr.aof")), key=lambda entry: entry.stat().st_mtime)

    def wait_until_written(self, seconds=60):
        """Until the append-only file has an end that can be lost."""
        deadline = time.monotonic() + seconds
        while self._log().stat().st_size < 1_000:
            if time.monotonic() > deadline:
                raise AssertionError("nothing is written")
            time.sleep(0.02)

    def lose_tail(self, chance, most=60_000):
        """What a loss of power does to the append-only file of a server that was killed: its last bytes are gone, whatever stood there.
        Gives how many."""
        log = self._log()
        lost = chance.randrange(1, min(most, log.stat().st_size // 2))
        os.truncate(log.path, log.stat().st_size - lost)
        return lost

    def fix_and_start(self):
        """As `microcloud node` does: the tail of the append-only file is made whole before each start."""
        manifest = os.path.join(self.folder, "appendonlydir", "appendonly.aof.manifest")
        subprocess.run(["redis-check-aof", "--fix", manifest], input=b"y\n", check=True, capture_output=True)
        self.start()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def contents(self):
        """({key: fields} of hashes, {key: members} of sorted sets, {key: seconds to live})."""
        client = self.client()
        hashes, sets, lives = {}, {}, {}
        cursor = "0"
        while True:
            cursor, keys = client("SCAN", cursor, "COUNT", 1000)
            for key in keys:
                kind = client("TYPE", key)
                lives[key] = client("TTL", key)
                if kind == "hash":
                    flat = client("HGETALL", key)
                    hashes[key] = dict(zip(flat[::2], flat[1::2]))
                elif kind == "zset":
                    flat = client("ZRANGE", key, 0, -1, "WITHSCORES")
                    sets[key] = {member: int(float(score)) for member, score in zip(flat[::2], flat[1::2])}
            if cursor == "0":
                break
        client.close()
        return hashes, sets, lives


class Midway:
    """Stands between probe and node, and stops now and then inside of a transaction: before its EXEC goes on, all that came before it
    has arrived and `between` was called."""
    EXEC = b"*1\r\n$4\r\nEXEC\r\n"

    def __init__(self, to_port, between):
        self.to_port = to_port
        self.between = between
        self.stops = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to_port))
            for source, target, carry in ((client, server, self._there), (server, client, lambda data, to: to.sendall(data))):
                threading.Thread(target=self._carry, args=(source, target, carry), daemon=True).start()

    def _carry(self, source, target, carry):
        try:
            while data := source.recv(1 << 20):
                carry(data, target)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _there(self, data, server):
        end = data.find(self.EXEC, data.find(b"HINCRBY")) if b"HINCRBY" in data else -1
        if end < 0 or not self.between:
            return server.sendall(data)
        server.sendall(data[:end])
        time.sleep(0.02)
        self.between()
        self.stops += 1
        return server.sendall(data[end:])


class Relay:
    """Stands between probe and node. Each connection is cut after a random number of bytes in a random direction; bytes that
    the client had sent may be held back and delivered to the node after the client has connected again."""

    def __init__(self, to_port, seed, longest=60_000, connections=20):
        self.random = random.Random(seed)
        self.to_port = to_port
        self.longest = longest
        self.left = connections  # that are cut; later ones live
        self.cuts = self.late = 0
        self.held = []
        self.lock = threading.Lock()
        self.carriers = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.stopping = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.stopping = True
        self.thread.join()
        for carrier in self.carriers:
            carrier.join()
        self.listener.close()

    def _serve(self):
        self.listener.settimeout(0.1)
        while not self.stopping:
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.to_port), timeout=5)
            except OSError:
                client.close()
                continue
            self.carriers.append(threading.Thread(target=self._serve_one, args=(client, server), daemon=True))
            self.carriers[-1].start()

    def _serve_one(self, client, server):
        with client, selectors.DefaultSelector() as selector:
            if not self._carry(client, server, selector):
                server.close()

    def _deliver_held(self):
        with self.lock:
            held, self.held = self.held, []
        for server, data in held:
            try:
                server.sendall(data)
                self.late += 1
                time.sleep(0.01)
            except OSError:
                pass
            server.close()

    def _carry(self, client, server, selector):
        """True: the server's side stays open, with bytes that come to it later."""
        budget = {client: float("inf"), server: float("inf")}
        with self.lock:
            if self.left > 0:
                self.left -= 1
                budget[self.random.choice((client, server))] = self.random.randrange(self.longest)
            hold = self.random.random() < 0.5
        selector.register(client, selectors.EVENT_READ, server)
        selector.register(server, selectors.EVENT_READ, client)
        since = time.monotonic()
        while not self.stopping:
            if self.held and time.monotonic() - since > 0.05:
                self._deliver_held()
            for key, _ in selector.select(0.02):
                source, target = key.fileobj, key.data
                try:
                    data = source.recv(1 << 20)  # whole batches: held back, they could be applied
                    if not data:
                        return False
                    if len(data) > budget[source]:
                        cut = int(budget[source])
                        self.cuts += 1
                        target.sendall(data[:cut])
                        if hold and source is client:
                            with self.lock:
                                self.held.append((server, data[cut:]))
                            return True
                        return False
                    budget[source] -= len(data)
                    target.sendall(data)
                except OSError:
                    return False
        return False
