"""Live capture: what comes over a veth pair gives the same flows as the file that it was sent from. Needs root."""
import glob
import os
import shutil
import subprocess
import time

import frames
import harness
from harness import ProbeTest, counters, ends

TOOLS = ("ip", "ethtool", "tcpreplay", "sysctl")
# Long enough for no flow to be cut, whatever the pace of sender and file.
ONE_RECORD_A_FLOW = ("-t", "86400", "-d", "86400")


def why_not():
    """The reason why live tests cannot run here, or None."""
    if os.geteuid() != 0:
        return "live tests need root"
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        return "live tests need " + ", ".join(missing)
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        return "live tests need network namespaces, and this system does not let them be made"
    return None


def ethernet_captures():
    """Shipped captures that can be sent on Ethernet."""
    paths = sorted(glob.glob(os.path.join(harness.CAPTURES, "*", "*.pcap")))
    return [path for path in paths if frames.read_pcap(path)[0] == frames.ETHERNET]


class Link:
    """A network namespace with a veth pair, sender and receiver; nothing but what we send passes there."""

    SENDER, RECEIVER = "mc-send", "mc-recv"

    def __init__(self):
        self.namespace = f"microcloud-test-{os.getpid()}"
        self.inside = ["ip", "netns", "exec", self.namespace]

    def __enter__(self):
        sh("ip", "netns", "add", self.namespace)
        sh(*self.inside, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        sh(*self.inside, "ip", "link", "add", self.SENDER, "mtu", "65000", "type", "veth", "peer", "name", self.RECEIVER,
           "mtu", "65000")
        for interface in (self.SENDER, self.RECEIVER):
            sh(*self.inside, "ethtool", "-K", interface, "rx", "off", "tx", "off", "gso", "off", "gro", "off", "tso", "off",
               "rxvlan", "off", "txvlan", "off")
            sh(*self.inside, "ip", "link", "set", interface, "up", "arp", "off")
        return self

    def __exit__(self, *_):
        sh("ip", "netns", "del", self.namespace)

    def wait_for_capture(self, process, sockets):
        """Until the probe's packet sockets are open in there."""
        for _ in range(300):
            listed = sh(*self.inside, "cat", "/proc/net/packet").splitlines()[1:]
            if len(listed) >= sockets:
                return
            if process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the probe does not capture: {process.communicate()}")

    def send(self, path, *pace):
        sh(*self.inside, "tcpreplay", "-q", "-i", self.SENDER, *pace, path)


def sh(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def without_times(flows):
    """Each flow with what does not hang on pace: ends, counters, flags and encapsulations; directions as they are."""
    return sorted((record["protocolIdentifier"], ends(record), counters(record), record.get("tcpControlBits"),
                   record.get("reverseTcpControlBits"), record.get("vlanId"), tuple(record.get("tunnelTypes", ())))
                  for record in flows)


@harness.pipeline
class Live(ProbeTest):
    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)

    def capture(self, path, *args, workers=1, pace=("--pps", "5000")):
        """What a probe on the receiving end says while `path` is sent from the other."""
        with Link() as link:
            process = harness.start_probe("-i", link.RECEIVER, *args, "--workers", str(workers), prefix=link.inside)
            try:
                link.wait_for_capture(process, workers)
                link.send(path, *pace)
                time.sleep(1)
            finally:
                done = harness.end_probe(process)
        self.assertEqual(done.status, 0, done.stderr)
        return done

    def check(self, path, **options):
        expected = without_times(self.flows("-r", path, *ONE_RECORD_A_FLOW))
        done = self.capture(path, "--json", "-", *ONE_RECORD_A_FLOW, **options)
        self.assertEqual(without_times(done.records), expected)

    def test_vlan_tag_that_the_kernel_takes_out_is_put_back(self):
        """With receive offload the tag is no longer in the frame; rxvlan off in Link covers the other case."""
        tagged = frames.udp("10.0.0.1", 1, "10.0.0.2", 2)
        tagged = tagged[:12] + bytes.fromhex("8100002a") + tagged[12:]
        outer = tagged[:12] + bytes.fromhex("88a80007") + tagged[12:]
        for frame, types, vlan in ((tagged, ("vlan",), 42), (outer, ("vlan", "vlan"), 7)):
            with self.subTest(types=types), harness.scratch_file(frames.pcap([(0, frame)])) as path:
                done = self.capture(path, "--json", "-")
                self.assertEqual([(tuple(flow["tunnelTypes"]), flow["vlanId"]) for flow in done.records], [(types, vlan)])

    def test_filter(self):
        packets = [(0, frames.udp("10.0.0.1", port, "10.0.0.2", 9)) for port in range(1, 11)]
        with harness.scratch_file(frames.pcap(packets)) as path:
            done = self.capture(path, "--json", "-", "-f", "src port 4 or src port 7")
        self.assertEqual(sorted(flow["sourceTransportPort"] for flow in done.records), [4, 7])

    def test_drops_are_told(self):
        """Every packet that was sent is accounted for: metered, or dropped by the kernel."""
        packets = [(0, frames.udp("10.0.0.1", 1 + number % 1000, "10.0.0.2", 9)) for number in range(50_000)]
        with harness.scratch_file(frames.pcap(packets)) as path:
            done = self.capture(path, pace=("--topspeed",))
        counts = harness.closing_counts(done.stdout)
        self.assertEqual(counts["metered"] + counts["dropped"], 50_000)

    def test_loopback_counts_each_packet_once(self):
        with Link() as link:
            sh(*link.inside, "ip", "link", "set", "lo", "up")
            process = harness.start_probe("-i", "lo", "--json", "-", prefix=link.inside)
            try:
                link.wait_for_capture(process, 1)
                sh(*link.inside, harness.PYTHON, "-c", "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                   "[s.sendto(b'x' * 72, ('127.0.0.1', 9)) for _ in range(5)]")
                time.sleep(0.5)
            finally:
                done = harness.end_probe(process)
        udp = [counters(flow) for flow in done.records if flow["protocolIdentifier"] == 17]
        self.assertEqual(udp, [(5, 500, 0, 0)])


def add_capture_tests():
    for path in ethernet_captures():
        name = os.path.basename(path)[:-len(".pcap")].replace("-", "_").replace(".", "_")
        setattr(Live, f"test_capture_{name}", lambda self, path=path: self.check(path))
        setattr(Live, f"test_two_workers_{name}", lambda self, path=path: self.check(path, workers=2))


add_capture_tests()
