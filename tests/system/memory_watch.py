"""How much memory a running probe takes at most, all of it and what updates wait in."""
import re
import threading
import time

import harness

PAUSE = 0.05  # seconds between two looks


class MemoryWatch:
    """From its making until stop(); `page`: the port of --metrics."""

    def __init__(self, process, page):
        self.process, self.page = process, page
        self.since = time.monotonic()
        self.looks = 0
        self.waiting = self.kept = 0  # bytes at most, of updates that wait and of batches that are kept
        self.resident = []            # bytes, at each look
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.stopping.wait(PAUSE):
            try:
                metrics = harness.read_metrics(self.page)
                with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
                    resident = int(re.search(r"(?m)^VmRSS:\s+(\d+) kB$", file.read())[1]) << 10
            except (OSError, TypeError):  # it has not begun, or has ended
                continue
            self.resident.append(resident)
            self.waiting = max(self.waiting, metrics[("microcloud_cloud_waiting_bytes", frozenset())])
            self.kept = max(self.kept, metrics[("microcloud_cloud_kept_bytes", frozenset())])
            self.looks += 1

    def stop(self):
        self.stopping.set()
        self.thread.join()
