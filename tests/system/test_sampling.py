"""-S: what is sampled, what records say of it, and that collectors scale it up to what there was."""
import math
import os
import random

import frames
import harness
from harness import counters, ends, run, run_probe
from test_export import ExportTest

SERVER = "10.0.0.2"
PACKETS = {"10.1.0.1": 12_000, "10.1.0.2": 5_000, "10.1.0.3": 2_500, "10.1.0.4": 500}  # of each client
OCTETS = 20 + 8 + 100  # of each packet


def trace():
    """Packets of some flows in random order, within a second; one in forty is no IP."""
    clients = [client for client, count in PACKETS.items() for _ in range(count)]
    order = random.Random(1)
    order.shuffle(clients)
    arp = frames.ethernet(b"\0" * 28, 0x0806)
    kinds = {client: frames.udp(client, 4000, SERVER, 9, b"x" * 100) for client in PACKETS}
    mixed = [kinds[client] for client in clients]
    for _ in range(len(mixed) // 40):
        mixed.insert(order.randrange(len(mixed)), arp)
    return frames.pcap([(at / len(mixed), frame) for at, frame in enumerate(mixed)])


class SamplingTest(ExportTest):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "trace.pcap")
        with open(self.path, "wb") as file:
            file.write(trace())

    def sampled(self, interval, *args):
        return self.flows("-r", self.path, "-S", str(interval), *args)


class Records(SamplingTest):
    def test_the_sample_is_what_chance_gives(self):
        for interval in (2, 10, 100):
            with self.subTest(interval=interval):
                found = {ends(flow)[0][0]: counters(flow) for flow in self.sampled(interval)}
                for client, there in PACKETS.items():
                    packets, octets = found.get(client, (0, 0, 0, 0))[:2]
                    sigma = math.sqrt(there / interval * (1 - 1 / interval))
                    self.assertLess(abs(packets - there / interval), 5 * sigma, (client, packets))
                    self.assertEqual(octets, packets * OCTETS)

    def test_records_tell_the_rate(self):
        self.assertEqual({flow["samplingInterval"] for flow in self.sampled(10)}, {10})
        for args in ((), ("-S", "1")):
            for flow in self.flows("-r", self.path, *args):
                self.assertNotIn("samplingInterval", flow)
                self.assertEqual(counters(flow)[0], PACKETS[ends(flow)[0][0]])

    def test_a_file_is_sampled_alike_each_time(self):
        def told(*args):
            return sorted((ends(flow), counters(flow), flow["flowStartMilliseconds"]) for flow in self.sampled(10, *args))
        first = told()
        self.assertEqual(told(), first)
        self.assertEqual(told("--workers", "3"), first)

    def test_one_of_each_ten_is_taken_and_all_are_accounted_for(self):
        done = run("probe", "-r", self.path, "-S", "10")
        self.assertEqual(done.status, 0, done.stderr)
        said = harness.closing_counts(done.stdout)
        self.assertEqual(said["read"], 20_500)
        self.assertEqual(said["not sampled"], 18_450)
        self.assertEqual(said["metered"] + sum(said["ignored"].values()), 2_050)
        self.assertGreater(said["ignored"]["arp"], 0)
        self.assertIn("about one in 10", done.stdout)

    def test_what_needs_all_packets_is_not_told(self):
        path = os.path.join(harness.CAPTURES, "real", "http.pcap")
        done = run_probe("-r", path, "-S", "2")
        self.assertEqual(done.status, 0, done.stderr)
        self.assertTrue(done.records)
        for record in done.records:
            self.assertEqual(record["record"], "flow")
            for element in ("clientNetworkLatencyMicroseconds", "applicationLatencyMicroseconds", "tcpRetransmittedPackets",
                            "tcpOutOfOrderPackets"):
                self.assertNotIn(element, record)

    def test_protocols_are_read_where_they_are_asked_for(self):
        path = os.path.join(harness.CAPTURES, "real", "dns.pcap")
        self.assertEqual({record["record"] for record in run_probe("-r", path, "-S", "2").records}, {"flow"})
        done = run_probe("-r", path, "-S", "2", "--plugins", "dns")
        queries = [record for record in done.records if record["record"] == "dns"]
        self.assertTrue(queries)
        self.assertEqual({record["samplingInterval"] for record in done.records}, {2})


class Collectors(SamplingTest):
    def measured(self, interval):
        flows = self.sampled(interval)
        return sum(counters(flow)[0] for flow in flows), sum(counters(flow)[1] for flow in flows)

    def test_nfcapd_multiplies(self):
        packets, octets = self.measured(10)
        for args in (("-V", "9"), ("-V", "10"), ("-V", "10", "--uniflow"), ("-V", "5")):
            with self.subTest(args=args):
                self.assertEqual(self.nfcapd_counts(self.path, "-S", "10", *args)[1:], (10 * packets, 10 * octets, 0, 0))

    def test_nfacctd_multiplies(self):
        packets, octets = self.measured(10)
        for version in ("5", "9", "10"):
            with self.subTest(version=version):
                rows = self.nfacctd_rows(self.path, "src_host", "-S", "10", "-V", version, "--uniflow", settings=("nfacctd_renormalize: true",))
                self.assertEqual(sum(row["packets"] for row in rows), 10 * packets)
                self.assertEqual(sum(row["bytes"] for row in rows), 10 * octets)

    def test_v5_tells_no_larger_interval_than_fits(self):
        done = run("probe", "-r", self.path, "-S", "16384", "-V", "5", "-n", "udp://127.0.0.1:9")
        self.assert_refused(done, 2, "-S", "16383")
