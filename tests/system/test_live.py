"""Live capture: what comes over a veth pair gives the same flows as the file that it was sent from. Needs root."""
import glob
import os
import shutil
import signal
import subprocess
import threading
import time

import frames
import harness
from harness import ProbeTest, counters, ends

TOOLS = ("ip", "ethtool", "tcpreplay", "sysctl")
PAUSE = 0.0005  # seconds from frame to frame
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


def all_captures():
    """The frames of all shipped Ethernet captures, one after the other, each PAUSE after the one before."""
    merged = []
    for path in sorted(glob.glob(os.path.join(harness.CAPTURES, "*", "*.pcap"))):
        link_type, packets = frames.read_pcap(path)
        if link_type == frames.ETHERNET:
            merged += [frame for _, frame in packets]
    return [(number * PAUSE, frame) for number, frame in enumerate(merged)]


class Link:
    """A network namespace with a veth pair, sender and receiver; nothing but what we send passes there."""

    SENDER, RECEIVER = "mc-send", "mc-recv"

    def __init__(self):
        self.namespace = f"microcloud-test-{os.getpid()}"
        self.inside = ["ip", "netns", "exec", self.namespace]

    def __enter__(self):
        sh("ip", "netns", "add", self.namespace)
        sh(*self.inside, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        sh(*self.inside, "ip", "link", "set", "lo", "up")
        self.add_pair(self.SENDER, self.RECEIVER)
        return self

    def add_pair(self, sender, receiver):
        sh(*self.inside, "ip", "link", "add", sender, "mtu", "65000", "type", "veth", "peer", "name", receiver, "mtu", "65000")
        for interface in (sender, receiver):
            sh(*self.inside, "ethtool", "-K", interface, "rx", "off", "tx", "off", "gso", "off", "gro", "off", "tso", "off",
               "rxvlan", "off", "txvlan", "off")
            sh(*self.inside, "ip", "link", "set", interface, "up", "arp", "off")

    def __exit__(self, *_):
        sh("ip", "netns", "del", self.namespace)

    def wait_for_capture(self, process, sockets):
        """Until the probe's packet sockets are bound to an interface in there, and running."""
        for _ in range(600):
            listed = [line.split() for line in sh(*self.inside, "cat", "/proc/net/packet").splitlines()[1:]]
            if sum(1 for line in listed if line[4] != "0" and line[5] == "1") >= sockets:
                time.sleep(0.3)  # until the last one's filter is set: no list tells that
                return
            if process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the probe does not capture: {process.communicate()}")

    def lost(self):
        """Packets that the receiver's side of the pair dropped before any capture."""
        return int(sh(*self.inside, "cat", f"/sys/class/net/{self.RECEIVER}/statistics/rx_dropped"))

    def send(self, path, *pace):
        sh(*self.inside, "tcpreplay", "-q", "-i", self.SENDER, *pace, path)


def wait_until_idle(process):
    """Until the probe has read what was sent: a tenth of a processor is more than waiting for packets takes."""
    def ticks():
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
            words = file.read().rsplit(")", 1)[1].split()
        return int(words[11]) + int(words[12])
    for _ in range(int(200 * harness.slowness())):
        before = ticks()
        time.sleep(0.4)
        if ticks() - before <= 0.4 * os.sysconf("SC_CLK_TCK") / 10:
            return
    raise AssertionError("the probe is still busy")


def sh(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def told(flows):
    """Each flow with what does not hang on the clock."""
    return sorted(((record["protocolIdentifier"], ends(record), counters(record), record.get("tcpControlBits"),
                    record.get("reverseTcpControlBits"), record.get("vlanId"), tuple(record.get("tunnelTypes", ())))
                   for record in flows), key=repr)


@harness.pipeline
class Live(ProbeTest):
    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)

    def capture(self, path, *args, interface=Link.RECEIVER, workers=1, pace=("--pps", "5000")):
        """What a probe on one end, the receiver's, says while `path` is sent from the other."""
        with Link() as link:
            process = harness.start_probe("-i", interface, *args, "--workers", str(workers), prefix=link.inside)
            try:
                link.wait_for_capture(process, workers)
                link.send(path, *pace)
                wait_until_idle(process)
            finally:
                done = harness.end_probe(process)
        self.assertEqual(done.status, 0, done.stderr)
        return done

    def check(self, workers):
        packets = all_captures()
        self.assertGreater(len(packets), 500)
        with harness.scratch_file(frames.pcap(packets)) as path:
            expected = told(self.flows("-r", path, *ONE_RECORD_A_FLOW))
            done = self.capture(path, "--json", "-", *ONE_RECORD_A_FLOW, workers=workers, pace=("--pps", str(round(1 / PAUSE))))
        self.assert_done(done)
        self.assertEqual(harness.closing_counts(done.stderr)["read"], len(packets))
        self.assertEqual(told([record for record in done.records if record["record"] == "flow"]), expected)

    def test_same_flows_as_from_the_file(self):
        self.check(workers=1)

    def test_same_flows_with_two_workers(self):
        """Fragments and tunnels of one flow reach two workers."""
        self.check(workers=2)

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

    def test_interface_that_received_or_sent(self):
        with harness.scratch_file(frames.pcap([(0, frames.udp("10.0.0.1", 1, "10.0.0.2", 9))])) as path:
            received, = self.capture(path, "--json", "-").records
            sent, = self.capture(path, "--json", "-", interface=Link.SENDER).records
        self.assertGreater(received["ingressInterface"], 1)
        self.assertNotIn("egressInterface", received)
        self.assertGreater(sent["egressInterface"], 1)
        self.assertNotIn("ingressInterface", sent)

    def test_stopped_while_packets_come(self):
        """What the kernel has counted was read, or is told as dropped: nothing is left in its ring."""
        packets = [(0, frames.udp("10.0.0.1", 1 + number % 500, "10.0.0.2", 9, bytes(100))) for number in range(5_000)]
        with Link() as link, harness.scratch_file(frames.pcap(packets)) as path:
            for workers in (1, 2):
                process = harness.start_probe("-i", link.RECEIVER, "--workers", str(workers), "-n", "none", prefix=link.inside)
                link.wait_for_capture(process, workers)
                sending = threading.Thread(target=link.send, args=(path, "--pps", "20000", "--loop", "20"))
                sending.start()
                time.sleep(1)
                done = harness.end_probe(process)  # it looks at the ladder
                self.assertTrue(sending.is_alive(), "packets came all the time")
                sending.join()
                self.assertEqual(done.status, 0, done.stderr)
                self.assertGreater(harness.closing_counts(done.stderr)["read"], 500)

    def test_drops_are_told(self):
        """While the probe is stopped more is sent than its ring holds: each packet was metered, or is told as dropped."""
        packets = [(0, frames.udp("10.0.0.1", 1 + number, "10.0.0.2", 9, bytes(1400))) for number in range(2000)]
        with Link() as link, harness.scratch_file(frames.pcap(packets)) as path:
            process = harness.start_probe("-i", link.RECEIVER, "--workers", "1", prefix=link.inside)
            try:
                link.wait_for_capture(process, 1)
                process.send_signal(signal.SIGSTOP)
                link.send(path, "--topspeed", "--loop", "100")
                process.send_signal(signal.SIGCONT)
                wait_until_idle(process)
                lost = link.lost()
            finally:
                done = harness.end_probe(process)
        counts = harness.closing_counts(done.stdout)
        self.assertGreater(counts["dropped"], 0)
        self.assertEqual(counts["metered"] + counts["dropped"], 200_000 - lost)

    def test_loopback_counts_each_packet_once(self):
        with Link() as link:
            process = harness.start_probe("-i", "lo", "--json", "-", "--workers", "1", prefix=link.inside)
            try:
                link.wait_for_capture(process, 1)
                sh(*link.inside, harness.PYTHON, "-c", "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                   "[s.sendto(b'x' * 72, ('127.0.0.1', 9)) for _ in range(5)]")
                wait_until_idle(process)
            finally:
                done = harness.end_probe(process)
        udp = [counters(flow) for flow in done.records if flow["protocolIdentifier"] == 17]
        self.assertEqual(udp, [(5, 500, 0, 0)])
