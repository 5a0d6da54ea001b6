"""Real Redis Sentinels for the tests: three that watch one master."""
import os
import subprocess
import tempfile

from harness import wait_for
from redis_node import Client, RedisError, free_port

# They hear of each other, of replicas and of who was promoted at once, and do not stop working for half a minute (TILT) when their
# machine has kept them waiting for 2 s.
HURRY = ("TILT-TRIGGER", 60_000, "INFO-PERIOD", 200, "PUBLISH-PERIOD", 200, "ASK-PERIOD", 200, "ELECTION-TIMEOUT", 1_000)
PATIENCE = 60  # seconds; a failover that fails is tried again after 6


class Sentinels:
    def __init__(self, master_port):
        self.folder = tempfile.TemporaryDirectory(prefix="microcloud-sentinels-")
        self.ports = [free_port() for _ in range(3)]
        self.processes = [self._start(port, master_port) for port in self.ports]
        for port in self.ports:
            wait_for(lambda: self._ask(port, "SENTINEL", "DEBUG", *HURRY), PATIENCE)
        for port in self.ports:
            wait_for(lambda: self._knows_all(port), PATIENCE)

    def _start(self, port, master_port):
        path = os.path.join(self.folder.name, f"{port}.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"port {port}\nbind 127.0.0.1\ndir {self.folder.name}\nlogfile {port}.log\n"
                       f"sentinel monitor cloud 127.0.0.1 {master_port} 2\n"
                       "sentinel down-after-milliseconds cloud 700\nsentinel failover-timeout cloud 3000\n")
        return subprocess.Popen(["redis-server", path, "--sentinel"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def _ask(self, port, *words):
        try:
            client = Client(port)
            try:
                return client(*words)
            finally:
                client.close()
        except (OSError, RedisError):
            return None

    def _knows_all(self, port):
        flat = self._ask(port, "SENTINEL", "MASTER", "cloud") or []
        facts = dict(zip(flat[::2], flat[1::2]))
        return facts.get("num-slaves") == "1" and facts.get("num-other-sentinels") == "2"

    @property
    def url(self):
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in self.ports) + "/cloud"

    def wait_for_master(self, node):
        """All of them name it."""
        for port in self.ports:
            wait_for(lambda: (self._ask(port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "cloud") or ["", ""])[1] == str(node.port), PATIENCE)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.folder.cleanup()
