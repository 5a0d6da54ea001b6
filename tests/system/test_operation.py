"""A probe under way: metrics, health, reload, privileges, and the traps of a first capture. Live parts need root."""
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import frames
import harness
from harness import ProbeTest, run, wait_for
from test_cli import Files, TWO_FLOWS
from test_live import Link, sh, why_not

LATER = (60.0, frames.udp("10.0.0.9", 9, "10.0.0.2", 53))  # a replay at its own pace waits for it


def fetch(url, **headers):
    """(status, text) of a page."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Running(Files):
    """A probe that replays a file and goes on for a minute; its log is a file, so that it can be read meanwhile."""

    def start(self, *args, **options):
        self.log = os.path.join(self.folder, "log")
        capture = self.write(frames.pcap(TWO_FLOWS + [LATER]))
        process = harness.start_probe("-r", capture, "--realtime", "-n", "none", "--log-file", self.log, *args, **options)
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        return process

    def logged(self, pattern):
        """Waits for a line of the log."""
        def look():
            try:
                with open(self.log, encoding="utf-8") as file:
                    return re.search(pattern, file.read())
            except FileNotFoundError:
                return None
        return wait_for(look)

    def end(self, process):
        done = harness.end_probe(process)
        self.assertEqual(done.status, 0, done.stderr)
        return done


class Metrics(Running):
    def test_pages(self):
        process = self.start("--metrics", "127.0.0.1:0")
        url = self.logged(r"metrics on (http://127\.0\.0\.1:\d+)/metrics")[1]
        metrics = wait_for(lambda: self.read(url, 3))
        self.assertEqual(metrics[("microcloud_probe_flows", frozenset())], 2)
        status, text = fetch(url + "/metrics")
        self.assertEqual(status, 200)
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        held = harness.stages(metrics)["table"]
        self.assertEqual((held[0], held[1], held[3]), (3, 0, 3), "three packets in open flows")
        self.assertEqual(fetch(url + "/healthz"), (200, '{"alive":true}\n'))
        self.assertEqual(json.loads(fetch(url + "/readyz")[1])["ready"], True)
        self.assertEqual(fetch(url + "/")[0], 404)
        self.end(process)

    def read(self, url, packets):
        metrics = harness.parse_metrics(fetch(url + "/metrics")[1])
        return metrics if metrics[("microcloud_stage_in_total", frozenset({("stage", "decode")}))] == packets else None

    def test_file_is_good_too(self):
        path = os.path.join(self.folder, "out.prom")
        self.assertEqual(run("probe", "-r", self.write(frames.pcap(TWO_FLOWS)), "-n", "none", "--metrics-file", path).status, 0)
        with open(path, encoding="utf-8") as file:
            done = subprocess.run(["promtool", "check", "metrics"], stdin=file, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_file_that_cannot_be_written(self):
        done = run("probe", "-r", self.write(frames.pcap(TWO_FLOWS)), "--metrics-file", "/nowhere/out.prom")
        self.assert_refused(done, 1, "/nowhere/out.prom")

    def test_none_of_it_with_a_file_unless_asked(self):
        process = self.start()
        harness.wait_until_running(process)
        listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
        self.assertNotIn(f"pid={process.pid},", listening)
        self.end(process)

    def test_others_are_refused_without_a_token(self):
        self.assert_refused(run("probe", "-r", "x.pcap", "--metrics", "0.0.0.0:9475"), 2, "--metrics", "--metrics-token-file")
        self.assert_refused(run("probe", "-r", "x.pcap", "--metrics", "localhost:1"), 2, "localhost:1", "127.0.0.1:9475")
        token = self.write(b"hush\n", "token")
        os.chmod(token, 0o644)
        done = run("probe", "-r", "x.pcap", "--metrics", "0.0.0.0:9475", "--metrics-token-file", token)
        self.assert_refused(done, 2, token, "chmod 600")

    def test_token(self):
        token = self.write(b"hush\n", "token")
        os.chmod(token, 0o600)
        process = self.start("--metrics", "0.0.0.0:0", "--metrics-token-file", token)
        port = self.logged(r"metrics on http://0\.0\.0\.0:(\d+)/metrics")[1]
        url = f"http://127.0.0.1:{port}/metrics"
        self.assertEqual(fetch(url)[0], 401)
        self.assertEqual(fetch(url, Authorization="Bearer hush")[0], 200)
        self.end(process)
        with open(self.log, encoding="utf-8") as file:
            self.assertNotIn("hush", file.read())

    def test_port_that_is_taken(self):
        first = self.start("--metrics", "127.0.0.1:0")
        url = self.logged(r"metrics on http://(127\.0\.0\.1:\d+)/")[1]
        done = run("probe", "-r", self.write(frames.pcap(TWO_FLOWS), "x.pcap"), "--metrics", url)
        self.assert_refused(done, 1, "--metrics", "in use")
        self.end(first)


class Reload(Running):
    def reload(self, process, pattern):
        process.send_signal(signal.SIGHUP)
        self.logged(pattern)

    def test_log_and_json_are_opened_anew(self):
        target = os.path.join(self.folder, "out.jsonl")
        process = self.start("--json", target, "--metrics", "127.0.0.1:0")
        self.logged("metrics on")
        time.sleep(1)  # until all three packets have been read
        os.rename(self.log, self.log + ".1")
        os.rename(target, target + ".1")
        self.reload(process, "info reloaded\n")
        wait_for(lambda: os.path.exists(target))
        self.end(process)
        with open(target, encoding="utf-8") as lines:
            self.assertEqual(len(lines.readlines()), 2)
        self.assertEqual(os.path.getsize(target + ".1"), 0)

    def test_custom_protocols_are_read_again(self):
        rules = self.write(b"udp:4567@First\n", "rules")
        metrics = os.path.join(self.folder, "out.prom")
        self.log = os.path.join(self.folder, "log")
        process = harness.start_probe("-r", "-", "--json", "-", "--ndpi-protocols", rules, "--log-file", self.log, "--metrics-file",
                                      metrics, stdin=subprocess.PIPE)
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        capture = frames.pcap([(at, frames.udp(f"10.0.0.{at + 1}", 4000, "10.0.1.1", 4567, b"x")) for at in range(5)])
        head, size = 24, (len(capture) - 24) // 5

        def give(packet):
            process.stdin.write(capture[head + packet * size:head + (packet + 1) * size])
            process.stdin.flush()
            time.sleep(0.5)  # until it is metered

        process.stdin.write(capture[:head])
        process.stdin.flush()
        wait_for(lambda: os.path.exists(metrics))
        give(0)
        self.write(b"udp:4567@Second\n", "rules")
        self.reload(process, "info reloaded\n")
        give(1)  # it is taken in between packets
        give(2)
        self.write(b"udp:4567:8@Third\n", "rules")
        self.reload(process, rf"error reload: {re.escape(rules)}:1: .*; the old state is kept\n")
        give(3)
        give(4)
        process.stdin.close()
        names = {}
        for line in process.stdout.read().decode().splitlines():
            record = harness.parse_record(line)
            names[record["sourceIPv4Address"]] = record["applicationName"]
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(process.wait(harness.TIMEOUT), 0)
        self.assertEqual([names[f"10.0.0.{at}"] for at in (1, 3, 4, 5)], ["First", "Second", "Second", "Second"])
        with open(metrics, encoding="utf-8") as file:
            samples = harness.parse_metrics(file.read())
        self.assertEqual(samples[("microcloud_reload_failures_total", frozenset({("what", "ndpi-protocols")}))], 1)

    def test_broken_configuration_keeps_the_old_state(self):
        config = self.write(b'log-level = "warning"\n', "probe.toml")
        metrics = os.path.join(self.folder, "out.prom")
        process = self.start("--config", config, "--metrics-file", metrics)
        harness.wait_until_running(process)
        self.write(b"log-level = 5 5\n", "probe.toml")
        self.reload(process, rf"error reload: {re.escape(config)}:1: .*; the old state is kept\n")
        self.write(b'log-level = "debug"\n', "probe.toml")
        self.reload(process, "info reloaded\n")
        self.write(b'log-level = "debug"\nidle = 9\n', "probe.toml")
        self.reload(process, "warning more than the log level has changed")
        self.end(process)
        with open(metrics, encoding="utf-8") as file:
            found = harness.parse_metrics(file.read())
        self.assertEqual(found[("microcloud_reload_failures_total", frozenset({("what", "configuration")}))], 1)
        self.assertEqual(found[("microcloud_reloads_total", frozenset())], 3)


class LiveTest(ProbeTest):
    """Tests with a probe on one end of a veth pair in a namespace."""

    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        self.folder = tempfile.mkdtemp(prefix="microcloud-")
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", self.folder], check=True))
        link = Link()
        self.link = link.__enter__()
        self.addCleanup(link.__exit__)

    def start(self, *args, interface=Link.RECEIVER, log="log"):
        self.log = os.path.join(self.folder, log)
        process = harness.start_probe("-i", interface, "-n", "none", "--workers", "1", "--log-file", self.log, *args,
                                      prefix=self.link.inside)
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        self.link.wait_for_capture(process, 1)
        return process

    logged = Running.logged
    end = Running.end


class Privileges(LiveTest):
    def status(self, process):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def test_root_goes_on_as_somebody_else_without_capabilities(self):
        process = self.start("--user", "nobody")
        self.logged("goes on as user nobody, without capabilities")
        status = self.status(process)
        self.assertEqual(set(status["Uid"].split()), {str(__import__("pwd").getpwnam("nobody").pw_uid)})
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual(status["NoNewPrivs"], "1")
        with harness.scratch_file(frames.pcap([(0, frames.udp("10.0.0.1", 1, "10.0.0.2", 9))])) as path:
            self.link.send(path)
        done = self.end(process)
        with open(self.log, encoding="utf-8") as file:
            self.assertIn("1 packets read = 1 metered", file.read(), done.stderr)

    def test_root_that_stays_keeps_files_alone(self):
        process = self.start("--user", "root")
        self.logged("goes on as root, with the capabilities for files alone")
        self.assertEqual(int(self.status(process)["CapEff"], 16), 0b110)  # DAC_OVERRIDE, DAC_READ_SEARCH
        self.end(process)

    def test_capability_of_a_service_is_given_up(self):
        """As systemd starts it: an ordinary user with CAP_NET_RAW."""
        os.chmod(self.folder, 0o777)
        prefix = [*self.link.inside, "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all,+net_raw",
                  "--bounding-set=-all,+net_raw", "--ambient-caps=+net_raw"]
        self.log = os.path.join(self.folder, "log")
        process = harness.start_probe("-i", Link.RECEIVER, "-n", "none", "--workers", "1", "--log-file", self.log, prefix=prefix)
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        self.link.wait_for_capture(process, 1)
        self.logged("goes on as nobody, without capabilities")
        status = self.status(process)
        self.assertEqual([int(status[kind], 16) for kind in ("CapPrm", "CapEff")], [0, 0])
        self.end(process)

    def test_unknown_user(self):
        self.assert_refused(run("probe", "-i", "lo", "--user", "no-such-user0"), 2, "--user", "no-such-user0")

    def test_readiness_follows_the_interface(self):
        process = self.start("--metrics", "127.0.0.1:9475")
        def ready():
            words = ["curl", "-s", "-w", " %{http_code}", "http://127.0.0.1:9475/readyz"]
            return sh(*self.link.inside, *words).rsplit(" ", 1)
        harness.wait_until_running(process)
        body, status = ready()
        self.assertEqual((json.loads(body), status),
                         ({"ready": True, "checks": [{"name": "capture on mc-recv", "ready": True}]}, "200"))
        sh(*self.link.inside, "ip", "link", "set", Link.RECEIVER, "down")
        body, status = ready()
        self.assertEqual(status, "503")
        self.assertIn("mc-recv is down", json.loads(body)["checks"][0]["reason"])
        sh(*self.link.inside, "ip", "link", "set", Link.RECEIVER, "up")
        self.assertEqual(ready()[1], "200")
        self.end(process)


SERVER = """
import socket, sys
listener = socket.create_server(("10.9.0.2", 7000))
listener.settimeout(20)
print("ready", flush=True)
for _ in range(int(sys.argv[1])):
    peer, _ = listener.accept()
    while peer.recv(65536): pass
    peer.close()
"""
CLIENT = """
import socket, sys
for _ in range(int(sys.argv[1])):
    peer = socket.create_connection(("10.9.0.2", 7000), timeout=10)
    for _ in range(4):
        peer.sendall(bytes(int(sys.argv[2])))
        __import__("time").sleep(0.01)
    peer.close()
"""


class Traps(LiveTest):
    """Each trap is a real one: the kernel's own TCP over the pair, with the offloads that make it."""

    def expect(self, pattern):
        """Said within 10 s, and once."""
        self.logged(pattern)
        time.sleep(2)
        with open(self.log, encoding="utf-8") as file:
            said = [line for line in file if " warning " in line]
        self.assertEqual(len(said), 1, said)
        self.assertRegex(said[0], pattern)

    def connect(self, connections, size, mtu="1500", offload="off"):
        """A second namespace, so that packets pass the pair; `connections` over it, `size` bytes four times each."""
        other = self.link.namespace + "-b"
        sh("ip", "netns", "add", other)
        sh("ip", "-n", other, "link", "set", "lo", "up")
        self.addCleanup(sh, "ip", "netns", "del", other)
        inside, outside = self.link.inside, ["ip", "netns", "exec", other]
        sh(*inside, "ip", "link", "add", "mc-a", "mtu", mtu, "type", "veth", "peer", "name", "mc-b", "mtu", mtu, "netns", other)
        for words, name, address in ((inside, "mc-a", "10.9.0.1/24"), (outside, "mc-b", "10.9.0.2/24")):
            sh(*words, "sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")
            sh(*words, "ethtool", "-K", name, "gro", "off", "gso", offload, "tso", offload)
            sh(*words, "ip", "addr", "add", address, "dev", name)
            sh(*words, "ip", "link", "set", name, "up")
        return inside, outside, connections, size

    def talk(self, inside, outside, connections, size):
        server = subprocess.Popen([*outside, harness.PYTHON, "-c", SERVER, str(connections)], stdout=subprocess.PIPE)
        self.addCleanup(server.wait)
        self.addCleanup(server.stdout.close)
        server.stdout.readline()
        sh(*inside, harness.PYTHON, "-c", CLIENT, str(connections), str(size))

    def test_frames_over_the_mtu(self):
        setting = self.connect(2, 60000, offload="on")
        process = self.start(interface="mc-a")
        self.talk(*setting)
        self.expect(r"mc-a: frames are sent that are longer than its MTU of 1500 .*ethtool -K mc-a tso off gso off")
        self.end(process)

    def test_frames_over_the_mtu_that_arrive(self):
        inside, outside, *rest = self.connect(2, 60000, offload="on")
        process = harness.start_probe("-i", "mc-b", "-n", "none", "--workers", "1", "--log-file",
                                      os.path.join(self.folder, "log"), prefix=outside)
        self.log = os.path.join(self.folder, "log")
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        self.logged("goes on as")
        self.talk(inside, outside, *rest)
        self.expect(r"mc-b: frames arrive that are longer than its MTU of 1500 .*ethtool -K mc-b gro off lro off")
        self.end(process)

    def test_none_without_a_reason(self):
        setting = self.connect(8, 20000)
        process = self.start(interface="mc-a")
        self.talk(*setting)
        time.sleep(3)
        self.end(process)
        with open(self.log, encoding="utf-8") as file:
            self.assertNotIn(" warning ", file.read())

    def test_packets_cut(self):
        setting = self.connect(2, 5000)
        process = self.start("-s", "96", interface="mc-a")
        self.talk(*setting)
        self.expect(r"mc-a: \d+ % of the packets are cut to 96 bytes .*-s 0")
        self.end(process)

    def test_one_direction(self):
        """Answers come by another link."""
        inside, outside, *rest = self.connect(8, 5000)
        sh(*inside, "ip", "link", "add", "mc-c", "type", "veth", "peer", "name", "mc-d", "netns", outside[-1])
        for words, name in ((inside, "mc-c"), (outside, "mc-d")):
            sh(*words, "ip", "link", "set", name, "up")
            for one in ("all", *sh(*words, "ls", "/proc/sys/net/ipv4/conf").split()):
                sh(*words, "sysctl", "-qw", f"net.ipv4.conf.{one}.rp_filter=0")
        sh(*outside, "ip", "route", "add", "10.9.0.1/32", "dev", "mc-d", "src", "10.9.0.2")
        process = self.start(interface="mc-a")
        self.talk(inside, outside, *rest)
        self.expect(r"only one direction is seen of ([5-8]) TCP connections of \1: .*'both'.*-i mc-a -i OTHER")
        self.end(process)

    def test_bad_checksums(self):
        """What a mirror shows whose source leaves checksums to its network card."""
        packets = []
        for number in range(2000):
            frame = bytearray(frames.udp("10.0.0.1", 1 + number, "10.0.0.2", 9, b"payload"))
            frame[40:42] = b"\x12\x34"  # the checksum, behind 14 + 20 + 6 bytes
            packets.append((number * 0.001, bytes(frame)))
        process = self.start()
        with harness.scratch_file(frames.pcap(packets)) as path:
            self.link.send(path)
        self.expect(r"\d+ TCP or UDP checksums of about \d+ that were checked are wrong.*ethtool -K mc-recv tx off")
        self.end(process)

    def test_drops(self):
        packets = [(0, frames.udp("10.0.0.1", 1 + number, "10.0.0.2", 9, bytes(1400))) for number in range(2000)]
        process = self.start()
        with harness.scratch_file(frames.pcap(packets)) as path:
            process.send_signal(signal.SIGSTOP)
            self.link.send(path, "--topspeed", "--loop", "100")
            process.send_signal(signal.SIGCONT)
        self.expect(r"\d+ % of the packets of the last seconds were dropped \(\d+\) because the kernel's ring was full.*--workers 2")
        self.end(process)
