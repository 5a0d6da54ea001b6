"""The probe's Redis face over TLS, with users: redis-cli, redis-py, and microcloud query."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest

import harness
from harness import run
from redis_node import Client, Node, RedisError
from test_cloud_tls import Certificates
from test_face import GRACE, Feed, as_dict, traffic, truth

USERS = b"""# who may ask
user ann on >ann's-secret ~ip.10.0.0.1* %R~probe.* &event.flow &event.d*
user kim on >all ~ip.*
user eve off >eve allkeys allchannels
user query on #ae448ac86c4e8e4dec645729708ef41873ae79c6dff84eff73360989487f08e5 >all allkeys allchannels +@read
"""


class TlsClient(Client):
    """RESP2 over TLS."""

    def __init__(self, port, authority):  # pylint: disable=super-init-not-called
        context = ssl.create_default_context(cafile=authority)
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="127.0.0.1")
        self.file = self.socket.makefile("rb")


class FaceTls(Certificates):
    def feed(self, *options, listen="127.0.0.1"):
        with open(self.file("users.acl"), "wb") as file:
            file.write(USERS)
        os.chmod(self.file("users.acl"), 0o600)
        test = self

        class TlsFeed(Feed):
            @staticmethod
            def connect(port):
                client = TlsClient(port, test.file("ca.pem"))
                client("AUTH", "query", "all")
                return client

        certificate = () if "--listen-cert" in options else ("--listen-cert", self.file("server.pem"), "--listen-key", self.file("server.key"))
        feed = TlsFeed(*certificate, "--listen-auth", self.file("users.acl"), *options, listen=listen)
        self.addCleanup(lambda: feed.probe.poll() is None and (feed.probe.kill(), feed.probe.communicate()))
        return feed

    def cli(self, feed, *words, user="ann", password="ann's-secret", authority="ca.pem"):
        done = subprocess.run(["redis-cli", "--tls", "--cacert", self.file(authority), "-p", str(feed.port), "--user", user, "--pass", password,
                               "--no-auth-warning", *words], capture_output=True, text=True, timeout=GRACE, check=False)
        return (done.stdout + done.stderr).strip()

    def test_redis_cli(self):
        feed = self.feed()
        packets = traffic(200, 1)
        feed.give(packets)
        feed.settle()
        self.assertEqual(self.cli(feed, "HGET", "ip.10.0.0.1", "packetsSent"), str(truth(packets)["ip.10.0.0.1"]["packetsSent"]))
        self.assertIn("bytesSent", self.cli(feed, "-3", "HGETALL", "ip.10.0.0.12"))
        self.assertIn("NOPERM this user has no permissions to access one of the keys", self.cli(feed, "HGETALL", "ip.10.0.0.2"))
        self.assertIn("NOPERM", self.cli(feed, "EXISTS", "ip.10.0.0.1", "port.udp.9"))
        self.assertIn("NOPERM", self.cli(feed, "MEMORY", "USAGE", "vlan.1"))
        self.assertEqual(self.cli(feed, "EXISTS", "probe.p"), "1")
        self.assertIn("port.udp.9", self.cli(feed, "KEYS", "*").split())
        self.assertIn("WRONGPASS", self.cli(feed, "PING", password="no"))
        self.assertIn("WRONGPASS", self.cli(feed, "PING", user="eve", password="eve"))
        self.assertRegex(self.cli(feed, "PING", authority="other.pem"), "certificate verify failed|SSL_connect failed")
        plain = subprocess.run(["redis-cli", "-p", str(feed.port), "PING"], capture_output=True, text=True, timeout=GRACE, check=False)
        self.assertNotIn("PONG", plain.stdout)
        scanned = subprocess.run(["redis-cli", "--tls", "--cacert", self.file("ca.pem"), "-p", str(feed.port), "--user", "ann", "--pass", "ann's-secret",
                                  "--no-auth-warning", "--scan", "--pattern", "ip.*"], capture_output=True, text=True, timeout=GRACE, check=True)
        self.assertEqual(sorted(scanned.stdout.split()), sorted(feed.client("KEYS", "ip.*")))
        feed.end()

    def test_files_are_read_again(self):
        for name in ("key", "pem"):
            shutil.copy(self.file(f"server.{name}"), self.file(f"face.{name}"))
        log, metrics = self.file("face.log"), self.file("face.prom")
        feed = self.feed("--listen-cert", self.file("face.pem"), "--listen-key", self.file("face.key"), "--log-file", log, "--metrics-file", metrics)

        def reload(**files):
            for name, data in files.items():
                with open(self.file(name.replace("_", ".")), "wb") as file:
                    file.write(data)
            done = said().count(" info reloaded")
            feed.probe.send_signal(signal.SIGHUP)
            harness.wait_for(lambda: said().count(" info reloaded") > done)

        def said():
            with open(log, encoding="utf-8") as file:
                return file.read()

        def subject():
            with TlsClient(feed.port, self.file("ca.pem")).socket as peer:
                return dict(one[0] for one in peer.getpeercert()["subject"])["commonName"]

        def logs_in(user, password):
            client = TlsClient(feed.port, self.file("ca.pem"))
            try:
                return client("AUTH", user, password) == "OK"
            except RedisError:
                return False
            finally:
                client.close()

        ann = TlsClient(feed.port, self.file("ca.pem"))
        self.assertEqual((ann("AUTH", "ann", "ann's-secret"), ann("SUBSCRIBE", "event.flow")[0]), ("OK", "subscribe"))
        self.assertEqual(subject(), "server")
        with open(self.file("probe.pem"), "rb") as pem, open(self.file("probe.key"), "rb") as key:
            reload(users_acl=USERS.replace(b">ann's-secret", b">other") + b"user bob on >b ~*\n", face_pem=pem.read(), face_key=key.read())
        self.assertEqual(ann.file.read(), b"", "whose line has changed is disconnected")
        self.assertEqual([logs_in("ann", "ann's-secret"), logs_in("ann", "other"), logs_in("bob", "b")], [False, True, True])
        self.assertEqual(subject(), "probe")
        self.assertEqual(feed.client("PING"), "PONG", "the others stay")
        self.assertNotIn("error", said())

        reload(users_acl=b"user ann on >x ~* nonsense\n", face_pem=b"none\n")
        self.assertRegex(said(), r"error reload: --listen-auth: \S+/users.acl:1: 'n\.\.\.' is not understood.*; the old state is kept\n")
        self.assertRegex(said(), r"error reload: --listen-cert: cannot read a certificate from \S+/face.pem: .*; the old state is kept\n")
        self.assertEqual(said().count(" error "), 2)
        self.assertEqual([logs_in("ann", "x"), logs_in("ann", "other"), subject()], [False, True, "probe"])
        self.assertEqual(feed.client("PING"), "PONG")
        ann.close()
        feed.end()
        with open(metrics, encoding="utf-8") as file:
            text = file.read()
        for what in ("listen-auth", "listen-cert"):
            self.assertIn(f'microcloud_reload_failures_total{{what="{what}"}} 1\n', text)

    def test_redis_py(self):
        import redis  # pylint: disable=import-outside-toplevel
        feed = self.feed("-d", "1")
        feed.give(traffic(100, 2, hosts=3))
        feed.settle()
        ann = redis.Redis(port=feed.port, ssl=True, ssl_ca_certs=self.file("ca.pem"), ssl_check_hostname=True, host="127.0.0.1", username="ann",
                          password="ann's-secret", decode_responses=True)
        self.assertEqual(ann.hgetall("ip.10.0.0.1"), as_dict(feed.client("HGETALL", "ip.10.0.0.1")))
        with ann.pipeline(transaction=False) as pipe:
            for _ in range(2_000):
                pipe.hget("ip.10.0.0.1", "packetsSent")
            self.assertEqual(len(set(pipe.execute())), 1)
        with self.assertRaises(redis.exceptions.NoPermissionError):
            ann.hgetall("ip.10.0.0.2")
        with self.assertRaises(redis.exceptions.RedisError):
            redis.Redis(port=feed.port, ssl=True, ssl_ca_certs=self.file("other.pem")).ping()
        with self.assertRaisesRegex(redis.exceptions.RedisError, "WRONGPASS"):
            redis.Redis(port=feed.port, ssl=True, ssl_ca_certs=self.file("ca.pem"), username="ann", password="x").ping()
        channels = ann.pubsub()
        channels.subscribe("event.flow", "event.dns")
        for name in ("event.flow", "event.dns"):
            self.assertEqual((channels.get_message(timeout=5)["type"], name), ("subscribe", name))
        # As with Redis: a pattern must stand in the user's line as it is, a channel must match.
        for refused in (("subscribe", "alert.x"), ("psubscribe", "event.*"), ("psubscribe", "event.flo*"), ("psubscribe", "event.dn*")):
            other = ann.pubsub()
            method, name = refused
            with self.assertRaises(redis.exceptions.NoPermissionError):
                getattr(other, method)(name)
                other.get_message(timeout=5)
            other.close()
        patterns = ann.pubsub()
        patterns.psubscribe("event.d*")
        self.assertEqual(patterns.get_message(timeout=5)["type"], "psubscribe")
        feed.give([(60.0, *traffic(1, 8)[0][1:])])
        self.assertEqual(harness.parse_record(channels.get_message(timeout=10)["data"])["record"], "flow")
        for one in (channels, patterns, ann):
            one.close()
        feed.end()

    def test_peers_that_shake_no_hands_go(self):
        feed = self.feed()
        began = time.monotonic()
        silent = [socket.create_connection(("127.0.0.1", feed.port), timeout=20) for _ in range(50)]
        wrong = socket.create_connection(("127.0.0.1", feed.port), timeout=20)
        wrong.sendall(b"*1\r\n$4\r\nPING\r\n" * 100)
        try:
            self.assertNotIn(b"PONG", wrong.recv(4096))
        except ConnectionResetError:
            pass
        wrong.close()
        self.assertEqual(feed.client("EXISTS", "probe.p"), 1)
        for peer in silent:
            self.assertEqual(peer.recv(100), b"")
            peer.close()
        self.assertGreater(time.monotonic() - began, 4)
        self.assertEqual(feed.client("EXISTS", "probe.p"), 1)
        feed.end()

    def test_query_asks_faces_over_tls(self):
        node = Node()
        self.addCleanup(node.close)
        feed = self.feed("--cloud", f"redis://127.0.0.1:{node.port}", "--listen-name", "127.0.0.1", listen="0.0.0.0")
        packets = traffic(200, 3)
        feed.give(packets)
        feed.settle()
        redis = node.client()
        harness.wait_for(lambda: redis("HGET", "probe.p", "listen"))
        self.assertEqual(redis("HGET", "probe.p", "listen"), f"rediss://127.0.0.1:{feed.port}")
        secret = self.file("secret")
        with open(secret, "w", encoding="ascii") as file:
            file.write("all\n")
        os.chmod(secret, 0o600)
        words = ("query", "get", "ip.10.0.0.1", "--json", "--cloud", f"redis://127.0.0.1:{node.port}")
        users = ("--probes-user", "query", "--probes-secret-file", secret)
        done = run(*words, *users, "--probes-ca", self.file("ca.pem"))
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout)["fields"]["packetsSent"], truth(packets)["ip.10.0.0.1"]["packetsSent"])
        done = run(*words, *users, "--insecure")
        self.assertEqual((done.status, done.stderr), (0, ""))
        for wrong, why in (((*users, "--probes-ca", self.file("other.pem")), "certificate verify failed"), (("--probes-ca", self.file("ca.pem")), "NOAUTH: it wants to know who asks: --probes-user USER"),
                           (("--probes-user", "kim", "--probes-secret-file", secret, "--probes-ca", self.file("ca.pem")), r"NOPERM.*--probes-user needs ~probe\.\*"),
                           (("--probes-user", "ann", "--probes-secret-file", secret, "--probes-ca", self.file("ca.pem")), "WRONGPASS")):
            done = run(*words, *wrong)
            self.assertRegex(done.stderr, f"probe p at rediss://.*({why}).*its open flows are missing")
        done = run(*words, "--probes-ca", self.file("none.pem"))
        self.assert_refused(done, 2, "--probes-ca", "none.pem")
        done = run(*words, "--no-probes", "--probes-ca", self.file("ca.pem"))
        self.assert_refused(done, 2, "--probes-ca", "--no-probes")
        feed.end()


if __name__ == "__main__":
    unittest.main()
