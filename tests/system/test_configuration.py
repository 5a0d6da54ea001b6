"""--config, --check-config, --print-config, --log-*, --stats, and what the program tells of its own options."""
import json
import os
import pty
import re
import select
import subprocess
import time

import frames
import harness
from harness import run
from test_cli import Files, TWO_FLOWS

LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Configuration(Files):
    def config(self, text):
        return self.write(text.encode(), "probe.toml")

    def test_check_tells_every_mistake_with_its_line(self):
        config = self.config('read = "x.pcap"\nidle = "soon"\ncolour = 1\n[table]\nx = 1\n')
        done = run("probe", "--config", config, "--check-config")
        self.assertEqual((done.status, done.stdout), (2, ""))
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 3, done.stderr)
        for line, number, word in zip(lines, (2, 3, 4), ("--idle", "colour", "table")):
            self.assertIn(f"{config}:{number}: ", line)
            self.assertIn(word, line)

    def test_check_tells_a_broken_file(self):
        config = self.config("idle = 5\nactive = = 3\n")
        self.assert_refused(run("probe", "--config", config, "--check-config"), 2, f"{config}:2")
        missing = os.path.join(self.folder, "none.toml")
        self.assert_refused(run("probe", "--config", missing, "--check-config"), 2, missing)

    def test_check_tells_what_does_not_go_together_with_the_line_that_says_so(self):
        config = self.config('interface = "eth0"\n\nloop = 3\n')
        done = run("probe", "--config", config, "--check-config")
        self.assert_refused(done, 2, f"{config}:3", "--loop", "-r")

    def test_check_opens_nothing(self):
        target = os.path.join(self.folder, "out.jsonl")
        done = run("probe", "-r", "not/there.pcap", "--json", target, "--check-config")
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.assertFalse(os.path.exists(target))

    def test_print_tells_where_each_value_is_from(self):
        config = self.config('idle = 7\nno-dpi = true\nfilter = "port \\"53\\""\n')
        done = run("probe", "-r", "x.pcap", "-t", "9", "--config", config, "--print-config")
        self.assertEqual((done.status, done.stderr), (0, ""))
        for name, value, origin in (("idle", "7", f"{config}:1"), ("no-dpi", "true", f"{config}:2"),
                                    ("filter", r'"port \"53\""', f"{config}:3"), ("active", "9", "command line"),
                                    ("read", '"x.pcap"', "command line"), ("snaplen", "0", "default"),
                                    ("realtime", "false", "default")):
            self.assertRegex(done.stdout, rf"(?m)^{name} +={re.escape(' ' + value)}  # {re.escape(origin)}$")
        self.assertRegex(done.stdout, r"(?m)^# json is not set")

    def test_print_given_back_means_the_same(self):
        config = self.config('probe-id = "007"\nidle = 7\nchecksums = true\ninterface = ["a\\tb", "lo"]\n')
        first = run("probe", "--config", config, "-t", "9", "--print-config").stdout
        second = run("probe", "--config", self.write(first.encode(), "again.toml"), "--print-config").stdout
        bare = [[line.split("  # ")[0] for line in text.splitlines()] for text in (first, second)]
        self.assertEqual(bare[0], bare[1])
        self.assertRegex(first, r'(?m)^probe-id += "007"')
        self.assertRegex(first, r'(?m)^interface += \["a\\u0009b", "lo"\]')

    def test_print_blanks_passwords(self):
        config = self.write(b'read = "redis://user:hush@host:6379/x"\n')
        os.chmod(config, 0o600)
        done = run("probe", "--config", config, "--print-config")
        self.assertIn("redis://user:***@host:6379/x", done.stdout)
        self.assertNotIn("hush", done.stdout)

    def test_every_command_has_them(self):
        self.assertEqual(run("fields", "--check-config").status, 0)
        self.assertIn("json-schema", run("fields", "--json-schema", "--print-config").stdout)


class Log(Files):
    def probe(self, *args):
        done = run("probe", "-r", self.write(frames.pcap(TWO_FLOWS)), "-n", "none", *args)
        self.assertEqual((done.status, done.stdout), (0, ""), done.stderr)
        return done.stderr

    def test_text(self):
        self.assertRegex(self.probe(), rf"\A{LINE} info 3 packets read = 3 metered \+ 0 ignored; 2 flows in 2 records\n\Z")

    def test_json(self):
        lines = [json.loads(line) for line in self.probe("--log-format", "json").splitlines()]
        self.assertEqual([sorted(line) for line in lines], [["level", "message", "time"]])
        self.assertRegex(lines[0]["time"], rf"\A{LINE}\Z")
        self.assertIn("3 packets read", lines[0]["message"])

    def test_level(self):
        self.assertEqual(self.probe("--log-level", "warning"), "")

    def test_file(self):
        path = os.path.join(self.folder, "log")
        self.assertEqual(self.probe("--log-file", path), "")
        self.probe("--log-file", path)
        with open(path, encoding="utf-8") as lines:
            self.assertEqual(len(lines.readlines()), 2, "a log goes on where it ended")

    def test_bad_words_are_refused(self):
        for option, value in (("--log-level", "loud"), ("--log-format", "xml"), ("--stats", "-1")):
            self.assert_refused(run("probe", "-r", "x", option, value), 2, option, value)

    def test_colours_on_a_terminal_only(self):
        words = harness.command(["probe", "-r", self.write(frames.pcap(TWO_FLOWS)), "-n", "none"])
        done = subprocess.run(["script", "-qec", " ".join(words), "/dev/null"], capture_output=True, timeout=harness.TIMEOUT,
                              env={**os.environ, "TERM": "xterm-256color"}, check=True)
        self.assertIn(b"\x1b[", done.stdout.replace(b"\x1b[K", b""))

    def test_stats(self):
        later = [(2.5, frames.udp("10.0.0.9", 9, "10.0.0.2", 53))]
        said = run("probe", "-r", self.write(frames.pcap(TWO_FLOWS + later)), "-n", "none", "--realtime", "--stats", "1")
        lines = said.stderr.splitlines()
        self.assertEqual((said.status, len(lines)), (0, 3), said.stderr)
        self.assertRegex(lines[0], rf"\A{LINE} info 3 packets \(3/s, 0\.00 Mbit/s\), 2 flows open \(2 new/s\), "
                                   r"0 records \(0/s\); dropped: none\Z")
        self.assertRegex(lines[1], r" 3 packets \(0/s")


class OwnWords(Files):
    def options(self, command):
        return [line.split("\t") for line in run(command, "--help-words").stdout.splitlines()]

    def test_words_and_help_and_manual_name_the_same_options(self):
        for command in ("probe", "node", "query", "fields"):
            listed = self.options(command)
            self.assertGreater(len(listed), 5)
            text, manual = run(command, "--help").stdout, run(command, "--help-man").stdout
            for names, _, description in listed:
                for name in names.split():
                    self.assertRegex(text, rf"(?m)^ +.*{re.escape(name)}\b", name)
                    self.assertIn("\\fB" + name.replace("-", "\\-") + "\\fR", manual)
                self.assertTrue(description, names)

    def test_manual_tells_what_each_option_takes_and_accepts(self):
        manual = run("probe", "--help-man").stdout
        for option, takes, accepted in (("metrics", "ADDR:PORT", ""), ("cloud", r"redis://[USER@]HOST:PORT", ""), ("active", "SECONDS", "[1 \\- 604800]"),
                                        ("log\\-level", "LEVEL", "{debug,info,warning,error,off}")):
            entry = re.search(rf"(?ms)\\-\\-{re.escape(option)}\\fR \\fI(\S+)\\fR\n(.*?)^\.", manual)
            self.assertEqual(entry[1], takes)
            self.assertEqual(re.findall(r"Accepted: (.*?)\. ", entry[2].replace("\n", " ")), [accepted] if accepted else [], entry[2])
        self.assertRegex(run("probe", "--help").stdout, "(?m)^Usage: microcloud probe ")

    def test_manual_is_good_roff(self):
        for command in ("probe", "node", "query", "fields"):
            path = self.write(run(command, "--help-man").stdout.encode(), "page.1")
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], capture_output=True, text=True, check=False)
            faults = [line for line in done.stdout.splitlines() if "missing date" not in line]  # it would be one of a build
            self.assertEqual(faults, [])

    def complete(self, *words):
        """What bash offers for the last of `words`."""
        script = os.path.join(harness.TOP, "deploy", "completion", "microcloud.bash")
        program = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _microcloud; printf "%s\\n" "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", program, "bash", harness.PROGRAM, *words], capture_output=True, text=True,
                              cwd=self.folder, check=False)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_completion(self):
        self.assertEqual(self.complete("pro"), ["probe"])
        self.assertEqual(self.complete("probe", "--check"), ["--checksums", "--check-config"])
        self.assertEqual(self.complete("probe", "--log-format", ""), ["text", "json"])
        self.assertEqual(self.complete("probe", "-i", "l"), ["lo"])
        self.write(b"", "trace.pcap")
        self.assertEqual(self.complete("probe", "-r", "tra"), ["trace.pcap"])
        self.assertIn("--json-schema", self.complete("fields", "--"))

    def complete_in_zsh(self, line):
        """What becomes of a line when Tab is pressed behind it: zsh completes on a terminal alone."""
        os.symlink(harness.PROGRAM, os.path.join(self.folder, "microcloud"))
        leader, follower = pty.openpty()
        shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=follower, stdout=follower, stderr=follower, cwd=self.folder,
                                 start_new_session=True,
                                 env={**os.environ, "TERM": "dumb", "PATH": self.folder + ":" + os.environ["PATH"]})
        os.close(follower)
        said = b""

        def wait_for(pattern):
            nonlocal said
            deadline = time.monotonic() + harness.TIMEOUT
            while time.monotonic() < deadline:
                if found := re.search(pattern, said):
                    return found
                if select.select([leader], [], [], 0.1)[0]:
                    said += os.read(leader, 65536)
            raise AssertionError(said)
        try:
            functions = os.path.join(harness.TOP, "deploy", "completion")
            os.write(leader, f"PS1=; fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D; "
                             "show() { print -r -- \"<$BUFFER>\" }; zle -N show; bindkey '^G' show; print rea''dy\n".encode())
            wait_for(b"ready")
            said = b""
            os.write(leader, line.encode() + b"\t\x07")
            return wait_for(rb"<(.*?)>")[1].decode()
        finally:
            shell.kill()
            shell.wait()
            os.close(leader)
            os.unlink(os.path.join(self.folder, "microcloud"))

    def test_completion_in_zsh(self):
        self.write(b"", "trace.pcap")
        for begun, whole in (("pro", "probe"), ("probe --check-c", "probe --check-config"), ("fields --markd", "fields --markdown"),
                             ("probe --log-format j", "probe --log-format json"), ("probe -r tra", "probe -r trace.pcap"),
                             ("probe -i l", "probe -i lo")):
            with self.subTest(begun=begun):
                self.assertEqual(self.complete_in_zsh(f"microcloud {begun}"), f"microcloud {whole} ")
