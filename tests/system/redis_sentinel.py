"""Real Redis Sentinels for the tests: three that watch one master."""
import os
import subprocess
import tempfile

from harness import TOP, wait_for
from redis_node import Client, RedisError, free_port

# They hear of each other, of replicas and of who was promoted at once, and do not stop working for half a minute (TILT) when their
# machine has kept them waiting for 2 s.
HURRY = ("TILT-TRIGGER", 60_000, "INFO-PERIOD", 200, "PUBLISH-PERIOD", 200, "ASK-PERIOD", 200, "ELECTION-TIMEOUT", 1_000)
PATIENCE = 120  # seconds; a failover that fails is tried again after 6
# They write their configuration, and wait until the disk has it, at each change of what they know: a slow disk must not make them take a live
# master for a dead one.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Sentinels:
    """`shipped`: with a configuration of deploy/redis, in which only names, ports and patience are the test's; `secret`: of the user `sentinel`;
    `tls`: a folder with certificates. What the tests ask goes to a plain port all the same."""

    def __init__(self, master_port, shipped=None, secret=None, tls=None):
        self.shipped, self.secret, self.tls = shipped, secret, tls
        self.name = "microcloud" if shipped else "cloud"
        self.tls_ports = {}
        self.folder = tempfile.TemporaryDirectory(prefix="microcloud-sentinels-", dir=IN_MEMORY)
        self.ports = [free_port() for _ in range(3)]
        self.processes = [self._start(port, master_port) for port in self.ports]
        for port in self.ports:
            wait_for(lambda: self._ask(port, "SENTINEL", "DEBUG", *HURRY), PATIENCE)
        for port in self.ports:
            wait_for(lambda: self._knows_all(port), PATIENCE)

    def _start(self, port, master_port):
        path = os.path.join(self.folder.name, f"{port}.conf")
        if self.shipped:
            return self._start_shipped(path, port, master_port)
        with open(path, "w", encoding="ascii") as file:
            file.write(f"port {port}\nbind 127.0.0.1\ndir {self.folder.name}\nlogfile {port}.log\n"
                       f"sentinel monitor cloud 127.0.0.1 {master_port} 2\n"
                       "sentinel down-after-milliseconds cloud 700\nsentinel failover-timeout cloud 3000\n")
        return subprocess.Popen(["redis-server", path, "--sentinel"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def _start_shipped(self, path, port, master_port):
        with open(os.path.join(TOP, "deploy", "redis", self.shipped), encoding="ascii") as file:
            text = file.read()
        changes = [("10.0.0.5 6379", f"127.0.0.1 {master_port}"), ("10.0.0.5", "127.0.0.1"), ("SECRET", self.secret),
                   ("microcloud 5000", "microcloud 2000"), ("microcloud 30000", "microcloud 3000")]
        if self.tls:
            self.tls_ports[port] = free_port()
            changes += [("\nport 0\n", f"\nport {port}\n"), ("tls-port 26379", f"tls-port {self.tls_ports[port]}"), ("/etc/microcloud/node", f"{self.tls}/server"),
                        ("/etc/microcloud/ca", f"{self.tls}/ca")]
        else:
            changes.append(("port 26379", f"port {port}"))
        for old, new in changes:
            if old not in text:
                raise AssertionError(f"{self.shipped} has no {old!r}")
            text = text.replace(old, new)
        with open(path, "w", encoding="ascii") as file:
            file.write(text + f"dir {self.folder.name}\nlogfile {port}.log\n")
        return subprocess.Popen(["redis-server", path, "--sentinel"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def said(self):
        """What is in their logs."""
        text = ""
        for port in self.ports:
            with open(os.path.join(self.folder.name, f"{port}.log"), encoding="utf-8", errors="replace") as file:
                text += file.read()
        return text

    def _ask(self, port, *words):
        try:
            client = Client(port)
            try:
                return client(*words)
            finally:
                client.close()
        except (OSError, RedisError):
            return None

    def _facts(self, port):
        flat = self._ask(port, "SENTINEL", "MASTER", self.name) or []
        return dict(zip(flat[::2], flat[1::2]))

    def _knows_all(self, port):
        facts = self._facts(port)
        return facts.get("num-slaves") == "1" and facts.get("num-other-sentinels") == "2"

    @property
    def url(self):
        ports = [self.tls_ports.get(port, port) for port in self.ports]
        return ("rediss" if self.tls else "redis") + "+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in ports) + f"/{self.name}"

    def wait_for_master(self, node):
        """All of them name it."""
        for port in self.ports:
            wait_for(lambda: (self._ask(port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name) or ["", ""])[1] == str(node.port), PATIENCE)

    def wait_until_calm(self):
        """All of them see the master, and none is about to promote another server, which it does although the master has come back meanwhile."""
        for port in self.ports:
            wait_for(lambda: self._facts(port).get("flags") == "master", PATIENCE)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.folder.cleanup()
