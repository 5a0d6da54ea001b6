"""What is exported, as collectors of others read it: tshark, nfcapd, nfacctd, ipfixDump. Sums are those of the JSON records."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import frames
import harness
from harness import CAPTURES, ProbeTest, run, run_probe

CAPTURE_NAMES = ("real/http.pcap", "real/dns.pcap", "real/icmp.pcap", "made/qinq.pcap", "made/tcp.pcap")
PROTOCOLS = {6: "TCP", 17: "UDP", 1: "ICMP"}


def capture(name):
    return os.path.join(CAPTURES, *name.split("/"))


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_udp(port):
    """Until somebody has bound the port: the system's own table says so."""
    wanted = f"0100007F:{port:04X}"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with open("/proc/net/udp", encoding="ascii") as table:
            if wanted in table.read():
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens to UDP port {port}")


def one_way_sums(records):
    """(packets, octets) of all flows, both directions, and the number of one-way flows."""
    packets = octets = ways = 0
    for flow in records:
        forth, forth_octets, back, back_octets = harness.counters(flow)
        packets += forth + back
        octets += forth_octets + back_octets
        ways += 1 + (back > 0)
    return packets, octets, ways


class ExportTest(ProbeTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def all_records(self, path, *args):
        done = run_probe("-r", path, *args)
        self.assertEqual(done.status, 0, done.stderr)
        return done.records

    def flow_records(self, path, *args):
        return [record for record in self.all_records(path, *args) if record["record"] == "flow"]

    def export(self, path, *args):
        done = run("probe", "-r", path, *args)
        self.assertEqual(done.status, 0, done.stderr)
        return done

    def start(self, *command):
        log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        self.addCleanup(log.close)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        return process, log

    def end(self, process, log):
        process.send_signal(signal.SIGINT)
        process.wait(harness.TIMEOUT)
        log.seek(0)
        return log.read()


    def nfcapd_counts(self, path, *args):
        """(flows, packets, octets, sequence errors, bad packets) that nfcapd counts of an export with these options."""
        port = free_port()
        process, log = self.start("nfcapd", "-w", self.folder, "-p", str(port), "-b", "127.0.0.1", "-t", "3600")
        wait_for_udp(port)
        self.export(path, "-n", f"udp://127.0.0.1:{port}", *args)
        time.sleep(0.5)
        said = self.end(process, log)
        for line in said.splitlines():
            self.assertNotRegex(line, r"(?i)corrupt|malformed|unknown|unexpected|warn|skip", said)
        sums = re.search(r"Flows: (\d+), Packets: (\d+), Bytes: (\d+), Sequence Errors: (\d+), Bad Packets: (\d+)", said)
        return tuple(int(number) for number in sums.groups())

    def nfacctd_rows(self, path, aggregate, *args, settings=()):
        """What nfacctd prints of an export with these options; --uniflow, as it takes no reverse elements."""
        port = free_port()
        output = os.path.join(self.folder, f"rows.{port}")
        config = os.path.join(self.folder, "nfacctd.conf")
        lines = ("daemonize: false", "nfacctd_ip: 127.0.0.1", f"nfacctd_port: {port}", "plugins: print", "print_refresh_time: 1",
                 "print_output: json", f"print_output_file: {output}", "print_output_file_append: true", f"aggregate: {aggregate}", *settings)
        with open(config, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        process, log = self.start("nfacctd", "-f", config)
        wait_for_udp(port)
        self.export(path, "-n", f"udp://127.0.0.1:{port}", *args)
        time.sleep(2.5)
        said = self.end(process, log)
        for line in said.splitlines():
            self.assertNotRegex(line, r"^(WARN|ERROR)", said)
        with open(output, encoding="utf-8") as rows:
            return [json.loads(row) for row in rows]


class Nfcapd(ExportTest):
    def received(self, name, *args):
        return self.nfcapd_counts(capture(name), *args)

    def test_sums_and_sequence(self):
        for name in CAPTURE_NAMES:
            records = self.all_records(capture(name))
            packets, octets, ways = one_way_sums(record for record in records if record["record"] == "flow")
            ways += sum(record["record"] != "flow" for record in records)  # nfcapd counts transactions among its flows
            for args in (("-V", "9"), ("-V", "10", "--uniflow")):
                with self.subTest(capture=name, args=args):
                    self.assertEqual(self.received(name, *args), (ways, packets, octets, 0, 0))
            with self.subTest(capture=name, args="biflow"):
                self.assertEqual(self.received(name, "-V", "10")[1:], (packets, octets, 0, 0))

    def test_v5(self):
        flows = [flow for flow in self.flow_records(capture("real/http.pcap")) if "sourceIPv4Address" in flow]
        packets, octets, ways = one_way_sums(flows)
        self.assertEqual(self.received("real/http.pcap", "-V", "5"), (ways, packets, octets, 0, 0))

    def test_v9_with_both_directions_in_one_record(self):
        packets, octets, _ = one_way_sums(self.flow_records(capture("real/http.pcap")))
        template = "%IPV4_SRC_ADDR %IPV4_DST_ADDR %L4_SRC_PORT %L4_DST_PORT %PROTOCOL %IN_BYTES %IN_PKTS %OUT_BYTES %OUT_PKTS " \
                   "%FIRST_SWITCHED %LAST_SWITCHED"
        self.assertEqual(self.received("real/http.pcap", "-V", "9", "-T", template)[1:], (packets, octets, 0, 0))


class Nfacctd(ExportTest):
    def test_every_one_way_flow(self):
        for version in ("9", "10"):
            for name in ("real/http.pcap", "made/tcp.pcap"):
                with self.subTest(version=version, capture=name):
                    self.check(version, name)

    def check(self, version, name):
        found = self.nfacctd_rows(capture(name), "src_host, dst_host, src_port, dst_port, proto, tcpflags", "-V", version, "--uniflow")
        # nfacctd adds up what has the same key: two flows of one 5-tuple are one row.
        expected = {}
        for flow in self.flow_records(capture(name)):
            if flow["protocolIdentifier"] != 6:
                continue
            source, destination = harness.ends(flow)
            forth, forth_octets, back, back_octets = harness.counters(flow)
            for key, packets, octets in (((source, destination, flow["tcpControlBits"]), forth, forth_octets),
                                         ((destination, source, flow["reverseTcpControlBits"]), back, back_octets)):
                if packets:
                    before = expected.get(key, (0, 0))
                    expected[key] = (before[0] + packets, before[1] + octets)
        got = {((row["ip_src"], row["port_src"]), (row["ip_dst"], row["port_dst"]), int(row["tcp_flags"])):
               (row["packets"], row["bytes"]) for row in found if row["ip_proto"] == "tcp"}
        self.assertEqual(got, expected)


class Tshark(ExportTest):
    def test_an_ipfix_file_without_a_warning(self):
        for name in CAPTURE_NAMES:
            for args in ((), ("--uniflow",), ("--pen", "32473")):
                with self.subTest(capture=name, args=args):
                    path = os.path.join(self.folder, "export.ipfix")
                    self.export(capture(name), "-n", f"file:{path}", *args)
                    done = subprocess.run(["tshark", "-r", path, "-V"], capture_output=True, text=True,
                                          timeout=harness.TIMEOUT, check=True)
                    self.assertNotRegex(done.stdout, r"(?i)malformed|expert info|no template found|unexpected flow sequence")
                    flows = self.flow_records(capture(name))
                    packets, octets, ways = one_way_sums(flows)
                    self.assertIn("FlowSequence", done.stdout)
                    counted = sum(int(number) for number in re.findall(r"(?m)^ +Octets: (\d+)", done.stdout))
                    if args == ("--uniflow",):
                        self.assertEqual(counted, octets)
                        self.assertEqual(len(re.findall(r"(?m)^ +Octets: ", done.stdout)), ways)
                    self.assertGreater(packets, 0)


    def received(self, path, *args):
        """What a UDP collector got, in a capture file."""
        datagrams = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
            sink.bind(("127.0.0.1", 0))
            sink.settimeout(0.1)
            over = threading.Event()

            def receive():
                while True:
                    try:
                        datagrams.append(sink.recv(65536))
                    except TimeoutError:
                        if over.is_set():
                            return
            thread = threading.Thread(target=receive)
            thread.start()
            try:
                self.export(path, "-n", f"udp://127.0.0.1:{sink.getsockname()[1]}", *args)
            finally:
                over.set()
                thread.join()
        capture_path = os.path.join(self.folder, "received.pcap")
        with open(capture_path, "wb") as file:
            file.write(frames.pcap([(at / 1000, frames.udp("127.0.0.1", 40000, "127.0.0.1", 2055, datagram))
                                    for at, datagram in enumerate(datagrams)]))
        return capture_path

    def test_streams_over_udp_without_a_warning(self):
        for version in ("5", "9", "10"):
            for name in ("real/http.pcap", "made/qinq.pcap", "made/tcp.pcap"):
                with self.subTest(version=version, capture=name):
                    flows = self.flow_records(capture(name))
                    if version == "5":
                        flows = [flow for flow in flows if "sourceIPv4Address" in flow]
                    packets, octets, ways = one_way_sums(flows)
                    path = self.received(capture(name), "-V", version, "--plugins", "none", "--uniflow")
                    done = subprocess.run(["tshark", "-r", path, "-d", "udp.port==2055,cflow", "-V"], capture_output=True, text=True,
                                          timeout=harness.TIMEOUT, check=True)
                    self.assertNotRegex(done.stdout, r"(?i)malformed|expert info|no template found|unexpected flow sequence")
                    told = [[int(number) for number in re.findall(rf"(?m)^ +{what}: (\d+)", done.stdout)]
                            for what in ("Octets", "Packets")]
                    self.assertEqual((len(told[0]), sum(told[0]), sum(told[1])), (ways, octets, packets))


class Libfixbuf(ExportTest):
    """The reader of CERT's tools (YAF, SiLK), by its ipfixDump."""

    def dump(self, name, *args, options=()):
        path = os.path.join(self.folder, "export.ipfix")
        self.export(capture(name), "-n", f"file:{path}", *args)
        done = subprocess.run(["ipfixDump", "--in", path, *options], capture_output=True, text=True, timeout=harness.TIMEOUT,
                              check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_sums_of_both_directions(self):
        for name in CAPTURE_NAMES:
            with self.subTest(capture=name):
                packets, octets, _ = one_way_sums(self.flow_records(capture(name)))
                text = self.dump(name)
                for element, sum_of_all in (("packetDeltaCount", packets), ("octetDeltaCount", octets)):
                    reverse = "reverse" + element[0].upper() + element[1:]
                    told = [int(number) for number in re.findall(rf"(?m)\b(?:{element}|{reverse}) : (\d+)", text)]
                    self.assertEqual(sum(told), sum_of_all)


    def test_names_of_own_elements_come_with_the_export(self):
        text = self.dump("real/dns.pcap", "--pen", "65001", "-T", "dns: %IPV4_SRC_ADDR %dnsState %dnsResponses", options=["--rfc5610"])
        self.assertIn(" dnsState : (len: 8) answered", text)
        self.assertRegex(text, r" dnsResponses : 1\n")
        self.assertNotIn("_alienInformationElement", text)


class Usage(ExportTest):
    def refused(self, *args):
        done = run("probe", "-r", capture("real/http.pcap"), *args)
        self.assert_refused(done, 2)
        return done.stderr

    def test_unknown_element_is_refused_with_the_nearest(self):
        said = self.refused("-n", "udp://127.0.0.1:9", "-T", "%IPV4_SRC_ADDR %IN_BITES")
        self.assertIn("IN_BITES", said)
        self.assertIn("IN_BYTES", said)

    def test_impossible_elements_are_refused(self):
        self.assertIn("--pen", self.refused("-n", "udp://127.0.0.1:9", "-T", "communityId"))
        self.assertIn("NetFlow v9", self.refused("-n", "udp://127.0.0.1:9", "-V", "9", "-T", "communityId"))
        self.assertIn("v5", self.refused("-n", "udp://127.0.0.1:9", "-V", "5", "-T", "%IN_BYTES"))
        self.assertIn("--uniflow", self.refused("-n", "udp://127.0.0.1:9", "--uniflow", "-T", "%OUT_BYTES"))

    def test_bad_collectors_are_refused(self):
        for collector, word in (("smoke:signals", "udp://HOST:PORT"), ("udp://127.0.0.1", "port"), ("udp://127.0.0.1:0", "65535"),
                                ("udp://:99", "HOST:PORT"), ("file:", "path")):
            with self.subTest(collector=collector):
                self.assertIn(word, self.refused("-n", collector))
        self.assertIn("-V 10", self.refused("-n", "file:x.ipfix", "-V", "9"))
        self.assertIn("--pen", self.refused("-n", "udp://127.0.0.1:9", "--elements", "own"))

    def test_none_stands_alone(self):
        for order in (("none", "udp://127.0.0.1:9"), ("udp://127.0.0.1:9", "none")):
            done = run("probe", "-r", capture("real/http.pcap"), "-n", order[0], "-n", order[1])
            self.assert_refused(done, 2, "-n", "'none' stands alone")

    def test_nobody_listens(self):
        done = run("probe", "-r", capture("real/http.pcap"), "-n", f"udp://127.0.0.1:{free_port()}")
        self.assertEqual(done.status, 1, done.stderr)
        self.assertIn("nobody listens", done.stderr.splitlines()[-1])

    def test_a_file_that_cannot_be_made(self):
        done = run("probe", "-r", capture("real/http.pcap"), "-n", f"file:{self.folder}/no/x.ipfix")
        self.assertEqual(done.status, 1)
        self.assertIn("no/x.ipfix", done.stderr.splitlines()[-1])


class Several(ExportTest):
    def test_in_turns_and_all(self):
        flows = self.flow_records(capture("real/http.pcap"))
        _, _, ways = one_way_sums(flows)
        for args, each in ((("-a",), ways), ((), None)):
            with self.subTest(args=args):
                files = [os.path.join(self.folder, f"{index}.ipfix") for index in range(2)]
                self.export(capture("real/http.pcap"), "--uniflow", "-n", f"file:{files[0]}", "-n", f"file:{files[1]}", *args)
                counts = []
                for path in files:
                    done = subprocess.run(["tshark", "-r", path, "-V"], capture_output=True, text=True,
                                          timeout=harness.TIMEOUT, check=True)
                    counts.append(len(re.findall(r"(?m)^ +Octets: ", done.stdout)))
                if each is not None:
                    self.assertEqual(counts, [each, each])
                else:
                    self.assertEqual(sum(counts), ways)
                    self.assertTrue(all(count > 0 for count in counts), counts)
