"""The MicroCloud over TLS, and where its password may stand."""
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import CAPTURES, ProbeTest, run
from redis_node import Node, free_port

DNS = os.path.join(CAPTURES, "real", "dns.pcap")


@unittest.skipUnless(shutil.which("openssl"), "certificates need openssl")
class Certificates(ProbeTest):
    """In self.folder: two authorities, and certificates of 127.0.0.1 that the first one has signed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        for authority in ("ca", "other"):
            cls.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={authority}",
                        "-days", "2", "-keyout", cls.file(authority + ".key"), "-out", cls.file(authority + ".pem"))
        for name in ("server", "probe"):
            cls.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", cls.file(name + ".key"), "-out", cls.file("request"))
            cls.openssl("x509", "-req", "-in", cls.file("request"), "-CA", cls.file("ca.pem"), "-CAkey", cls.file("ca.key"),
                        "-CAcreateserial", "-days", "2", "-copy_extensions", "copy", "-out", cls.file(name + ".pem"))

    @classmethod
    def file(cls, name):
        return os.path.join(cls.folder, name)

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)


class Tls(Certificates):
    def node(self, clients):
        self.port = free_port()
        node = Node("--tls-port", str(self.port), "--tls-cert-file", self.file("server.pem"), "--tls-key-file", self.file("server.key"),
                    "--tls-ca-cert-file", self.file("ca.pem"), "--tls-auth-clients", clients)
        self.addCleanup(node.close)
        return node

    def probe(self, *args, host="127.0.0.1"):
        return run("probe", "-r", DNS, "--cloud", f"rediss://{host}:{self.port}", "--probe-id", "berlin", "--drain", "1", *args)

    def assert_not_taken(self, done, why):
        last = done.stderr.splitlines()[-1]
        self.assertEqual(done.status, 1, done.stderr)
        self.assertRegex(last, f"rediss?://.* has not taken .*{why}")

    def test_both_sides_show_who_they_are(self):
        node = self.node("yes")
        own = ("--cloud-cert", self.file("probe.pem"), "--cloud-key", self.file("probe.key"))
        done = self.probe("--cloud-ca", self.file("ca.pem"), *own)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual(node.contents()[0]["probe.berlin"]["cloudLost"], "0")
        self.assert_not_taken(self.probe("--cloud-ca", self.file("ca.pem")), "(certificate required|reset by peer)")

    def test_the_server_is_verified(self):
        node = self.node("no")
        self.assert_not_taken(self.probe("--cloud-ca", self.file("other.pem")), "certificate verify failed")
        self.assert_not_taken(self.probe("--cloud-ca", self.file("ca.pem"), host="localhost"), r"certificate verify failed.* \(hostname mismatch\)")
        self.assertNotIn("probe.berlin", node.contents()[0])
        done = self.probe("--insecure")
        self.assertEqual(done.status, 0, done.stderr)
        self.assertRegex(done.stderr, "warning --insecure: .*rediss://")
        self.assertIn("probe.berlin", node.contents()[0])

    def test_a_url_of_the_other_kind(self):
        self.node("no")
        plain = Node()
        self.addCleanup(plain.close)
        self.assert_not_taken(run("probe", "-r", DNS, "--cloud", f"redis://127.0.0.1:{self.port}", "--drain", "1"),
                              r"does it want TLS \(rediss://\)\?")
        self.assert_not_taken(run("probe", "-r", DNS, "--cloud", f"rediss://127.0.0.1:{plain.port}", "--drain", "4"), r"no TLS handshake within 2 s; does it speak TLS\?")

    def test_options_that_do_not_fit(self):
        self.port = 1
        plain = ("probe", "-r", DNS, "--cloud", "redis://127.0.0.1:1")
        self.assert_refused(run(*plain, "--cloud-ca", self.file("ca.pem")), 2, "--cloud-ca", "rediss://")
        self.assert_refused(run("probe", "-r", DNS, "--cloud-ca", self.file("ca.pem")), 2, "--cloud-ca", "rediss://")
        self.assert_refused(run(*plain, "--insecure"), 2, "--insecure", "rediss://")
        self.assert_refused(self.probe("--insecure", "--cloud-ca", self.file("ca.pem")), 2, "give one of them")
        self.assert_refused(self.probe("--cloud-cert", self.file("probe.pem")), 2, "go together")
        self.assert_refused(self.probe("--cloud-ca", "/none.pem"), 2, "--cloud-ca", "/none.pem")

    def test_password_in_a_configuration_file(self):
        node = Node("--user", "probe", "on", ">hush", "~*", "&*", "+@all")
        self.addCleanup(node.close)
        url = f"redis://probe:hush@127.0.0.1:{node.port}"
        path = self.file("probe.toml")
        with open(path, "w", encoding="ascii") as file:
            file.write(f'cloud = "{url}"\n')
        os.chmod(path, 0o640)
        self.assert_refused(run("probe", "-r", DNS, "--config", path), 2, path + ":1", "chmod 600")
        os.chmod(path, 0o600)
        done = run("probe", "-r", DNS, "--config", path)
        self.assertEqual(done.status, 0, done.stderr)
        self.assertNotIn("hush", done.stderr + run("probe", "-r", DNS, "--config", path, "--print-config").stdout)
        done = run("probe", "-r", DNS, "--cloud", url)
        self.assert_refused(done, 2, "--cloud", "everyone")
        self.assertNotIn("hush", done.stderr)
