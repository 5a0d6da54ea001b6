"""The names of applications agree with those of Debian's ndpiReader on the shipped captures (tests/compare-ndpi)."""
import os
import re
import subprocess
import tempfile

import harness
from harness import ProbeTest

COMPARE = os.path.join(harness.TOP, "tests", "compare-ndpi")


def compare(*args, program=harness.PROGRAM):
    return subprocess.run([COMPARE, *args], capture_output=True, text=True, timeout=10 * harness.TIMEOUT, check=False,
                          env={**os.environ, "MICROCLOUD": program})


class Names(ProbeTest):
    def test_shipped_captures_have_the_names_of_ndpi_reader(self):
        done = compare("--floor", "0.99", harness.CAPTURES)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)
        compared = int(re.search(r"^(\d+) flows compared", done.stdout, re.MULTILINE)[1])
        self.assertGreater(compared, 150, done.stdout[-2000:])

    def test_the_comparison_can_fail(self):
        with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False) as nameless:
            nameless.write(f'#!/bin/sh\nexec "{harness.PROGRAM}" "$@" --no-dpi\n')
        self.addCleanup(os.remove, nameless.name)
        os.chmod(nameless.name, 0o755)
        done = compare("--floor", "0.99", os.path.join(harness.CAPTURES, "real", "tls.pcap"), program=nameless.name)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("ndpiReader TLS, probe (no name)", done.stdout)
