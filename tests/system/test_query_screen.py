"""microcloud query --watch on a terminal, at several sizes, while the node comes and goes; and looks that follow each other."""
import codecs
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
import unittest

import harness
from harness import ProbeTest, wait_for
from redis_node import Node
from redis_sentinel import Sentinels
from test_face import Feed, traffic

CSI = re.compile(r"\033\[([?0-9;]*)([A-Za-z])")


class Terminal:
    """A command on a terminal of its own, and what stands on its screen. A line that is longer than the screen is wide is kept as it is."""

    def __init__(self, *words, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen([harness.PROGRAM, *words], stdin=slave, stdout=slave, stderr=subprocess.PIPE, process_group=0)
        os.close(slave)
        self.said, self.lock = "", threading.Lock()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            try:
                more = os.read(self.master, 65_536)
            except OSError:  # nobody has the terminal open any more
                return
            with self.lock:
                self.said += decoder.decode(more)

    def frames(self):
        """The lines of each whole frame, as drawn: from the first corner to the last line's end."""
        with self.lock:
            said = self.said
        found = []
        for frame in said.split("\033[H")[1:]:
            lines = [line.strip("\r") for line in frame.split("\033[?")[0].split("\n")]
            if lines[-1].endswith("\033[K"):
                found.append([CSI.sub("", line) for line in lines])
        return found

    def screen(self):
        """The last frame of this size; empty: there is none yet."""
        frames = [frame for frame in self.frames() if len(frame) == self.rows]
        return frames[-1] if frames else []

    def wait_for(self, what):
        """The first screen of which this is true."""
        def look():
            screen = self.screen()
            return screen if screen and what(screen) else None
        try:
            return wait_for(look, 30)
        except AssertionError as error:
            raise AssertionError("\n".join(self.screen())) from error

    def end(self, with_signal=signal.SIGINT):
        """(status, standard error)"""
        self.process.send_signal(with_signal)
        error = self.process.communicate(timeout=harness.TIMEOUT)[1]
        self.reader.join(2)  # it ends with the last one who has the terminal open
        return self.process.returncode, error.decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        os.close(self.master)


class OnScreen(ProbeTest):
    def setUp(self):
        self.server = Node()
        self.addCleanup(self.server.close)
        self.url = f"redis://127.0.0.1:{self.server.port}"
        self.client = self.server.client()
        self.addCleanup(lambda: self.client.close())

    def terminal(self, *words, interval=0.2, **size):
        terminal = Terminal("query", *words, "--watch", "--interval", str(interval), "--cloud", self.url, **size)
        self.addCleanup(terminal.close)
        return terminal

    def hosts(self, count, name="ip.10.0.0.%d"):
        for number in range(count):
            self.client("HSET", name % number, "bytesSent", 1_000_000 - number, "lastSeen", int(time.time() * 1000))

    def test_sizes(self):
        self.hosts(60, "ip.fd00:1111:2222:3333:4444:5555:6666:%04x")
        for rows, columns in ((24, 80), (10, 100), (50, 200), (6, 40), (3, 20), (1, 5)):
            with self.subTest(rows=rows, columns=columns):
                terminal = self.terminal("top", "ip", "-n", "30", rows=rows, columns=columns)
                screen = terminal.wait_for(lambda screen: rows < 3 or "key" in screen[1])
                self.assertLessEqual(max(map(len, screen)), columns)
                room = rows - 1
                fit = max(0, min(30, room - 1))
                names = [line for line in screen if line.startswith("ip.")]
                self.assertEqual(len(names), fit)
                missing = 31 - min(31, room)
                if columns >= 40:
                    self.assertEqual(re.findall(r"^(\d+) more lines do not fit", screen[0]), [str(missing)] if missing else [])
                if columns == 200:
                    self.assertTrue(all(re.match(r"ip\.fd00:[0-9a-f:]+:[0-9a-f]{4} ", name) for name in names), "whole names")
                elif columns == 80:
                    self.assertTrue(all(re.match(r"ip\.[0-9a-f:]+~ .* s$", name) for name in names), names)
                self.assertEqual(terminal.end(), (0, ""))
                self.assertTrue(terminal.said.startswith("\033[?1049h"), "the alternate screen")
                self.assertTrue(terminal.said.endswith("\033[?1049l"), "and back")

    def test_a_new_size_takes_effect_at_once(self):
        self.hosts(40)
        terminal = self.terminal("top", "ip", "-n", "40", interval=3600, rows=30, columns=100)
        terminal.wait_for(lambda screen: "key" in screen[1])
        terminal.resize(12, 50)
        screen = terminal.wait_for(lambda screen: "key" in screen[1])
        self.assertLessEqual(max(map(len, screen)), 50)
        self.assertEqual(len([line for line in screen if line.startswith("ip.")]), 10)
        terminal.resize(40, 132)
        screen = terminal.wait_for(lambda screen: "key" in screen[1])
        self.assertEqual(len([line for line in screen if line.startswith("ip.")]), 38)
        self.assertEqual(terminal.end(signal.SIGTERM), (0, ""))
        self.assertTrue(terminal.said.endswith("\033[?1049l"))

    def test_what_is_in_a_name_does_not_reach_the_terminal(self):
        self.client("HSET", "ip.\033]0;title\007\033[2J\nforged", "bytesSent", 10)
        terminal = self.terminal("top", "ip", columns=120)
        screen = terminal.wait_for(lambda screen: "ip." in screen[2])
        self.assertIn(r"ip.\x1b]0;title\x07\x1b[2J\x0aforged", screen[2])
        self.assertEqual(terminal.end(), (0, ""))
        self.assertNotIn("\007", terminal.said)

    def test_a_node_that_goes_and_comes_back(self):
        self.hosts(5)
        for words in (("top", "ip"), ("loss",)):
            with self.subTest(words=words):
                terminal = self.terminal(*words, columns=140)
                terminal.wait_for(lambda screen: "127.0.0.1" in screen[0])
                self.server.kill()
                screen = terminal.wait_for(lambda screen: any(re.match(r"! \d\d:", line) for line in screen))
                self.assertRegex("\n".join(screen), r"(?m)^! \d\d:\d\d:\d\d the MicroCloud at redis://127\.0\.0\.1:\d+: ")
                if words[0] == "top":
                    self.assertEqual(len([line for line in screen if line.startswith("ip.")]), 5, "what it said last stays")
                self.server.start()
                self.client.close()
                self.client = self.server.client()
                self.hosts(7)
                screen = terminal.wait_for(lambda screen: not any(re.match(r"! \d\d:", line) for line in screen))
                if words[0] == "top":
                    terminal.wait_for(lambda screen: len([line for line in screen if line.startswith("ip.")]) == 7)
                self.assertEqual(terminal.end(), (0, ""))

    def test_a_probe_that_cannot_be_asked_stands_in_the_last_line(self):
        feed = Feed("--cloud", self.url)
        feed.give(traffic(50, 1))
        feed.settle()
        wait_for(lambda: self.client("HGET", "probe.p", "listen"))
        terminal = self.terminal("top", "ip", columns=160)
        screen = terminal.wait_for(lambda screen: sum(line.startswith("ip.") for line in screen) > 5)
        self.assertFalse([line for line in screen if line.startswith("!")])
        feed.probe.kill()
        feed.probe.communicate()
        for _ in range(2):
            screen = terminal.wait_for(lambda screen: screen[-1].startswith("! probe p at 127.0.0.1:"))
            self.assertRegex(screen[-1], "its open flows are missing$")
        self.assertEqual(terminal.end(), (0, ""))

    def test_it_may_stand_and_go_on(self):
        """Ctrl-Z: the shell has the terminal, and then it is drawn again, long before the next look."""
        self.hosts(3)
        terminal = self.terminal("top", "ip", interval=3600)
        terminal.wait_for(lambda screen: "key" in screen[1])
        for _ in range(2):
            terminal.process.send_signal(signal.SIGTSTP)
            _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
            self.assertTrue(os.WIFSTOPPED(status))
            self.assertEqual(os.WSTOPSIG(status), signal.SIGTSTP)
            wait_for(lambda: terminal.said.endswith("\033[?1049l"))
            drawn = len(terminal.frames())
            terminal.process.send_signal(signal.SIGCONT)
            wait_for(lambda: len(terminal.frames()) > drawn)
            self.assertIn("key", terminal.screen()[1])
        self.assertEqual(terminal.said.count("\033[?1049h"), 3)
        self.assertEqual(terminal.end(), (0, ""))
        self.assertTrue(terminal.said.endswith("\033[?1049l"))

    def test_a_second_signal_gives_the_terminal_back_too(self):
        self.hosts(1)
        terminal = self.terminal("top", "ip")
        terminal.wait_for(lambda screen: "key" in screen[1])
        self.server.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.server.process.send_signal, signal.SIGCONT)
        time.sleep(0.5)
        terminal.process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        self.assertEqual(terminal.end(), (1, ""))
        self.assertTrue(terminal.said.endswith("\033[?1049l"))

    def test_who_sends_most_now_is_in_front(self):
        self.hosts(5)
        terminal = self.terminal("top", "ip", "-n", "3")
        screen = terminal.wait_for(lambda screen: "bit/s" in screen[1] and screen[2].startswith("ip."))
        self.assertEqual([line.split()[0] for line in screen[2:5]], ["ip.10.0.0.0", "ip.10.0.0.1", "ip.10.0.0.2"])
        stop = threading.Event()

        def send():
            client = self.server.client()
            while not stop.is_set():
                client("HINCRBY", "ip.10.0.0.4", "bytesSent", 1_000)
                time.sleep(0.01)
            client.close()
        sender = threading.Thread(target=send)
        sender.start()
        try:
            screen = terminal.wait_for(lambda screen: screen[2].startswith("ip.10.0.0.4"))
        finally:
            stop.set()
            sender.join()
        self.assertRegex(screen[2], r"^ip\.10\.0\.0\.4 +[0-9.]+ [kM] .* [1-9][0-9.]* k ")
        self.assertEqual(terminal.end(), (0, ""))


class InLines(ProbeTest):
    """Where standard output is no terminal."""

    def watch(self, url, *words):
        process = subprocess.Popen([harness.PROGRAM, "query", *words, "--cloud", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def look(self, process):
        line = process.stdout.readline()
        self.assertTrue(line, process.poll() is not None and process.stderr.read())
        return json.loads(line)

    def end(self, process):
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(harness.TIMEOUT), 0)
        return process.stderr.read().splitlines()

    def test_a_restart_of_the_node_is_said_once(self):
        server = Node()
        self.addCleanup(server.close)
        client = server.client()
        client("HSET", "ip.10.0.0.1", "bytesSent", 5)
        process = self.watch(f"redis://127.0.0.1:{server.port}", "top", "ip", "--watch", "--interval", "0.1", "--json")
        self.look(process)
        server.kill()
        client.close()
        time.sleep(3)
        server.start()
        client = server.client()
        client("HSET", "ip.10.0.0.2", "bytesSent", 5)
        client.close()
        while self.look(process)["key"] != "ip.10.0.0.2":
            pass
        said = self.end(process)
        self.assertEqual(len(said), 2, said)
        self.assertRegex(said[0], "^microcloud query: the MicroCloud at redis://.*; it is asked again until it answers$")
        self.assertEqual(said[1], "microcloud query: the MicroCloud answers again")

    def test_messages_after_a_restart(self):
        server = Node()
        self.addCleanup(server.close)
        process = self.watch(f"redis://127.0.0.1:{server.port}", "watch", "alert.*", "--json")
        client = server.client()
        wait_for(lambda: client("PUBLISH", "alert.a", "first"))
        self.assertEqual(self.look(process)["message"], "first")
        client.close()
        server.kill()
        time.sleep(3)
        server.start()
        client = server.client()
        wait_for(lambda: client("PUBLISH", "alert.a", "second"))
        self.assertEqual(self.look(process)["message"], "second")
        time.sleep(harness.slowness())  # it has said that the server is back
        # A connection that breaks and is made again at once is not taken for one that hears.
        there = [line for line in client("CLIENT", "LIST").splitlines() if " psub=1 " in line]
        self.assertEqual(len(there), 1)
        self.assertEqual(client("CLIENT", "KILL", "ID", re.search(r"\bid=(\d+)", there[0])[1]), 1)
        wait_for(lambda: client("PUBLISH", "alert.a", "third"))
        self.assertEqual(self.look(process)["message"], "third")
        client.close()
        time.sleep(harness.slowness())
        said = self.end(process)
        self.assertEqual(len(said), 4, said)
        self.assertRegex(said[0], "it is heard again when it is back$")
        self.assertRegex(said[1], "is back; what was published meanwhile is missing$")

    def test_a_probe_that_comes_later_is_heard(self):
        server = Node()
        self.addCleanup(server.close)
        url = f"redis://127.0.0.1:{server.port}"
        process = self.watch(url, "watch", "event.flow", "--json")
        client = server.client()
        wait_for(lambda: client("PUBSUB", "NUMPAT"))
        feed = Feed("--cloud", url, "-d", "1")
        begun, at = time.monotonic(), 0
        while not select.select([process.stdout], [], [], 0.2)[0]:
            at += 10  # s: all flows before have ended
            feed.give([(at + seconds, *rest) for seconds, *rest in traffic(20, 1)])
            self.assertLess(time.monotonic() - begun, 30)
        self.assertEqual(self.look(process)["channel"], "event.flow")
        feed.end()
        client.close()
        self.end(process)

    def test_a_failover(self):
        nodes = [Node(), Node()]
        for node in nodes:
            self.addCleanup(node.close)
        client = nodes[1].client()
        client("REPLICAOF", "127.0.0.1", nodes[0].port)
        first = nodes[0].client()
        first("HSET", "ip.10.0.0.1", "bytesSent", 5)
        wait_for(lambda: client("EXISTS", "ip.10.0.0.1"))
        sentinels = Sentinels(nodes[0].port)
        self.addCleanup(sentinels.close)
        process = self.watch(sentinels.url, "top", "ip", "--watch", "--interval", "0.1", "--json")
        self.look(process)
        first.close()
        nodes[0].kill()
        # Asked once, in the middle of it.
        done = harness.run("query", "get", "ip.10.0.0.1", "--json", "--cloud", sentinels.url)
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout)["fields"]["bytesSent"], 5)
        client.close()
        client = nodes[1].client()
        self.assertEqual(client("ROLE")[0], "master")
        client("HSET", "ip.10.0.0.2", "bytesSent", 9)
        client.close()
        wait_for(lambda: self.look(process)["key"] == "ip.10.0.0.2")
        self.assertRegex("\n".join(self.end(process)), "answers again$")

    def test_a_pipe_that_is_closed_ends_it_quietly(self):
        server = Node()
        self.addCleanup(server.close)
        client = server.client()
        client("HSET", "ip.10.0.0.1", "bytesSent", 5)
        client.close()
        process = self.watch(f"redis://127.0.0.1:{server.port}", "top", "ip", "--watch", "--interval", "0.1")
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(harness.TIMEOUT), 0)
        self.assertEqual(process.stderr.read(), "")


if __name__ == "__main__":
    unittest.main()
