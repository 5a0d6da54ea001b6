"""microcloud node: real servers, their users, what they keep over a crash, clusters, replicas, TLS."""
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

import harness
from harness import run
from redis_node import Client
from test_cloud import Truth, counters, lines, traffic

READY = re.compile(r"the node is ready: (\S+) .*secrets in (\S+)")


# With the bus, 10,000 above, below those that the kernel gives to whoever asks for any (32,768 and up).
_next_port = itertools.count(11000 + os.getpid() % 290 * 40)


def free_ports(count):
    """The first of `count` ports in a row that nobody uses, and whose cluster bus ports are free too."""
    for _ in range(1000):
        first = next(_next_port)
        for _ in range(count - 1):
            next(_next_port)
        sockets = []
        try:
            for port in range(first, first + count):
                for one in (port, port + 10000):
                    taken = socket.socket()
                    sockets.append(taken)
                    taken.bind(("127.0.0.1", one))
            return first
        except OSError:
            continue
        finally:
            for taken in sockets:
                taken.close()
    raise AssertionError("no free ports")


class Node:
    """A node under test, in a directory of its own unless one is given."""

    def __init__(self, *args, directory=None, servers=1, port=None, metrics="none"):
        self.folder = directory or tempfile.mkdtemp(prefix="microcloud-node-")
        self.port = port or free_ports(servers)
        words = [harness.PROGRAM, "node", "--dir", self.folder, "--port", str(self.port), "--metrics", metrics, *args]
        self.log = open(os.path.join(self.folder, "test.log"), "ab+")
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def said(self):
        self.log.seek(0)
        return self.log.read().decode()

    def wait_until_said(self, pattern, times=1, patience=60):
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if len(re.findall(pattern, self.said())) >= times:
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{pattern} was not said {times} times: {self.said()}")

    def ready(self):
        return self.wait_until_said(READY.pattern)

    def secret(self, user):
        with open(os.path.join(self.folder, "secrets", user), encoding="utf-8") as file:
            return file.readline().strip()

    def cli(self, *command, user="admin", port=None, options=(), secret=None):
        """What redis-cli prints."""
        words = ["redis-cli", "-p", str(port or self.port), "--user", user, "--no-auth-warning", *options, *command]
        environment = dict(os.environ, REDISCLI_AUTH=secret or self.secret(user))
        done = subprocess.run(words, capture_output=True, text=True, timeout=harness.TIMEOUT, env=environment, check=False)
        return (done.stdout + done.stderr).strip()

    def server_pids(self):
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def end(self, with_signal=signal.SIGTERM):
        started = time.monotonic()
        self.process.send_signal(with_signal)
        status = self.process.wait(timeout=harness.TIMEOUT)
        return status, time.monotonic() - started

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class NodeTest(unittest.TestCase):
    maxDiff = 4000

    def node(self, *args, **options):
        node = Node(*args, **options)
        self.addCleanup(node.remove)
        return node


class OneServer(NodeTest):
    def test_comes_up_and_ends_in_order(self):
        node = self.node().ready()
        self.assertEqual(node.cli("ping"), "PONG")
        self.assertIn(f"redis://127.0.0.1:{node.port}", node.said())
        pids = node.server_pids()
        self.assertEqual(len(pids), 1)
        status, seconds = node.end()
        self.assertEqual(status, 0, node.said())
        self.assertLess(seconds, 5)
        for pid in pids:
            self.assertRaises(ProcessLookupError, os.kill, pid, 0)

    def test_settings_that_exactness_rests_on(self):
        node = self.node("--memory", "64MB").ready()
        for name, value in (("appendonly", "yes"), ("appendfsync", "everysec"), ("maxmemory-policy", "volatile-lru"),
                            ("maxmemory", str(64 * 1024 * 1024)), ("databases", "1"), ("min-replicas-to-write", "0"),
                            ("client-output-buffer-limit", "normal 268435456 67108864 60 slave 268435456 67108864 60 pubsub 33554432 8388608 60")):
            self.assertEqual(node.cli("config", "get", name).split("\n"), [name, value])

    def test_servers_end_with_a_node_that_is_killed(self):
        node = self.node().ready()
        pid = node.server_pids()[0]
        node.process.kill()
        node.process.wait()
        until = time.monotonic() + 20
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < until:
            if "Z" in open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[:1]:
                break  # it has ended, and nobody has asked how
            time.sleep(0.05)
        else:
            self.assertFalse(os.path.exists(f"/proc/{pid}"), "the server outlived its node")

    def test_secrets_and_configuration_are_private(self):
        node = self.node().ready()
        for path in ("secrets/probe", "secrets/admin", "users.acl", f"{node.port}/redis.conf"):
            self.assertEqual(os.stat(os.path.join(node.folder, path)).st_mode & 0o777, 0o600, path)
        acl = open(os.path.join(node.folder, "users.acl"), encoding="utf-8").read()
        for user in os.listdir(os.path.join(node.folder, "secrets")):
            self.assertNotIn(node.secret(user), acl)
            self.assertNotIn(node.secret(user), node.said())
        self.assertEqual(len({node.secret(user) for user in ("probe", "app", "reader", "admin")}), 4)

    def test_data_secrets_and_users_stay_over_a_restart(self):
        node = self.node().ready()
        secret = node.secret("probe")
        self.assertEqual(node.cli("hincrby", "ip.192.0.2.1", "bytesSent", "70", user="probe"), "70")
        self.assertEqual(node.end()[0], 0)
        again = self.node(directory=node.folder, port=node.port).wait_until_said(READY.pattern, times=2)
        self.assertEqual(again.secret("probe"), secret)
        self.assertEqual(again.cli("hget", "ip.192.0.2.1", "bytesSent", user="reader"), "70")

    def test_a_server_that_crashes_is_started_again_with_its_data(self):
        node = self.node().ready()
        node.cli("set", "user.1", "x")
        time.sleep(1.5)  # everysec
        os.kill(node.server_pids()[0], signal.SIGKILL)
        node.wait_until_said("accepts connections", times=2)
        self.assertRegex(node.said(), "has ended by itself")
        self.assertEqual(node.cli("get", "user.1"), "x")
        self.assertIsNone(node.process.poll())

    def test_what_is_wrong_at_the_start_is_told(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            node = self.node(port=port)
            self.assertEqual(node.process.wait(timeout=harness.TIMEOUT), 1)
            self.assertRegex(node.said().splitlines()[-1], f"^microcloud node: server {port} ended before it was ready: .*")
            self.assertRegex(node.said(), "Address already in use")

    def test_a_directory_named_from_where_one_is(self):
        folder = tempfile.mkdtemp(prefix="microcloud-node-")
        node = self.node(directory=os.path.relpath(folder)).ready()
        self.assertEqual(node.cli("ping"), "PONG")

    def test_two_nodes_in_one_directory(self):
        node = self.node().ready()
        second = self.node(directory=node.folder)
        self.assertEqual(second.process.wait(timeout=harness.TIMEOUT), 1)
        self.assertRegex(second.said(), "another microcloud node runs in ")

    def test_metrics_and_readiness(self):
        port = free_ports(1)
        node = self.node(metrics=f"127.0.0.1:{port}").ready()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as page:
            self.assertEqual(json.load(page), {"ready": True, "checks": [{"name": f"server {node.port}", "ready": True}]})
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
            samples = harness.parse_metrics(page.read().decode())
        label = frozenset([("port", str(node.port))])
        self.assertEqual(samples[("microcloud_node_accepting", label)], 1)
        self.assertEqual(samples[("microcloud_node_starts_total", label)], 1)
        self.assertEqual(samples[("microcloud_node_log_repairs_total", label)], 0)


class WithProbes(NodeTest):
    """What the user `probe` writes, with the rights that the node gives it, is there after a restart: transactions in the log, too."""

    KINDS = {"hash": "hgetall", "zset": "zrange", "string": "get", "set": "smembers", "stream": "xlen"}

    def probe(self, node, scheme, name):
        done = harness.run("probe", "-r", os.path.join(harness.CAPTURES, "real", name), "--probe-id", name.split(".")[0], "-n", "none", "--cloud",
                           f"{scheme}://probe@127.0.0.1:{node.port}", "--cloud-secret-file", os.path.join(node.folder, "secrets", "probe"))
        self.assertEqual(done.status, 0, done.stderr)
        self.assertNotIn("NOPERM", done.stderr)

    def contents(self, node, ports):
        """{key: its content} of all servers."""
        found = {}
        for port in ports:
            client = Client(port)
            client("AUTH", "admin", node.secret("admin"))
            for key in client("KEYS", "*"):
                kind = client("TYPE", key)
                if kind == "none":  # it has just expired
                    continue
                words = ("0", "-1", "WITHSCORES") if kind == "zset" else ()
                content = client(self.KINDS[kind], key, *words)
                found[key] = dict(zip(content[::2], content[1::2])) if kind in ("hash", "zset") else content
            client.close()
        return found

    def lasting(self, node, ports):
        """The keys that live for ten minutes and longer."""
        lasting = set()
        for port in ports:
            client = Client(port)
            client("AUTH", "admin", node.secret("admin"))
            lasting |= {key for key in client("KEYS", "*") if not 0 <= client("TTL", key) < 600}
            client.close()
        return lasting

    def assert_holds(self, node, ports, before, lasting):
        """Just what it held; others than those `lasting` may have expired."""
        found = self.contents(node, ports)
        self.assertEqual({key: content for key, content in found.items() if key in lasting or key not in before},
                         {key: content for key, content in before.items() if key in lasting})

    def write_all(self, node, scheme="redis"):
        for name in sorted(os.listdir(os.path.join(harness.CAPTURES, "real"))):
            if name.endswith(".pcap"):
                self.probe(node, scheme, name)

    def test_all_that_probes_write_is_there_after_a_crash_and_a_restart(self):
        node = self.node().ready()
        self.write_all(node)
        before, lasting = self.contents(node, [node.port]), self.lasting(node, [node.port])
        for tree in ("ip.", "mac.", "proto.", "port.", "service.", "http.", "mysql.", "voip.call.", "voip.endpoint.", "tns.redir.", "mc.led."):
            self.assertTrue(any(key.startswith(tree) for key in before), f"nothing tests {tree}")
        time.sleep(1.5)  # everysec
        os.kill(node.server_pids()[0], signal.SIGKILL)
        node.wait_until_said("accepts connections", times=2)
        self.assert_holds(node, [node.port], before, lasting)
        self.assertEqual(node.end()[0], 0)
        again = self.node(directory=node.folder, port=node.port).wait_until_said(READY.pattern, times=2)
        self.assert_holds(again, [node.port], before, lasting)
        self.assertNotIn("NOPERM", again.said())

    def test_connections_break(self):
        """Of a node and of a cluster, and the probe has the rights to go on."""
        for number in (1, 3):
            cluster = ("--cluster", "3") if number == 3 else ()
            with self.subTest(servers=number), tempfile.TemporaryDirectory() as folder:
                node = self.node(*cluster, servers=number).ready()
                records = os.path.join(folder, "records.json")
                probe = harness.start_probe("-r", "-", "--probe-id", "p", "--json", records, "-d", "5", "--cloud", f"redis{'+cluster' if cluster else ''}://probe@127.0.0.1:{node.port}",
                                            "--cloud-secret-file", os.path.join(node.folder, "secrets", "probe"), "--cloud-flush", "3", stdin=subprocess.PIPE)
                for at, part in enumerate(traffic(51, 120)):
                    probe.stdin.write(part)
                    probe.stdin.flush()
                    time.sleep(0.02)
                    if at % 30 == 20:
                        for port in range(node.port, node.port + number):
                            node.cli("client", "kill", "user", "probe", port=port)
                _, said = probe.communicate(timeout=harness.TIMEOUT)
                self.assertEqual(probe.returncode, 0, said.decode())
                self.assertNotIn("NOPERM", said.decode())
                self.assertIn("is away", said.decode())
                found = {key: {field: value for field, value in content.items() if not field.startswith("_")}
                         for key, content in self.contents(node, range(node.port, node.port + number)).items()
                         if not re.search(r"\.(peers|ports|protocols)$", key) and isinstance(content, dict)}
                self.assertEqual(counters(found), Truth(lines(records)).counters())

    def test_the_same_in_a_cluster(self):
        node = self.node("--cluster", "3", servers=3).ready()
        ports = range(node.port, node.port + 3)
        self.write_all(node, "redis+cluster")
        before, lasting = self.contents(node, ports), self.lasting(node, ports)
        self.assertTrue(any(key.startswith("tns.redir.") for key in before))
        self.assertEqual(node.end()[0], 0)
        again = self.node("--cluster", "3", directory=node.folder, port=node.port).wait_until_said(READY.pattern, times=2)
        self.assert_holds(again, ports, before, lasting)


class DamagedLog(NodeTest):
    """Redis 7.0 leaves an open MULTI behind in a log that was cut in it, and runs its half at the next start but one."""

    def test_half_a_transaction_is_never_run(self):
        node = self.node().ready()
        node.cli("set", "a", "1")
        script = "multi\nincr mc.batch\nincr a\nincr a\nincr a\nexec\n"
        subprocess.run(["redis-cli", "-p", str(node.port), "--user", "admin", "--no-auth-warning"], input=script, text=True,
                       env=dict(os.environ, REDISCLI_AUTH=node.secret("admin")), capture_output=True, timeout=harness.TIMEOUT, check=True)
        self.assertEqual(node.cli("get", "a"), "4")
        self.assertEqual(node.end()[0], 0)
        folder = os.path.join(node.folder, str(node.port), "appendonlydir")
        log = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".incr.aof")]
        self.assertEqual(len(log), 1)
        data = open(log[0], "rb").read()
        # Cut in the middle of the last INCR, so that MULTI is open.
        at = data.rfind(b"incr")
        os.truncate(log[0], at + 2)
        for start in (2, 3):  # the bug shows at the second start, with writes in between
            again = self.node(directory=node.folder, port=node.port).wait_until_said(READY.pattern, times=start)
            self.assertEqual(again.cli("get", "a"), "1")
            self.assertEqual(again.cli("incr", f"written.{start}"), "1")
            self.assertEqual(again.end()[0], 0)
        self.assertEqual(len(re.findall("damaged, and is cut off", node.said())), 1)


class Users(NodeTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = Node().ready()

    @classmethod
    def tearDownClass(cls):
        cls.shared.remove()

    def test_nobody_comes_in_without_a_secret(self):
        words = ["redis-cli", "-p", str(self.shared.port), "ping"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=harness.TIMEOUT, check=False)
        self.assertIn("NOAUTH", done.stdout)
        self.assertIn("WRONGPASS", self.shared.cli("ping", user="probe", secret="guessed"))

    def allowed(self, user, commands):
        """`commands`: each with what redis-cli prints of its answer."""
        for command, answer in commands:
            self.assertRegex(self.shared.cli(*command, user=user), f"\\A(?:{answer})\\Z", f"{user}: {command}")

    def refused(self, user, commands):
        """For want of the right, and nothing has changed."""
        before = self.keys()
        for command in commands:
            self.assertRegex(self.shared.cli(*command, user=user), r"\A(?:\(error\) )?NOPERM ", f"{user}: {command}")
        self.assertEqual(self.keys(), before, user)

    def keys(self):
        """What the server holds: names, values by their sums, and whether they expire."""
        script = ("local found = {} for _, key in ipairs(redis.call('keys', '*')) do found[#found + 1] = key .. ' ' .. "
                  "redis.sha1hex(redis.call('dump', key)) .. tostring(redis.call('pttl', key) >= 0) end table.sort(found) return found")
        return self.shared.cli("eval", script, "0").splitlines()

    def test_probe(self):
        number, done, ok = r"-?\d+", "1", "OK"
        self.assertEqual(self.shared.cli("sadd", "list.probe-obeys", "192.0.2.7"), "1")
        self.assertEqual(self.shared.cli("set", "meta.schema", "1"), "OK")
        self.allowed("probe", (
            (("hincrby", "ip.192.0.2.1", "bytesSent", "70"), "70"), (("hincrby", "lab/ip.192.0.2.1", "bytesSent", "71"), "71"),
            (("hget", "ip.192.0.2.1", "bytesSent"), "70"), (("zincrby", "ip.192.0.2.1.peers", "5", "192.0.2.2"), "5"),
            (("expire", "ip.192.0.2.1", "60"), done), (("eval", "return redis.call('set', KEYS[1], 1)", "1", "mc.led.a"), ok),
            (("publish", "event.flow", "{}"), number), (("publish", "lab/alert.mine", "{}"), number), (("smembers", "list.probe-obeys"), r"192\.0\.2\.7"),
            (("get", "meta.schema"), "1"), (("role",), r"(?s:master\n.*)"), (("info", "server"), r"(?s:# Server\s.*)"), (("client", "id"), number),
            (("xadd", "stream.alerts", "*", "a", "1"), r"\d+-\d+"), (("scan", "0", "match", "ip.*", "count", "100"), r"(?s:0\n.*ip\.192\.0\.2\.1.*)"),
            (("hset", "probe.a", "packets", "9"), done), (("hgetall", "probe.a"), "packets\n9"),
            (("hset", "identity.192.0.2.1", "user", "bob"), done), (("hget", "identity.192.0.2.1", "user"), "bob")))
        self.refused("probe", (
            ("set", "elsewhere", "1"), ("sadd", "list.probe-obeys", "x"), ("srem", "lab/list.watched", "x"), ("set", "rule.x", "1"), ("set", "app.own", "1"),
            ("get", "elsewhere"), ("eval", "return redis.call('set', KEYS[1], 1)", "1", "elsewhere"), ("keys", "*"), ("flushall",), ("flushdb",),
            ("config", "get", "dir"), ("acl", "list"), ("publish", "elsewhere", "x"), ("shutdown",), ("monitor",), ("client", "list"),
            ("replicaof", "no", "one"), ("script", "flush")))

    # Of each right that docs/keys.md says the probe's user needs: a command that uses it.
    RIGHTS = {"+@hash": "hincrby ip.a x 1", "+@sortedset": "zincrby ip.a.peers 1 x", "+client|setname": "client setname x", "+client|id": "client id",
              "+client|tracking": "client tracking on", "+client|kill": "client kill id 1", "+cluster|slots": "cluster slots", "+cluster|info": "cluster info",
              "+del": "del ip.a", "+xadd": "xadd stream.alerts * a 1", "+scard": "scard list.a", "+smembers": "smembers list.a", "+expire": "expire ip.a 1",
              "+eval": "eval x 1 ip.a", "+watch": "watch ip.a", "+multi": "multi", "+exec": "exec", "+set": "set mc.led.a 1", "+get": "get mc.led.a", "+role": "role",
              "+dbsize": "dbsize", "+hello": "hello 3", "+ping": "ping", "+pttl": "pttl ip.a", "+publish": "publish event.flow x", "+asking": "asking",
              "+info": "info server"}

    def test_the_probe_may_do_what_it_does(self):
        with open(os.path.join(harness.TOP, "docs", "keys.md"), encoding="utf-8") as file:
            said = re.search(r"The probe's user \(`microcloud node`.*?needs: `(.*?)`.*?in a cluster also\s+`(.*?)`", file.read(), re.S)
        self.assertEqual(set(f"{said[1]} {said[2]}".split()), set(self.RIGHTS))
        for right, command in self.RIGHTS.items():
            self.assertEqual(self.shared.cli("acl", "dryrun", "probe", *command.split()), "OK", right)

    def test_app(self):
        self.assertEqual(self.shared.cli("hset", "ip.192.0.2.30", "bytesSent", "70"), "1")
        self.allowed("app", (
            (("keys", "ip.192.0.2.30"), r"ip\.192\.0\.2\.30"), (("sadd", "list.watched", "192.0.2.9"), "1"), (("sadd", "lab/list.watched", "192.0.2.9"), "1"),
            (("set", "app.own", "1"), "OK"), (("get", "app.own"), "1"), (("hset", "rule.x", "a", "1"), "1"), (("hgetall", "ip.192.0.2.30"), "bytesSent\n70"),
            (("publish", "alert.mine", "x"), r"\d+"), (("xadd", "stream.alerts", "*", "a", "1"), r"\d+-\d+")))
        self.refused("app", (
            ("hincrby", "ip.192.0.2.30", "bytesSent", "1"), ("del", "ip.192.0.2.30"), ("expire", "ip.192.0.2.30", "1"), ("set", "mc.led.a", "9"),
            ("hset", "probe.a", "packets", "1"), ("hset", "identity.192.0.2.30", "user", "bob"), ("set", "meta.schema", "9"), ("set", "elsewhere", "1"), ("eval", "return 1", "0"), ("flushall",),
            ("config", "get", "dir"), ("acl", "list"), ("shutdown",), ("monitor",), ("client", "list")))

    def test_reader(self):
        self.assertEqual(self.shared.cli("hset", "ip.192.0.2.40", "bytesSent", "70"), "1")
        self.assertEqual(self.shared.cli("zadd", "ip.192.0.2.40.peers", "5", "192.0.2.2"), "1")
        self.allowed("reader", (
            (("keys", "ip.192.0.2.40"), r"ip\.192\.0\.2\.40"), (("hgetall", "ip.192.0.2.40"), "bytesSent\n70"),
            (("scan", "0", "count", "1000"), r"(?s:0\n.*ip\.192\.0\.2\.40.*)"), (("zrange", "ip.192.0.2.40.peers", "0", "-1"), r"192\.0\.2\.2"),
            (("ttl", "ip.192.0.2.40"), "-1"), (("role",), r"(?s:master\n.*)")))
        self.refused("reader", (
            ("set", "app.x", "1"), ("hincrby", "ip.192.0.2.40", "bytesSent", "1"), ("del", "ip.192.0.2.40"), ("expire", "ip.192.0.2.40", "1"),
            ("sadd", "list.watched", "x"), ("publish", "event.flow", "x"), ("publish", "alert.mine", "x"), ("flushall",), ("eval", "return 1", "0"),
            ("config", "get", "dir"), ("acl", "list"), ("shutdown",), ("monitor",), ("client", "list")))

    def test_a_new_secret_takes_effect_at_sighup(self):
        node = self.node().ready()
        old = node.secret("reader")
        path = os.path.join(node.folder, "secrets", "reader")
        with open(path, "w", encoding="utf-8") as file:
            file.write("a-new-secret-of-the-reader\n")
        node.process.send_signal(signal.SIGHUP)
        node.wait_until_said("reloaded")
        self.assertEqual(node.cli("ping", user="reader"), "PONG")
        self.assertIn("WRONGPASS", node.cli("ping", user="reader", secret=old))


class Clusters(NodeTest):
    def key_count(self, node, port):
        return int(node.cli("dbsize", port=port))

    def test_three_masters_share_the_keys_and_come_back(self):
        node = self.node("--cluster", "3", servers=3).ready()
        for number in range(60):
            self.assertEqual(node.cli("set", f"ip.192.0.2.{number}", "1", options=("-c",)), "OK")
        counts = [self.key_count(node, node.port + master) for master in range(3)]
        self.assertEqual(sum(counts), 60)
        self.assertGreater(min(counts), 5)
        self.assertEqual(node.end()[0], 0)
        again = self.node("--cluster", "3", directory=node.folder, port=node.port).wait_until_said(READY.pattern, times=2)
        self.assertEqual(sum(self.key_count(again, again.port + master) for master in range(3)), 60)
        self.assertEqual(len(re.findall("the cluster is formed", again.said())), 1)

    def test_what_servers_say_alike_is_told_once(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        server = os.path.join(folder, "redis-server")
        with open(server, "w", encoding="ascii") as script:
            script.write("#!/bin/sh\necho '1:M 01 Jan 2026 00:00:00.000 # WARNING a fact of the machine'\nexec redis-server \"$@\"\n")
        os.chmod(server, 0o755)
        node = self.node("--cluster", "3", "--redis-server", server, servers=3).ready()
        warnings = re.findall(r"warning server \d+: (.*)", node.said())
        self.assertIn("WARNING a fact of the machine", warnings)
        self.assertEqual(len(warnings), len(set(warnings)), warnings)
        for port in range(node.port, node.port + 3):
            self.assertIn(f"info server {port}: Cluster state changed: ok", node.said())

    def test_one_master_is_a_cluster_too(self):
        node = self.node("--cluster", "1").ready()
        self.assertEqual(node.cli("set", "ip.192.0.2.1", "1"), "OK")
        self.assertIn("cluster_size:1", node.cli("cluster", "info"))

    def test_replicas_follow_and_take_over(self):
        node = self.node("--cluster", "3", "--replicas", "1", servers=6).ready()
        nodes = node.cli("cluster", "nodes").splitlines()
        self.assertEqual((sum("master" in one for one in nodes), sum("slave" in one for one in nodes)), (3, 3))
        self.assertEqual(node.cli("config", "get", "min-replicas-to-write").split("\n")[1], "1")
        replica = next(one.split() for one in nodes if "slave" in one)
        port = int(replica[1].split("@")[0].rsplit(":", 1)[1])
        until = time.monotonic() + 30
        while "master_link_status:up" not in node.cli("info", "replication", port=port) and time.monotonic() < until:
            time.sleep(0.1)
        self.assertEqual(node.cli("cluster", "failover", port=port), "OK")
        while "role:master" not in node.cli("info", "replication", port=port) and time.monotonic() < until:
            time.sleep(0.1)
        self.assertIn("role:master", node.cli("info", "replication", port=port))

    def test_another_number_of_masters_is_refused(self):
        node = self.node("--cluster", "1", servers=2).ready()  # the other one asks for two ports
        self.assertEqual(node.end()[0], 0)
        again = self.node("--cluster", "2", directory=node.folder, port=node.port)
        self.assertEqual(again.process.wait(timeout=harness.TIMEOUT), 1)
        self.assertRegex(again.said().splitlines()[-1], "holds a cluster of 1 masters, not of 2")


class OtherKinds(NodeTest):
    """A directory that another kind of node has left is refused: one server of a cluster would pass for the whole."""

    def refused(self, node, words):
        self.assertEqual(node.process.wait(timeout=harness.TIMEOUT), 1)
        last = node.said().splitlines()[-1]
        self.assertRegex(last, f"^microcloud node: {re.escape(node.folder)}.* holds ")
        for word in words:
            self.assertIn(word, last)
        self.assertIn("or give another --dir", last)

    def again(self, node, *args, port=None):
        return self.node(*args, directory=node.folder, port=port or node.port)

    def test_a_cluster_is_started_as_a_cluster_only(self):
        node = self.node("--cluster", "3", servers=4).ready()
        for number in range(30):
            self.assertEqual(node.cli("set", f"ip.192.0.2.{number}", "1", options=("-c",)), "OK")
        self.assertEqual(node.end()[0], 0)
        ports = ", ".join(str(node.port + number) for number in range(3))
        self.refused(self.again(node), ("one server of a Redis Cluster", "share of the keys", "--cluster N", f"--port {node.port}"))
        self.refused(self.again(node, port=node.port + 2), ("one server of a Redis Cluster", "--cluster N", f"--port {node.port}"))
        self.refused(self.again(node, "--replica-of", "127.0.0.1:1"), ("one server of a Redis Cluster",))
        self.refused(self.again(node, "--cluster-member"), ("one of the servers", ports, "--cluster N"))
        self.refused(self.again(node, "--cluster", "2"), (ports, "as it was formed"))
        self.refused(self.again(node, "--cluster", "4"), (ports, "as it was formed"))
        self.refused(self.again(node, "--cluster", "3", port=node.port + 1), (ports, "as it was formed"))
        whole = self.again(node, "--cluster", "3").wait_until_said(READY.pattern, times=2)
        self.assertEqual(sum(int(whole.cli("dbsize", port=node.port + master)) for master in range(3)), 30)
        self.assertNotIn("is not started", whole.said())

    def test_a_server_alone_stays_alone(self):
        node = self.node(servers=3).ready()
        self.assertEqual(node.cli("set", "ip.192.0.2.1", "1"), "OK")
        self.assertEqual(node.end()[0], 0)
        self.refused(self.again(node, "--cluster", "3"), ("the data of a server alone", "without --cluster,"))
        self.refused(self.again(node, "--cluster-member"), ("the data of a server alone", "without --cluster-member,"))
        self.assertEqual(self.again(node).wait_until_said(READY.pattern, times=2).cli("get", "ip.192.0.2.1"), "1")

    def test_another_port_starts_another_server_and_says_so(self):
        node = self.node().ready()
        self.assertEqual(node.end()[0], 0)
        other = self.again(node, port=free_ports(1)).wait_until_said(READY.pattern, times=2)
        self.assertRegex(other.said(), f"warning {re.escape(node.folder)}/{node.port} holds the data of a server that is not started: --port")
        self.assertEqual(other.cli("dbsize"), "0")


class Replication(NodeTest):
    def test_a_replica_follows_with_copied_secrets(self):
        master = self.node("--min-replicas", "1").ready()
        folder = tempfile.mkdtemp(prefix="microcloud-node-")
        shutil.copytree(os.path.join(master.folder, "secrets"), os.path.join(folder, "secrets"))
        self.assertIn("NOREPLICAS", master.cli("set", "ip.192.0.2.1", "1"))
        replica = self.node("--replica-of", f"127.0.0.1:{master.port}", directory=folder).ready()
        until = time.monotonic() + 30
        while "NOREPLICAS" in master.cli("set", "ip.192.0.2.1", "2") and time.monotonic() < until:
            time.sleep(0.1)
        self.assertEqual(master.cli("wait", "1", "5000"), "1")
        self.assertEqual(replica.cli("get", "ip.192.0.2.1", user="reader"), "2")
        self.assertIn("READONLY", replica.cli("set", "ip.192.0.2.1", "3"))


class Tls(NodeTest):
    def certificates(self):
        folder = tempfile.mkdtemp(prefix="microcloud-tls-")
        self.addCleanup(shutil.rmtree, folder, True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
        return f"{folder}/cert.pem", f"{folder}/key.pem"

    def test_serves_tls_and_nothing_else(self):
        certificate, key = self.certificates()
        node = self.node("--tls-cert", certificate, "--tls-key", key, "--tls-ca", certificate).ready()
        self.assertIn(f"rediss://127.0.0.1:{node.port}", node.said())
        self.assertEqual(node.cli("ping", options=("--tls", "--cacert", certificate)), "PONG")
        self.assertNotIn("PONG", node.cli("ping"))

    def test_a_cluster_over_tls(self):
        certificate, key = self.certificates()
        node = self.node("--cluster", "2", "--tls-cert", certificate, "--tls-key", key, "--tls-ca", certificate, servers=2).ready()
        self.assertIn("cluster_state:ok", node.cli("cluster", "info", options=("--tls", "--cacert", certificate)))


class Usage(harness.ProbeTest):
    def test_what_does_not_go_together(self):
        for args, words in ((("--replicas", "1"), ("--replicas", "--cluster")),
                            (("--cluster", "3", "--replica-of", "a:1"), ("--replica-of", "--replicas")),
                            (("--tls-cert", "x"), ("--tls-cert", "--tls-key", "--tls-ca")),
                            (("--tls-cert", "/nowhere", "--tls-key", "/nowhere", "--tls-ca", "/nowhere"), ("--tls-cert", "/nowhere")),
                            (("--port", "60000", "--cluster", "1"), ("--port", "70000")),
                            *((("--replica-of", word), ("--replica-of", word, "HOST:PORT"))
                              for word in ("host:none", "foo", "foo:", "foo:0", "foo:65536", "300.1.1.1:6379", "2001:db8::1:7000", "[host", "[]:1", ":6379", "a b:1")),
                            *((("--bind", word), ("--bind", word)) for word in ("a b", "300.1.1.1", "10.0.0", "nonsense!", "-::1", "", "10.0.0.1:6379")),
                            (("--bind", "0.0.0.0", "--cluster", "3"), ("--bind", "0.0.0.0")),
                            (("--memory", "5"), ("--memory", "5 bytes", "16MB at least")),
                            (("--memory", "0"), ("--memory", "0 bytes", "16MB at least")),
                            (("--memory", "64MB", "--cluster", "3", "--replicas", "1"), ("--memory", "96MB at least")),
                            (("--memory", "much"), ("--memory", "much"))):
            self.assert_refused(run("node", *args), 2, *words)

    def test_addresses_that_are_taken(self):
        for args in (("--bind", "10.0.0.5"), ("--bind", "::1"), ("--bind", "fe80::1%lo"), ("--bind", "*"), ("--bind", "localhost"), ("--bind", "node-1.example"),
                     ("--replica-of", "localhost:6379"), ("--replica-of", "[::1]:1"), ("--replica-of", "10.0.0.5:65535"), ("--memory", "16MB")):
            self.assertEqual(run("node", *args, "--check-config").status, 0, args)

    def test_one_address_is_a_list_as_two_are(self):
        for args, value in (((), '["127.0.0.1"]'), (("--bind", "10.0.0.5"), '["10.0.0.5"]'), (("--bind", "10.0.0.5", "--bind", "::1"), '["10.0.0.5", "::1"]')):
            text = run("node", *args, "--print-config").stdout
            self.assertIn(f" = {value}  # ", next(line for line in text.splitlines() if line.startswith("bind ")))
            with harness.scratch_file(text.encode(), ".toml") as config:
                self.assertIn("\nbind " + value[1:-1].replace('"', "").replace(",", "") + "\n", run("node", "--config", config, "--print-redis-config").stdout)

    def test_no_server_program(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([harness.PROGRAM, "node", "--dir", folder], capture_output=True, text=True, timeout=harness.TIMEOUT,
                                  env={"PATH": folder}, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("install the package redis-server", done.stderr)
            done = run("node", "--dir", folder, "--redis-server", "/bin/true")
            self.assert_refused(done, 1, "/bin/true", "version")

    def test_print_redis_config_starts_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("node", "--dir", os.path.join(folder, "none"), "--replica-of", "[2001:db8::1]:7000", "--print-redis-config")
            self.assertEqual((done.status, os.listdir(folder)), (0, []))
            self.assertIn("\nreplicaof 2001:db8::1 7000\n", done.stdout)
            self.assertIn('\nmasterauth "***"\n', done.stdout)
