"""A real Redis Cluster for the tests: its slots, its failovers, and what is in it."""
import binascii
import threading
import time

from redis_node import Node, free_port

SLOTS = 16384
OPTIONS = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0",
           "--repl-diskless-sync-delay", "0", "--appendonly", "yes", "--save", "", "--repl-timeout", "5")


def slot_of(key):
    return binascii.crc_hqx(key.encode(), 0) % SLOTS  # no test's key has a tag


def wait_until(holds, what, patience=30):
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.05)


class ClusterNode(Node):
    """`relay`: clients are told to come by way of it."""
    stands_still = False  # a test has stopped it: it does not answer

    def __init__(self, relay=None, options=()):
        self.relay = relay
        announced = ("--cluster-announce-port", str(relay.port)) if relay else ()
        super().__init__(*OPTIONS, "--cluster-port", str(free_port()), *announced, *options)
        if self.relay:
            self.relay.to_port = self.port
        self.id = self("CLUSTER", "MYID")

    def __call__(self, *words):
        client = self.client()
        try:
            return client(*words)
        finally:
            client.close()

    def client(self):
        """A replica answers too."""
        client = super().client()
        client("READONLY")
        return client

    def is_master(self):
        return self("ROLE")[0] == "master"

    def close(self):
        super().close()
        if self.relay:
            self.relay.close()


class Cluster:
    def __init__(self, masters, replicas=0, relayed_by=None, options=()):
        self.nodes = [ClusterNode(relayed_by(number) if relayed_by else None, options)
                      for number in range(masters + replicas)]
        for number, node in enumerate(self.nodes):
            node("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < masters:
                node("CLUSTER", "ADDSLOTSRANGE", SLOTS * number // masters, SLOTS * (number + 1) // masters - 1)
        first = self.nodes[0]
        for node in self.nodes[1:]:
            node("CLUSTER", "MEET", "127.0.0.1", first.port, int(first.options[first.options.index("--cluster-port") + 1]))
        self.wait(lambda node: f"cluster_known_nodes:{len(self.nodes)}\r" in node("CLUSTER", "INFO"))
        for number, node in enumerate(self.nodes[masters:]):
            master = self.nodes[number % masters]
            wait_until(lambda: master.id in node("CLUSTER", "NODES"), "the replica knows its master")
            node("CLUSTER", "REPLICATE", master.id)
        self.wait_well(replicas)

    def wait(self, holds, patience=30):
        for node in self.nodes:
            if node.process.poll() is None:
                wait_until(lambda: holds(node), f"{node.port} does not get there", patience)

    def wait_well(self, replicas):
        """All slots are served, and each replica has all that there is."""
        self.wait(lambda node: "cluster_state:ok" in node("CLUSTER", "INFO"))
        self.wait(lambda node: node("CLUSTER", "NODES").count("slave ") == replicas)
        wait_until(lambda: sum(len(node("ROLE")[2]) for node in self.nodes if node.is_master()) == replicas,
                   "the replicas follow")

    @property
    def url(self):
        ports = [node.relay.port if node.relay else node.port for node in self.nodes]
        return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports[1::-1])

    def slots(self):
        """{slot: its master}"""
        running = next(node for node in self.nodes if node.process.poll() is None and not node.stands_still)
        by_id = {node.id: node for node in self.nodes}
        owners = {}
        for first, last, master, *_ in running("CLUSTER", "SLOTS"):
            owners.update(dict.fromkeys(range(first, last + 1), by_id[master[2]]))
        return owners

    def masters(self):
        return list(dict.fromkeys(self.slots().values()))

    def replica_of(self, master):
        return next(node for node in self.nodes
                    if node.process.poll() is None and not node.is_master() and int(node("ROLE")[2]) == master.port)

    def empty(self):
        for master in self.masters():
            master("FLUSHALL")

    def contents(self):
        """As Node.contents() of all masters, without what begins with `_`; names whose slot a master does not own are none."""
        self.ledgers = {}
        owners = self.slots()
        everything = {}, {}, {}
        for master in dict.fromkeys(owners.values()):
            hashes, sets, lives = master.contents()
            for found, all_found in zip((hashes, sets, lives), everything):
                for key, value in found.items():
                    if owners[slot_of(key)] is not master:
                        continue
                    if isinstance(value, dict):
                        self.ledgers[key] = {name: int(float(n)) for name, n in value.items() if name.startswith("_")}
                        value = {name: n for name, n in value.items() if not name.startswith("_")}
                    all_found[key] = value
        return everything

    def begin_move(self, slot, source, target):
        target("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)

    def move(self, slot, source, target, pause):
        """Two keys at a time, so that for a while the slot is in two places."""
        self.begin_move(slot, source, target)
        while True:
            keys = source("CLUSTER", "GETKEYSINSLOT", slot, 2)
            if not keys:
                break
            source("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            time.sleep(pause)
        for node in [target, source] + [node for node in self.masters() if node not in (target, source)]:
            node("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    def cut_replication(self, master):
        """From now on nothing more gets to its replicas."""
        master("ACL", "SETUSER", "default", "-psync", "-sync")
        master("CLIENT", "KILL", "TYPE", "replica")

    def close(self):
        for node in self.nodes:
            node.close()


class ConnectionKiller:
    """Kills the probe's connections, at random times."""

    def __init__(self, cluster, chance, pause=0.15):
        self.killed = 0
        self.stopping = False
        self.thread = threading.Thread(target=self._kill, args=(cluster.masters(), chance, pause))
        self.thread.start()

    def _kill(self, masters, chance, pause):
        clients = [master.client() for master in masters]
        while not self.stopping:
            time.sleep(chance.random() * 2 * pause)
            client = chance.choice(clients)
            for line in client("CLIENT", "LIST", "TYPE", "normal").splitlines():
                fields = dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
                if fields["name"] == "microcloud-probe":
                    self.killed += client("CLIENT", "KILL", "ID", fields["id"])
        for client in clients:
            client.close()

    def stop(self):
        self.stopping = True
        self.thread.join()
        return self.killed
