"""What the system tests share: runs the program, and holds every record that it prints against the program's own schema.

Environment: MICROCLOUD names the program (default: build/microcloud), MICROCLOUD_TEST_WORKERS gives `--workers N` to
every probe that a test does not give it itself.
"""
import collections
import contextlib
import functools
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import jsonschema

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.environ.get("MICROCLOUD", os.path.join(TOP, "build", "microcloud")))
CAPTURES = os.path.join(TOP, "captures")
PYTHON = sys.executable
TIMEOUT = 60  # seconds; a sanitizer's build takes some

Run = collections.namedtuple("Run", "status records stdout stderr")

# What LeakSanitizer may say of itself at the end, when a thread was just ending too.
SANITIZER_NOTE = re.compile(r"(?m)^==\d+==Running thread \d+ was not suspended\. False leaks are possible\.\n")
STARTING = re.compile(r"\S+Z info (capturing on|metrics on|goes on as|Redis clients are answered on) ")

# Where the probes of this run write their metrics when they end. Whoever a probe goes on as may write there.
_metrics_folder = tempfile.TemporaryDirectory(prefix="microcloud-metrics-")
os.chmod(_metrics_folder.name, 0o777)
_metrics_number = itertools.count()

# (record type, element) of every record that any test has seen.
seen_elements = set()


def pipeline(test):
    """Marks a test class that exercises the threads of the pipeline: run under ThreadSanitizer too."""
    test.pipeline = True
    return test


@functools.cache
def catalogue(form):
    """`microcloud fields` with --json or --json-schema, parsed."""
    done = subprocess.run([PROGRAM, "fields", form], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    return json.loads(done.stdout)


@functools.cache
def validator(record_type):
    schema = catalogue("--json-schema")
    for one in schema["oneOf"]:
        if one["properties"]["record"]["const"] == record_type:
            jsonschema.Draft202012Validator.check_schema(one)
            return jsonschema.Draft202012Validator(one)
    raise AssertionError(f"record type {record_type} is not in the schema")


def parse_record(line):
    """One JSON line as a dict; AssertionError when it is not what the schema says."""
    record = json.loads(line)
    error = next(validator(record["record"]).iter_errors(record), None)
    if error is not None:
        raise AssertionError(f"not valid by the schema: {error.message} in {line}")
    seen_elements.update((record["record"], name) for name in record)
    return record


def unseen_elements():
    """Elements of the catalogue that no test has produced: (record type, element) in the catalogue's order."""
    listed = catalogue("--json")
    common = [row["name"] for row in listed["common"]]
    seen_common = {name for _, name in seen_elements}
    missing = [("every record", name) for name in common if name not in seen_common]
    for one in listed["records"]:
        missing += [(one["record"], row["name"]) for row in one["elements"]
                    if (one["record"], row["name"]) not in seen_elements]
    return missing


# Options that make a command tell something and do nothing.
TELLING = {"--help", "--help-man", "--help-words", "--check-config", "--print-config"}


def command(args):
    """The probe's command line with the workers of this test run."""
    if args[0] != "probe" or not TELLING.isdisjoint(args):
        return [PROGRAM, *args]
    workers = os.environ.get("MICROCLOUD_TEST_WORKERS")
    more = ["--workers", workers] if workers and "--workers" not in args else []
    if "--metrics-file" not in args:
        more += ["--metrics-file", os.path.join(_metrics_folder.name, f"{next(_metrics_number)}.prom")]
    return [PROGRAM, *args, *more]


def parse_metrics(text):
    """{(name, labels as a frozenset of pairs): value} of a page of /metrics."""
    samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
        pairs = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))
        assert (name, pairs) not in samples, f"{line} comes twice"
        samples[(name, pairs)] = float(value)
    return samples


def read_metrics(port):
    """What a running program's page of metrics says. Raises OSError."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        return parse_metrics(page.read().decode())


def packets_read(port):
    """What a running probe's page of metrics says; 0 while there is none."""
    try:
        metrics = read_metrics(port)
    except OSError:
        return 0
    return sum(value for (name, _), value in metrics.items() if name == "microcloud_probe_packets_total")


def stages(metrics):
    """{stage: (in, out, {reason: dropped}, held)} of the ladder of losses."""
    found = {}
    for (name, labels), value in metrics.items():
        labels = dict(labels)
        stage = found.setdefault(labels.get("stage"), {"dropped": {}})
        if name == "microcloud_dropped_total":
            stage["dropped"][labels["reason"]] = value
        elif name.startswith("microcloud_stage_"):
            stage[name] = value
    return {stage: (one["microcloud_stage_in_total"], one["microcloud_stage_out_total"], one["dropped"],
                    one["microcloud_stage_held"]) for stage, one in found.items() if "microcloud_stage_in_total" in one}


# Each stage's output is the next one's input, where both count the same things.
LADDER = ("ring", "decode", "table")


def check_ladder(words):
    """The ladder of losses of a probe that has ended, by the command line that started it: at each stage
    in = out + dropped, nothing is held, and what leaves a stage comes into the next one. Gives its metrics."""
    path = words[words.index("--metrics-file") + 1]
    with open(path, encoding="utf-8") as file:
        metrics = parse_metrics(file.read())
    ladder = stages(metrics)
    for stage, (came, went, dropped, held) in ladder.items():
        if (came, held) != (went + sum(dropped.values()), 0):
            raise AssertionError(f"the ladder does not close at {stage}: {came:.0f} in, {went:.0f} out, dropped {dropped}, {held:.0f} held")
    for above, below in zip(LADDER, LADDER[1:]):
        if ladder[above][1] != ladder[below][0]:
            raise AssertionError(f"{above} gave {ladder[above][1]:.0f}, {below} got {ladder[below][0]:.0f}")
    return metrics


def run(*args, stdin=b"", timeout=TIMEOUT):
    """Any command, as it is: (status, no records, stdout, stderr)."""
    words = command(list(args))
    done = subprocess.run(words, input=stdin, capture_output=True, timeout=timeout, check=False)
    if done.returncode == 0 and "--metrics-file" in words:
        check_ladder(words)
    return Run(done.returncode, [], done.stdout.decode(), SANITIZER_NOTE.sub("", done.stderr.decode()))


def run_probe(*args, stdin=b"", timeout=TIMEOUT):
    """`probe --json - ARGS`: (status, records, stdout, stderr). Every line of stdout must be a valid record."""
    done = run("probe", "--json", "-", *args, stdin=stdin, timeout=timeout)
    return done._replace(records=[parse_record(line) for line in done.stdout.splitlines()])


def start_probe(*args, prefix=(), **options):
    """A probe in the background, to be ended by end_probe()."""
    return subprocess.Popen([*prefix, *command(["probe", *args])],
                            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})


@functools.cache
def slowness():
    """How much longer this build of the program takes than a release: about 4 times with a sanitizer, else 1."""
    libraries = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    return 4 if re.search("lib[at]san", libraries) else 1


def wait_for(what, seconds=15, seen=lambda: ""):
    """The first true value that what() gives within so many seconds, more with a sanitizer; `seen`: what to tell if there is none."""
    end = time.monotonic() + seconds * slowness()
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not come in time\n{seen()}".rstrip())


def wait_until_running(process, with_signal=signal.SIGINT, timeout=TIMEOUT):
    """Until a started probe has opened all that it reads and writes, and a signal would end it in order."""
    deadline = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < deadline:
        with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as file:
            caught = int(re.search("(?m)^SigCgt:\t([0-9a-f]+)$", file.read())[1], 16)
        if caught >> (with_signal - 1) & 1:
            return
        time.sleep(0.02)


def end_probe(process, with_signal=signal.SIGINT, timeout=TIMEOUT):
    """Ends a started probe and gives what it printed; records are parsed where stdout is made of them."""
    wait_until_running(process, with_signal)
    process.send_signal(with_signal)
    stdout, stderr = process.communicate(timeout=timeout)
    if process.returncode == 0:
        check_ladder(process.args)
    lines = stdout.decode().splitlines()
    records = [parse_record(line) for line in lines] if lines and lines[0].startswith("{") else []
    return Run(process.returncode, records, stdout.decode(), SANITIZER_NOTE.sub("", stderr.decode()))


@contextlib.contextmanager
def scratch_file(data, suffix=".pcap"):
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(data)
        file.flush()
        yield file.name


class ProbeTest(unittest.TestCase):
    maxDiff = 4000

    def assert_done(self, done):
        """Ended well: status 0, and stderr holds the closing line, whose sum is right, and before it what a live capture
        says at its start."""
        self.assertEqual(done.status, 0, done.stderr)
        self.assertEqual(len([line for line in done.stderr.splitlines() if not STARTING.match(line)]), 1, done.stderr)
        said = closing_counts(done.stderr)
        self.assertEqual(said["read"], said["metered"] + sum(said["ignored"].values()) + said["not sampled"] + said["dropped between workers"])
        if done.records:
            self.assertEqual(said["metered"], metered_packets(done.records))

    def flows(self, *args, **options):
        """The flow records of a run that must go well."""
        done = run_probe(*args, **options)
        self.assert_done(done)
        return [record for record in done.records if record["record"] == "flow"]

    def assert_refused(self, done, status, *words):
        """Ended with `status` and one line on stderr that holds all `words`, and printed nothing else."""
        self.assertEqual(done.status, status, done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stdout, "")


def ends(record):
    """((source, port), (destination, port)) of a record; ports 0 where there are none."""
    source = record.get("sourceIPv4Address") or record["sourceIPv6Address"]
    destination = record.get("destinationIPv4Address") or record["destinationIPv6Address"]
    return ((source, record.get("sourceTransportPort", 0)), (destination, record.get("destinationTransportPort", 0)))


COUNTERS = ("packetDeltaCount", "octetDeltaCount", "reversePacketDeltaCount", "reverseOctetDeltaCount")


def counters(record):
    """Packets and octets forth, packets and octets back."""
    return tuple(record.get(name, 0) for name in COUNTERS)


def summed(flows):
    """{(protocol, source end, destination end): counters}, slices of one flow added up. Directions are the records' own."""
    sums = collections.defaultdict(lambda: (0, 0, 0, 0))
    for record in flows:
        key = (record["protocolIdentifier"], *ends(record))
        sums[key] = tuple(a + b for a, b in zip(sums[key], counters(record)))
    return dict(sums)


def closing_counts(text):
    """What the probe's closing line says became of the packets, in a summary or on stderr."""
    said = re.search(r"(\d+)(?: packets)? read = (\d+) metered \+ (\d+) ignored(?: \(([^)]*)\))?", text)
    read, metered, ignored, reasons = said.groups()
    by_reason = {name: int(count) for name, count in (one.rsplit(" ", 1) for one in (reasons or "").split(", ") if one)}
    if sum(by_reason.values()) != int(ignored):
        raise AssertionError(f"the reasons do not add up: {said.group()}")
    dropped = re.search(r"packets dropped by the kernel +(\d+)|(\d+) packets dropped by the kernel", text)
    rest = text[said.end():].split(";")[0].split("\n")[0]
    between = re.search(r"\+ (\d+) dropped", rest)
    sampled = re.match(r" \+ (\d+) not sampled", rest)
    return {"read": int(read), "metered": int(metered), "ignored": by_reason,
            "dropped": int(dropped[1] or dropped[2]) if dropped else 0, "dropped between workers": int(between[1]) if between else 0,
            "not sampled": int(sampled[1]) if sampled else 0}


def metered_packets(flows):
    return sum(record.get("packetDeltaCount", 0) + record.get("reversePacketDeltaCount", 0) for record in flows)
