"""The shipped captures: made ones give what their maker knows, real ones what their golden file says."""
import glob
import json
import os

import harness
from harness import ProbeTest, ends, summed

MADE = sorted(glob.glob(os.path.join(harness.CAPTURES, "made", "*.expect.json")))
REAL = sorted(glob.glob(os.path.join(harness.CAPTURES, "real", "*.pcap")))
# What differs from run to run, and is not held.
OF_THE_RUN = ("flowId", "probeId")


def capture_of(expectation):
    return expectation[:-len(".expect.json")] + ".pcap"


def golden_of(capture):
    return capture[:-len(".pcap")] + ".golden.jsonl"


def expected_sums(flows):
    """Expectations in the form of summed()."""
    return {(flow["proto"], (flow["a"], flow["aport"]), (flow["b"], flow["bport"])):
            (flow["pkts_ab"], flow["octets_ab"], flow["pkts_ba"], flow["octets_ba"]) for flow in flows}


def golden(records):
    """Records in the form of a golden file: in an order that does not hang on the table, one sorted object a line."""
    kept = [{name: value for name, value in record.items() if name not in OF_THE_RUN} for record in records]
    return sorted(json.dumps(record, sort_keys=True) for record in kept)


class Made(ProbeTest):
    """tools/make_captures writes each capture together with what it put into it."""

    def check(self, expectation):
        with open(expectation, encoding="utf-8") as file:
            expected = json.load(file)
        found = self.flows("-r", capture_of(expectation))
        self.assertEqual(summed(found), expected_sums(expected["flows"]))
        of_key = {(record["protocolIdentifier"], *ends(record)): record for record in found}
        for flow in expected["flows"]:
            record = of_key[(flow["proto"], (flow["a"], flow["aport"]), (flow["b"], flow["bport"]))]
            for name, value in flow.items():
                if name in ELEMENTS:
                    self.assertEqual(record.get(name), value, f"{name} of {flow}")


# Elements that an expectation may name beside the key and the counters.
ELEMENTS = ("tunnelTypes", "vlanId", "tunnelId")


@harness.pipeline
class Real(ProbeTest):
    def check(self, capture):
        with open(golden_of(capture), encoding="utf-8") as file:
            expected = file.read().splitlines()
        self.assertEqual(golden(self.flows("-r", capture)), expected)


def add_tests(case, paths, suffix):
    """One test method a file, so that each is counted and named."""
    for path in paths:
        name = os.path.basename(path)[:-len(suffix)].replace("-", "_").replace(".", "_")
        setattr(case, f"test_{name}", lambda self, path=path: self.check(path))


class Shipped(ProbeTest):
    def test_there_are_captures_of_both_kinds(self):
        self.assertGreater(len(MADE), 5)
        self.assertGreater(len(REAL), 1)

    def test_each_made_capture_has_its_expectation(self):
        captures = sorted(glob.glob(os.path.join(harness.CAPTURES, "made", "*.pcap")))
        self.assertEqual(captures, [capture_of(path) for path in MADE])


add_tests(Made, MADE, ".expect.json")
add_tests(Real, REAL, ".pcap")
