"""Flows for the benchmarks of the MicroCloud."""
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "system"))
import frames  # noqa: E402


def trace(path: Path, flows: int, rate: int, hosts: int, zipf: bool) -> None:
    """Flows of one packet, `rate` a second; clients and servers among the same hosts."""
    chance = random.Random(1)
    names = [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(hosts)]
    weights = [1 / (rank + 1) for rank in range(hosts)] if zipf else None
    ends = chance.choices(names, weights, k=2 * flows)
    path.write_bytes(frames.pcap([(at / rate, frames.udp(ends[2 * at], 1024 + at % 60_000, ends[2 * at + 1],
                                                         chance.choice((53, 123, 443)), b"x" * 20)) for at in range(flows)]))
