"""Runs the system tests: tests/system [--pipeline] [--workers N] [NAME...]. Closes with the sum of what passed and failed.

NAME: module, class or method, as for unittest (test_cli, test_cli.Usage.test_help).
"""
import argparse
import collections
import os
import sys
import time
import unittest

import harness


class Result(unittest.TextTestResult):
    """Counts what passed too, and prints one line a class."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def tests_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        else:
            yield test


def report_skips(result):
    reasons = collections.Counter(reason for _, reason in result.skipped)
    for reason, count in reasons.items():
        print(f"skipped {count}: {reason}")


def report_unseen():
    unseen = harness.unseen_elements()
    print(f"{len(unseen)} elements of the catalogue came in no record of these tests" + (":" if unseen else ""))
    for record_type, name in unseen:
        print(f"  {record_type}: {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pipeline", action="store_true", help="only what exercises the threads of the pipeline")
    parser.add_argument("--workers", metavar="N", help="give --workers N to every probe")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if not os.access(harness.PROGRAM, os.X_OK):
        sys.exit(f"{harness.PROGRAM} is not there: build it first (cmake --build --preset release)")
    if options.workers:
        os.environ["MICROCLOUD_TEST_WORKERS"] = options.workers

    loader = unittest.defaultTestLoader
    here = os.path.dirname(os.path.abspath(__file__))
    found = loader.loadTestsFromNames(options.names) if options.names else loader.discover(here, top_level_dir=here)
    chosen = unittest.TestSuite(test for test in tests_of(found)
                                if not options.pipeline or getattr(type(test), "pipeline", False))
    started = time.monotonic()
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=2).run(chosen)
    print(f"{time.monotonic() - started:.1f} s")
    report_skips(result)
    if not options.pipeline and not options.names:
        report_unseen()
    for test, _ in result.failures + result.errors:
        print(f"failed: {test.id()}")
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    if not chosen.countTestCases():
        print("no test was chosen")
    print(f"{result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return 0 if result.passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
