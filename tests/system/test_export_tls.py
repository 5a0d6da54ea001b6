"""Exports over TLS: who is believed, and what the collector gets."""
import os
import re
import ssl
import subprocess
import tempfile
import time

import harness
from harness import run, wait_for
from streams import HOST, slow_capture, StreamTest
from test_export import capture, one_way_sums


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
        self.assert_all_came(collector, metrics)

    def test_own_certificate(self):
        collector = self.server(client=True)
        own = ("--tls-cert", self.file("probe.pem"), "--tls-key", self.file("probe.key"))
        status, said, metrics = self.tls_probe(collector, "--tls-ca", self.file("ca.pem"), *own, drain="10")
        collector.stop()
        self.assertEqual(status, 0, said)
        self.assertEqual(collector.peers[0]["subjectAltName"], (("DNS", "probe.example"),))
        self.assert_all_came(collector, metrics)

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
