"""Commands, exit statuses and messages: what a user and a script rely on."""
import json
import os
import re
import signal
import subprocess
import tempfile
import time

import frames
import harness
from harness import ProbeTest, run, run_probe
from redis_node import free_port

TWO_FLOWS = [(0.0, frames.udp("10.0.0.1", 4000, "10.0.0.2", 53, b"question")),
             (0.1, frames.udp("10.0.0.2", 53, "10.0.0.1", 4000, b"answer")),
             (0.2, frames.udp("10.0.0.3", 4000, "10.0.0.2", 53, b"question"))]


class Files(ProbeTest):
    """Tests that write captures of their own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, data, name="capture.pcap"):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path


class Usage(Files):
    def test_help_lists_the_options(self):
        done = run("probe", "--help")
        self.assertEqual((done.status, done.stderr), (0, ""))
        for option in ("-i", "-r", "-f", "-n", "-t", "-d", "-w", "-s", "--json", "--workers", "--realtime", "--loop",
                       "--no-dpi", "--checksums", "--config", "--probe-id"):
            self.assertRegex(done.stdout, rf"(?m)(^|[\s,]){re.escape(option)}\b", f"{option} is not in the help")

    def test_help_names_the_commands(self):
        done = run("--help")
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIn("probe", done.stdout)
        self.assertIn("fields", done.stdout)

    def test_version(self):
        done = run("--version")
        self.assertEqual(done.status, 0, done.stderr)
        self.assertRegex(done.stdout, r"\d+\.\d+")

    def test_unknown_command(self):
        self.assert_refused(run("prob"), 2, "prob")

    def test_unknown_option(self):
        self.assert_refused(run("probe", "--colour", "-r", "x.pcap"), 2, "--colour")

    def test_no_input(self):
        self.assert_refused(run("probe"), 2, "-r", "-i")

    def test_file_and_interface(self):
        self.assert_refused(run("probe", "-i", "lo", "-r", "x.pcap"), 2, "-r", "-i")

    def test_bad_values_name_option_value_and_what_is_accepted(self):
        path = self.write(frames.pcap(TWO_FLOWS))
        for option, value, name, accepted in (("-t", "soon", "--active", "604800"), ("-d", "-5", "--idle", "604800"),
                                              ("-w", "many", "--flows", "268435456"), ("--workers", "0", "--workers", "1 to 64"),
                                              ("--loop", "none", "--loop", "1 to"), ("-n", "smoke:signals", "--collector", "none"),
                                              ("-s", "all", "--snaplen", "262144")):
            with self.subTest(option=option):
                # In one word, so that a value that begins with a dash is a value.
                word = f"{option}={value}" if option.startswith("--") else option + value
                self.assert_refused(run("probe", "-r", path, word), 2, name, value, accepted)

    def test_bad_filter_is_named(self):
        path = self.write(frames.pcap(TWO_FLOWS))
        config = self.write(b'read = "x.pcap"\nfilter = "port port"\n', "probe.toml")
        for args in (("-r", path), ("-r", "-"), ("-i", "no-such-if0")):
            for check in ((), ("--check-config",)):
                with self.subTest(args=args, check=check):
                    self.assert_refused(run("probe", *args, "-f", "port port", *check), 2, "--filter", "port port", "syntax error")
        for check in ((), ("--check-config",)):
            self.assert_refused(run("probe", "--config", config, *check), 2, f"{config}:2: --filter", "port port")

    def test_filter_that_does_not_fit_the_files_link_type_fails_when_it_is_read(self):
        path = self.write(frames.pcap(TWO_FLOWS))
        self.assert_refused(run("probe", "-r", path, "-f", "wlan type data"), 1, "wlan type data")
        for words in ("wlan type data", "inbound and vlan 5", "ifindex 3", "ip6 and tcp[tcpflags] & tcp-syn != 0", ""):
            with self.subTest(filter=words):
                done = run("probe", "-r", path, "-f", words, "--check-config")
                self.assertEqual((done.status, done.stderr), (0, ""))

    def test_filter(self):
        path = self.write(frames.pcap(TWO_FLOWS))
        done = run_probe("-r", path, "-f", "host 10.0.0.3")
        self.assert_done(done)
        self.assertEqual([harness.ends(flow)[0][0] for flow in done.records], ["10.0.0.3"])
        self.assertIn("; 2 packets not matching the filter", done.stderr)
        self.assertRegex(run("probe", "-r", path, "-f", "host 10.0.0.3").stdout, r"(?m)^  packets not matching the filter +2$")

    def test_bad_template_is_refused_where_nothing_is_exported_too(self):
        path = self.write(frames.pcap(TWO_FLOWS))
        for collector in ((), ("-n", "none"), ("-n", "udp://127.0.0.1:9")):
            with self.subTest(collector=collector):
                self.assert_refused(run("probe", "-r", path, *collector, "-T", "%BOGUS"), 2, "-T", "BOGUS")
                self.assert_refused(run("probe", "-r", path, *collector, "-T", "%BOGUS", "--check-config"), 2, "-T", "BOGUS")

    def test_configuration_file(self):
        capture = self.write(frames.pcap(TWO_FLOWS + [(50.0, TWO_FLOWS[0][1])]))
        config = self.write(b"idle = 100\n", "probe.toml")
        self.assertEqual(len(self.flows("-r", capture)), 3)
        self.assertEqual(len(self.flows("-r", capture, "--config", config)), 2)
        self.assertEqual(len(self.flows("-r", capture, "--config", config, "-d", "30")), 3, "a flag wins over the file")

    def test_mistake_in_configuration_file_is_named_with_its_line(self):
        capture = self.write(frames.pcap(TWO_FLOWS))
        for text, word in ((b"\nidle = \"soon\"\n", "idle"), (b"\ncolour = 1\n", "colour"), (b"\n= 5\n", "")):
            with self.subTest(text=text):
                config = self.write(text, "probe.toml")
                self.assert_refused(run("probe", "-r", capture, "--config", config), 2, f"{config}:2", word)


class Input(Files):
    def test_missing_file(self):
        self.assert_refused(run("probe", "-r", "not/there.pcap"), 1, "not/there.pcap")

    def test_folder_and_empty_file_and_text(self):
        for path in (self.folder, self.write(b"", "empty.pcap"), self.write(b"These are words.\n" * 9, "text.pcap")):
            with self.subTest(path=os.path.basename(path)):
                self.assert_refused(run("probe", "-r", path), 1, path)

    def test_unsupported_link_type_is_named(self):
        path = self.write(frames.pcap(TWO_FLOWS, frames.USB))
        done = run("probe", "-r", path)
        self.assert_refused(done, 1, path)
        self.assertRegex(done.stderr, r"189|USB")

    def test_byte_orders_and_nanoseconds_are_the_same(self):
        expected = self.flows("-r", self.write(frames.pcap(TWO_FLOWS)))
        self.assertEqual(len(expected), 2)
        for order in "<>":
            for nanoseconds in (False, True):
                with self.subTest(order=order, nanoseconds=nanoseconds):
                    found = self.flows("-r", self.write(frames.pcap(TWO_FLOWS, order=order, nanoseconds=nanoseconds)))
                    self.assertEqual([without_run(flow) for flow in found], [without_run(flow) for flow in expected])

    def test_standard_input(self):
        data = frames.pcap(TWO_FLOWS)
        from_pipe = self.flows("-r", "-", stdin=data)
        from_file = self.flows("-r", self.write(data))
        self.assertEqual([without_run(flow) for flow in from_pipe], [without_run(flow) for flow in from_file])
        self.assertEqual(len(from_pipe), 2)

    def test_file_that_is_cut_within_a_frame(self):
        data = frames.pcap(TWO_FLOWS)
        last = len(data) - 16 - len(TWO_FLOWS[2][1])  # where the third record begins
        done = run_probe("-r", self.write(data[:-3], "cut.pcap"))
        self.assertEqual(done.status, 1)
        self.assertEqual([harness.counters(flow)[0::2] for flow in done.records], [(1, 1)], "the good part comes out")
        self.assertIn("cut.pcap", done.stderr.splitlines()[-1])
        self.assertRegex(done.stderr.splitlines()[-1], rf"\b{last}\b", "the offset of the broken record")

    def test_file_that_is_cut_within_a_record_header(self):
        data = frames.pcap(TWO_FLOWS[:2])
        done = run_probe("-r", self.write(data + b"\1\2\3\4\5", "cut.pcap"))
        self.assertEqual(done.status, 1)
        self.assertEqual(len(done.records), 1)
        self.assertRegex(done.stderr.splitlines()[-1], rf"\b{len(data)}\b")

    def test_record_of_an_impossible_length(self):
        data = frames.pcap(TWO_FLOWS[:2])
        done = run_probe("-r", self.write(data + b"\xff" * 64, "broken.pcap"))
        self.assertEqual(done.status, 1)
        self.assertEqual(len(done.records), 1)
        self.assertRegex(done.stderr.splitlines()[-1], rf"\b{len(data)}\b")

    def test_pcapng(self):
        data = frames.pcapng(TWO_FLOWS)
        found = self.flows("-r", self.write(data, "capture.pcapng"))
        expected = self.flows("-r", self.write(frames.pcap(TWO_FLOWS)))
        self.assertEqual(len(expected), 2)
        self.assertEqual([without_run(flow) for flow in found], [without_run(flow) for flow in expected])

    def test_unknown_interface(self):
        done = run("probe", "-i", "no-such-if0", "-n", "none")
        self.assert_refused(done, 1, "no-such-if0")


class Output(Files):
    def test_json_to_standard_output_is_nothing_but_records(self):
        done = run_probe("-r", self.write(frames.pcap(TWO_FLOWS)))
        self.assert_done(done)
        self.assertEqual(len(done.records), 2)

    def test_json_to_a_file(self):
        target = os.path.join(self.folder, "out.jsonl")
        done = run("probe", "-r", self.write(frames.pcap(TWO_FLOWS)), "--json", target)
        self.assertEqual(done.status, 0, done.stderr)
        with open(target, encoding="utf-8") as lines:
            self.assertEqual(len([harness.parse_record(line) for line in lines]), 2)

    def test_json_file_that_cannot_be_written(self):
        target = os.path.join(self.folder, "no", "out.jsonl")
        done = run("probe", "-r", self.write(frames.pcap(TWO_FLOWS)), "--json", target)
        self.assert_refused(done, 1, target)

    def test_output_that_is_full(self):
        many = [(0.0, frames.udp("10.0.0.1", port, "10.0.0.2", 53)) for port in range(1, 5000)]
        with open("/dev/full", "wb") as full:
            done = subprocess.run([harness.PROGRAM, "probe", "-r", self.write(frames.pcap(many)), "--json", "-"],
                                  stdout=full, stderr=subprocess.PIPE, timeout=harness.TIMEOUT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr.splitlines()[-1])

    def test_summary_that_cannot_be_written(self):
        path = self.write(frames.pcap(TWO_FLOWS))
        with open("/dev/full", "wb") as full:
            done = subprocess.run([harness.PROGRAM, "probe", "-r", path], stdout=full, stderr=subprocess.PIPE,
                                  timeout=harness.TIMEOUT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb"\Amicrocloud probe: .*summary.*: No space left on device\n\Z")

    def test_output_that_is_the_capture_is_refused(self):
        data = frames.pcap(TWO_FLOWS)
        path = self.write(data)
        hard, soft, other = (os.path.join(self.folder, name) for name in ("hard.pcap", "soft.pcap", "out"))
        os.link(path, hard)
        os.symlink(path, soft)
        for option, form in (("--json", "%s"), ("-n", "file:%s"), ("--metrics-file", "%s"), ("--log-file", "%s")):
            for target in (path, os.path.join(self.folder, ".", os.path.basename(path)), hard, soft):
                for more in ((), ("--check-config",)):
                    with self.subTest(option=option, target=target, more=more):
                        name = {"-n": "--collector"}.get(option, option)
                        self.assert_refused(run("probe", "-r", path, option, form % target, *more), 2, name, target)
        self.assert_refused(run("probe", "-r", hard, "-n", f"file:{other}", "-n", f"file:{soft}"), 2, "--collector", soft)
        self.assertFalse(os.path.exists(other), "nothing was opened")
        with open(path, "rb") as standard_input:
            done = subprocess.run([harness.PROGRAM, "probe", "-r", "-", "--json", hard], stdin=standard_input, capture_output=True,
                                  timeout=harness.TIMEOUT, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        with open(path, "ab") as standard_output:
            done = subprocess.run([harness.PROGRAM, "probe", "-r", path], stdout=standard_output, stderr=subprocess.PIPE,
                                  timeout=harness.TIMEOUT, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"standard output", done.stderr)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), data, "the capture is as it was")
        self.assertEqual(len(run_probe("-r", path, "-n", f"file:{other}").records), 2)

    def test_reader_that_goes_away(self):
        many = [(0.0, frames.udp("10.0.0.1", port, "10.0.0.2", 53)) for port in range(1, 5000)]
        path = self.write(frames.pcap(many))
        with subprocess.Popen([harness.PROGRAM, "probe", "-r", path, "--json", "-"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdout.readline()
            process.stdout.close()
            said = process.stderr.read()
            status = process.wait(harness.TIMEOUT)
        self.assertIn(status, (1, -signal.SIGPIPE), said)
        self.assertNotIn(b"terminate called", said)

    def test_summary_is_the_default_on_a_file(self):
        done = run("probe", "-r", self.write(frames.pcap(TWO_FLOWS)))
        self.assertEqual((done.status, done.stderr), (0, ""))
        for word in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
            self.assertIn(word, done.stdout)
        self.assertRegex(done.stdout, r"(?i)packets")
        self.assertLess(len(done.stdout.splitlines()), 50, "one screen")
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 120)

    def test_none_prints_nothing(self):
        done = run("probe", "-r", self.write(frames.pcap(TWO_FLOWS)), "-n", "none")
        self.assert_done(done)
        self.assertEqual(done.stdout, "")

    def test_probe_id(self):
        flows = self.flows("-r", self.write(frames.pcap(TWO_FLOWS)), "--probe-id", "north-7")
        self.assertEqual([flow["probeId"] for flow in flows], ["north-7", "north-7"])


class Fields(ProbeTest):
    def test_forms_agree(self):
        listed = harness.catalogue("--json")
        schema = {one["properties"]["record"]["const"]: set(one["properties"]) for one in
                  harness.catalogue("--json-schema")["oneOf"]}
        common = {row["name"] for row in listed["common"]}
        text = run("fields").stdout
        markdown = run("fields", "--markdown").stdout
        for one in listed["records"]:
            names = {row["name"] for row in one["elements"]}
            self.assertFalse(names & common, "an element stands among the common ones and in a record type")
            self.assertEqual(schema[one["record"]], names | common | {"record"})
            for name in names | common:
                self.assertIn(f"| `{name}` |", markdown)
            for row in listed["common"] + one["elements"]:
                columns = [row["name"], row.get("label", ""), str(row["id"]), row["type"]]
                found = re.search(r"(?m)^\s*" + r"\s+(\S+[ .])?".join(filter(None, columns)) + r"\s", text)
                self.assertTrue(found, f"the columns {columns} do not stand apart in the text")
        self.assertEqual(set(schema), {one["record"] for one in listed["records"]})

    def test_numbers_are_used_once_and_well_known_ones_are_right(self):
        listed = harness.catalogue("--json")
        numbers = {}
        for one in listed["records"]:
            for row in listed["common"] + one["elements"]:
                numbers.setdefault((row["pen"], row["id"]), set()).add(row["name"])
        self.assertEqual({number: names for number, names in numbers.items() if len(names) > 1}, {})
        for pen, number, name in ((0, 1, "octetDeltaCount"), (0, 2, "packetDeltaCount"), (0, 4, "protocolIdentifier"),
                                  (0, 6, "tcpControlBits"), (0, 7, "sourceTransportPort"), (0, 8, "sourceIPv4Address"),
                                  (0, 136, "flowEndReason"), (0, 152, "flowStartMilliseconds"),
                                  (29305, 1, "reverseOctetDeltaCount")):
            self.assertEqual(numbers[(pen, number)], {name})

    def test_schema_refuses(self):
        """A validator that accepts everything would make every other test worthless."""
        good = {"record": "flow", "protocolIdentifier": 17, "flowId": 1}
        harness.parse_record(json.dumps(good))
        for change in ({"protocolIdentifier": "17"}, {"noSuchElement": 1}, {"protocolIdentifier": 256},
                       {"sourceMacAddress": "0:1"}, {"tunnelTypes": []}):
            with self.assertRaises(AssertionError):
                harness.parse_record(json.dumps({**good, **change}))


@harness.pipeline
class Signals(Files):
    """A capture that goes on for a minute, replayed at its own pace, is interrupted in its first seconds."""

    def start(self, flow_count, *args):
        now = [(0.0, frames.udp("10.0.0.1", port, "10.0.0.2", 53, b"x" * 100)) for port in range(1, flow_count + 1)]
        later = [(60.0, frames.udp("10.0.0.9", 9, "10.0.0.2", 53))]
        page = free_port()
        process = harness.start_probe("-r", self.write(frames.pcap(now + later)), "--realtime", "--metrics", f"127.0.0.1:{page}", *args)
        self.addCleanup(lambda: process.poll() is not None or process.kill())
        harness.wait_for(lambda: harness.packets_read(page) == flow_count)
        self.assertIsNone(process.poll(), "--realtime waits for the packet of the last minute")
        return process

    def test_interrupt_gives_every_open_flow(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number.name):
                process = self.start(100, "--json", "-")
                harness.wait_until_running(process, number)
                started = time.monotonic()
                done = harness.end_probe(process, number)
                self.assertLess(time.monotonic() - started, 5 * harness.slowness())
                self.assert_done(done)
                self.assertEqual(sorted(flow["sourceTransportPort"] for flow in done.records), list(range(1, 101)))
                self.assertEqual({flow["flowEndReason"] for flow in done.records}, {4})
                part, whole = map(int, re.search(r"; stopped when (\d+) of the (\d+) bytes of the input were read", done.stderr).groups())
                self.assertTrue(24 + 96 * 158 <= part < whole, (part, whole))

    def test_interrupt_gives_the_summary(self):
        done = harness.end_probe(self.start(3, "--log-level", "warning"))
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.assertIn("10.0.0.2", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^stopped when \d+ of the \d+ bytes of the input were read \([\d.]+%\)$")

    def test_second_interrupt_ends_at_once(self):
        process = self.start(4000, "--json", "-")  # far more than the pipe that nobody reads will hold
        process.send_signal(signal.SIGINT)
        time.sleep(1)  # the flush has begun
        self.assertIsNone(process.poll(), "the flush waits for the reader")
        process.send_signal(signal.SIGINT)
        self.assertNotEqual(process.wait(3 * harness.slowness()), 0)
        process.stdout.close()
        process.stderr.close()


def without_run(flow):
    """A flow without what differs from run to run."""
    return {name: value for name, value in flow.items() if name not in ("flowId", "probeId")}
