"""What the programs of the benchmarks share."""
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
NAME = Path(sys.argv[0]).name


def need_programs() -> None:
    for program in (BUILD / "microcloud", BUILD / "bench" / "floor", BUILD / "bench" / "make_trace"):
        if not program.exists():
            sys.exit(f"bench/{NAME}: {program.relative_to(ROOT)} is missing: cmake --preset release && cmake --build --preset release")


def run(command: list[str], **options: object) -> None:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"bench/{NAME}: {' '.join(command)}: exit {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")


def cpu_seconds(command: list[str], core: int) -> float:
    """User and system time of one whole run, all its threads and children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(["taskset", "-c", str(core), *command])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def callgrind(command: list[str], read: object) -> object:
    """What `read(PATH)` finds in callgrind's counts of one whole run."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        # Without lazy binding each call goes straight to its function.
        run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command], env={**os.environ, "LD_BIND_NOW": "1"})
        return read(out)


def instructions(path: Path) -> int:
    """The sum of a file of callgrind's counts."""
    return int(re.search(r"^(?:summary|totals): (\d+)", path.read_text(errors="replace"), re.MULTILINE)[1])


def callgrind_instructions(command: list[str]) -> int:
    return callgrind(command, instructions)


def protocols() -> list[str]:
    """Those that the probe has a parser for, in their order."""
    return re.findall(r"^PROTOCOL\((\w+)\)", (ROOT / "src/protocols/list.inc").read_text(), re.MULTILINE)


def empty_trace(path: Path) -> Path:
    """A classic capture of Ethernet without a frame: what a run on it costs is starting and ending."""
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
    return path


class Trace:
    def __init__(self, path: Path) -> None:
        self.path = path
        done = subprocess.run([str(BUILD / "bench" / "floor"), str(path), "1"], capture_output=True, text=True, check=True)
        self.packets = int(next(word for word in done.stdout.split() if word.isdigit()))

    def cache(self) -> None:
        """Some machines evict eagerly: the file is read once before each run."""
        with open(self.path, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


def make_trace(kind: str, folder: Path, *options: str) -> Trace:
    path = folder / f"{kind}{'-'.join(options).replace('/', '_')}.pcap"
    run([str(BUILD / "bench" / "make_trace"), kind, str(path), *options])
    return Trace(path)
