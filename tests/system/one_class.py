"""Runs the tests of one class, in whatever process that is done."""
import collections
import io
import time
import unittest

import harness

# What one class came to. Texts are as unittest prints them; failed: {test: why}.
Outcome = collections.namedtuple("Outcome", "text seconds passed failed skipped seen")


class Result(unittest.TextTestResult):
    """Counts what passed too."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def run(names):
    """Runs the tests of these names, all of one class, and prints nothing."""
    started = time.monotonic()
    stream = io.StringIO()
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(stream=stream, resultclass=Result, verbosity=2).run(suite)
    failed = {test.id(): why for test, why in result.failures + result.errors}
    failed |= {test.id(): "It passed, but should not." for test in result.unexpectedSuccesses}
    return Outcome(stream.getvalue(), time.monotonic() - started, result.passed, failed, [reason for _, reason in result.skipped],
                   harness.seen_elements)
