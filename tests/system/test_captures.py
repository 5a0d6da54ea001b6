"""The shipped captures: made ones give what their maker knows, real ones what their golden file says."""
import collections
import glob
import json
import os
import re

import harness
from harness import ProbeTest, counters, ends, run

MADE = sorted(glob.glob(os.path.join(harness.CAPTURES, "made", "*.expect.json")))
REAL = sorted(glob.glob(os.path.join(harness.CAPTURES, "real", "*.pcap")))
# What differs from run to run, and is not held.
OF_THE_RUN = ("flowId", "probeId", "snmpCommunityHash")
# Elements that a record must not have where the expectation lacks them.
AROUND = ("tunnelTypes", "tunnelSourceIPv4Address", "tunnelDestinationIPv4Address", "tunnelSourceIPv6Address",
          "tunnelDestinationIPv6Address", "dot1qVlanId", "dot1qCustomerVlanId")
# In an expectation, and in the summary.
ANOMALIES = (("badIpChecksums", "bad_ip_checksum"), ("badTransportChecksums", "bad_transport_checksum"))


def golden_of(capture):
    return capture[:-len(".pcap")] + ".golden.jsonl"


def golden(records):
    """Records in the form of a golden file: in an order that does not hang on the table, one sorted object a line."""
    kept = [{name: value for name, value in record.items() if name not in OF_THE_RUN} for record in records]
    for record in kept:
        if "callStreams" in record:
            record["callStreams"] = [re.sub(" probeId=.*", "", text) for text in record["callStreams"]]
    return sorted(json.dumps(record, sort_keys=True) for record in kept)


def key_of(record):
    return (record["protocolIdentifier"], *ends(record))


def expected_key(flow):
    return (flow["proto"], (flow["a"], flow["aport"]), (flow["b"], flow["bport"]))


def expected_counters(flow):
    return (flow["pkts_ab"], flow["octets_ab"], flow["pkts_ba"], flow["octets_ba"])


def total(many):
    return tuple(sum(column) for column in zip(*many))


@harness.pipeline
class Made(ProbeTest):
    """tools/make_captures writes each capture together with what it put into it."""

    def check(self, expectation):
        with open(expectation, encoding="utf-8") as file:
            expected = json.load(file)
        capture = os.path.join(os.path.dirname(expectation), expected["capture"])
        found = collections.defaultdict(list)
        for record in self.flows("-r", capture):
            found[key_of(record)].append(record)
        wanted = collections.defaultdict(list)
        for flow in expected["flows"]:
            wanted[expected_key(flow)].append(flow)

        self.assertEqual(set(found), set(wanted))
        for key, flows in wanted.items():
            with self.subTest(flow=" / ".join(flow["what"] for flow in flows)):
                records = sorted(found[key], key=lambda record: record["flowStartMilliseconds"])
                self.assertEqual(len(records), sum(flow["records"] for flow in flows))
                self.assertEqual(total(map(counters, records)), total(map(expected_counters, flows)))
                if len(flows) == len(records):
                    self.check_elements(flows, records)
        self.check_counts(expected, run("probe", "-r", capture, "--checksums").stdout)

    def check_counts(self, expected, summary):
        said = harness.closing_counts(summary)
        self.assertEqual((said["read"], sum(said["ignored"].values())), (expected["packets"], expected["ignored"]))
        for name, reason in ANOMALIES:
            found = re.search(rf"(?m)^ *{reason} +(\d+)$", summary)
            self.assertEqual(int(found[1]) if found else 0, expected.get(name, 0), reason)

    def check_elements(self, flows, records):
        """Each flow is one record, in order of their starts: nothing differs, and nothing else is said to be around it."""
        for flow, record in zip(flows, records):
            names = set(flow["elements"]) | set(AROUND)
            self.assertEqual(counters(record), expected_counters(flow))
            self.assertEqual({name: record[name] for name in names if name in record}, flow["elements"], flow["what"])


@harness.pipeline
class Real(ProbeTest):
    def check(self, capture):
        with open(golden_of(capture), encoding="utf-8") as file:
            expected = file.read().splitlines()
        # Where one flow says what another one is, a file's workers, each at its own pace, may hear of it late.
        one_worker = ("--workers", "1") if os.path.basename(capture) in ("sip.pcap", "oracle.pcap", "dhcp.pcap") else ()
        done = harness.run_probe("-r", capture, *one_worker)
        self.assert_done(done)
        self.assertEqual(golden(done.records), expected)


class Shipped(ProbeTest):
    def test_there_are_captures_of_both_kinds(self):
        self.assertGreater(len(MADE), 30)
        self.assertGreater(len(REAL), 1)

    def test_each_capture_has_its_expectation(self):
        captures = {os.path.basename(path) for path in glob.glob(os.path.join(harness.CAPTURES, "made", "*.pcap*"))}
        expected = set()
        for path in MADE:
            with open(path, encoding="utf-8") as file:
                expected.add(json.load(file)["capture"])
        self.assertEqual(captures, expected)


def add_tests(case, paths, suffix):
    """One test method a file, so that each is counted and named."""
    for path in paths:
        name = os.path.basename(path)[:-len(suffix)].replace("-", "_").replace(".", "_")
        setattr(case, f"test_{name}", lambda self, path=path: self.check(path))


add_tests(Made, MADE, ".expect.json")
add_tests(Real, REAL, ".pcap")
