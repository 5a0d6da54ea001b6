"""Runs the system tests: tests/system [--pipeline] [--workers N] [--jobs N] [NAME...]. Closes with the sum of what passed
and failed.

NAME: module, class or method, as for unittest (test_cli, test_cli.Usage.test_help). With --jobs, classes run side by
side, each in one process; those that harness.alone marks run after the others, one at a time.
"""
import argparse
import collections
import concurrent.futures
import multiprocessing
import os
import sys
import time
import unittest

import harness
import one_class

LINES_OF_A_FAILURE = 12
MOST_OF_A_LINE = 190
HERE = os.path.dirname(os.path.abspath(__file__))


def tests_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        else:
            yield test


def side_by_side(classes, jobs):
    """Yields (class, outcome) as each is done; big ones begin first."""
    todo = sorted(classes.items(), key=lambda one: -len(one[1]))
    # Each process imports the harness anew: counters and folders of its own.
    with concurrent.futures.ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(one_class.run, names): kind for kind, names in todo}
        for future in concurrent.futures.as_completed(running):
            yield running[future], future.result()


def outcomes(classes, jobs):
    together = {kind: names for kind, names in classes.items() if jobs > 1 and not getattr(kind, "alone", False)}
    if together:
        yield from side_by_side(together, jobs)
    for kind, names in classes.items():
        if kind not in together:
            yield kind, one_class.run(names)


def report_skips(outcomes_):
    reasons = collections.Counter(reason for outcome in outcomes_ for reason in outcome.skipped)
    for reason, count in reasons.items():
        print(f"skipped {count}: {reason}")


def report_unseen(outcomes_):
    harness.seen_elements.update(*(outcome.seen for outcome in outcomes_))
    unseen = harness.unseen_elements()
    print(f"{len(unseen)} elements of the catalogue came in no record of these tests" + (":" if unseen else ""))
    for record_type, name in unseen:
        print(f"  {record_type}: {name}")


def report_failures(failed):
    """At the end, where whoever sees no more than the last lines sees them."""
    for name, why in failed.items():
        last = why.strip().splitlines()[-LINES_OF_A_FAILURE:]
        print("\n    ".join([f"failed: {name}", *(line[:MOST_OF_A_LINE] for line in last)]))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--pipeline", action="store_true", help="only what exercises the threads of the pipeline")
    parser.add_argument("--workers", metavar="N", help="give --workers N to every probe")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="run so many classes side by side")
    parser.add_argument("names", nargs="*", metavar="NAME")
    return parser.parse_args()


def main():
    options = parse()
    if not os.access(harness.PROGRAM, os.X_OK):
        sys.exit(f"{harness.PROGRAM} is not there: build it first (cmake --build --preset release)")
    if options.workers:
        os.environ["MICROCLOUD_TEST_WORKERS"] = options.workers
    loader = unittest.defaultTestLoader
    found = loader.loadTestsFromNames(options.names) if options.names else loader.discover(HERE, top_level_dir=HERE)
    if loader.errors:
        sys.exit("\n".join(loader.errors))
    classes = collections.defaultdict(list)
    for test in tests_of(found):
        if not options.pipeline or getattr(type(test), "pipeline", False):
            classes[type(test)].append(test.id())

    started = time.monotonic()
    done = []
    for kind, outcome in outcomes(classes, options.jobs):
        print(f"{kind.__module__}.{kind.__qualname__}: {outcome.seconds:.1f} s\n{outcome.text}", flush=True)
        done.append(outcome)
    print(f"{time.monotonic() - started:.1f} s")
    report_skips(done)
    if not options.pipeline and not options.names:
        report_unseen(done)
    failed = {name: why for outcome in done for name, why in outcome.failed.items()}
    report_failures(failed)
    if not done:
        print("no test was chosen")
    passed = sum(outcome.passed for outcome in done)
    print(f"{passed} passed, {len(failed)} failed, {sum(len(outcome.skipped) for outcome in done)} skipped")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
