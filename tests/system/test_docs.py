"""The user's pages: every option stands on its command's page, every example is accepted, the services' units are good."""
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

import harness
from harness import run

NEED_FILES = {"--metrics-token-file": "/etc", "--key-file": "hash.key", "--tls-ca": "ca.pem", "--tls-cert": "probe.pem", "--tls-key": "probe.key",
              "--cloud-secret-file": "cloud.secret", "--cloud-ca": "ca.pem", "--cloud-cert": "probe.pem", "--cloud-key": "probe.key", "--listen-auth": "users.acl", "--listen-cert": "probe.pem", "--listen-key": "probe.key"}  # of their own kind
PAGES = ("docs/probe.md", "docs/first-steps.md", "docs/collectors.md", "README.md", "docs/node.md", "deploy/README.md")
DOCS = sorted(f"docs/{name}" for name in os.listdir(os.path.join(harness.TOP, "docs")) if name.endswith(".md"))
OF_COMMANDS = {"probe": "docs/probe.md", "node": "docs/node.md", "query": "docs/query.md"}


def page(name):
    with open(os.path.join(harness.TOP, name), encoding="utf-8") as file:
        return file.read()


def examples(name):
    """(command, words) of the command lines in a page's shell blocks, without what stands before and behind in a pipe."""
    for block in re.findall(r"(?ms)^ *```(?:sh)?\n(.*?)^ *```", page(name)):
        for line in block.splitlines():
            found = re.search(r"(?:^|\| |sudo )microcloud (probe|node)\b([^|]*)", line.lstrip("$ "))
            if found:
                yield found[1], shlex.split(found[2], comments=True)


class Pages(unittest.TestCase):
    def test_every_option_is_there(self):
        for command, name in OF_COMMANDS.items():
            text = page(name)
            for line in run(command, "--help-words").stdout.splitlines():
                for option in line.split("\t")[0].split():
                    if option not in ("-h", "--help"):
                        self.assertRegex(text, rf"`{re.escape(option)}[` ,]", f"{name} does not name {option}")

    def test_every_option_has_an_example(self):
        for command, name in OF_COMMANDS.items():
            if command == "query":
                continue  # its page shows questions
            used = {word.split("=")[0] for one in PAGES for by, words in examples(one) if by == command for word in words}
            shown = page(name)
            for line in run(command, "--help-words").stdout.splitlines():
                names = line.split("\t")[0].split()
                if "--help" not in names and not NEED_FILES.keys() & names:
                    self.assertTrue(used.intersection(names), f"no example of {names} of {command}")
        for option, file in NEED_FILES.items():
            self.assertIn(f"{option} {file}", page("docs/probe.md"))

    def test_examples_are_accepted(self):
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "probe.toml")
            with open(config, "w", encoding="ascii") as file:
                file.write('interface = ["eth0"]\n')
            with open(os.path.join(folder, "protocols.txt"), "w", encoding="ascii") as file:
                file.write("tcp:8081@HTTP\n")
            with open(os.path.join(folder, "codecs.txt"), "w", encoding="ascii") as file:
                file.write("PCMU 0 4.3\n")
            for name in ("node.pem", "node.key", "ca.pem"):
                with open(os.path.join(folder, name), "w", encoding="ascii"):
                    pass
            token = os.path.join(folder, "token")
            with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
                file.write("of-the-test\n")
            here = {"/etc/microcloud/probe.toml": config, "/etc/microcloud/node.toml": os.devnull, "/etc/microcloud/metrics-token": token,
                    "node/secrets/probe": token}
            count = 0
            for name in PAGES:
                for command, words in examples(name):
                    words = [here.get(word, word) for word in words]
                    done = subprocess.run([harness.PROGRAM, command, *words, "--check-config"], cwd=folder, text=True,
                                          capture_output=True, check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, ""), f"{name}: {words}")
                    count += 1
        self.assertGreater(count, 25)

    def test_examples_give_what_stands_below_them(self):
        """Of each console block of commands on the shipped captures."""
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "build"))
            os.symlink(harness.PROGRAM, os.path.join(folder, "build", "microcloud"))
            os.symlink(os.path.join(harness.TOP, "captures"), os.path.join(folder, "captures"))
            count = 0
            for name in ("README.md", *DOCS):
                for block in re.findall(r"(?ms)^```\n(\$ .*?)^```", page(name)):
                    if "build/microcloud" not in block:
                        continue
                    words = re.findall(r"(?m)^(?:\$|>) (.*)$", block)
                    shown = re.sub(r"(?m)^(?:\$|>) .*\n", "", block)
                    with self.subTest(page=name, command=words[-1]):
                        done = subprocess.run(["bash", "-c", "\n".join(words)], cwd=folder, text=True, capture_output=True,
                                              timeout=harness.TIMEOUT, check=False)
                        self.assertEqual(done.stdout, shown, done.stderr)
                        count += 1
        self.assertGreater(count, 15)

    def test_configuration_of_the_first_steps(self):
        text = re.search(r"(?ms)^ *```toml\n(.*?)^ *```", page("docs/first-steps.md"))[1]
        with harness.scratch_file(text.encode(), ".toml") as path:
            self.assertEqual(run("probe", "--config", path, "--check-config").status, 0)

    def test_links_lead_somewhere(self):
        for name in (*PAGES, *DOCS):
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page(name)):
                path = os.path.join(harness.TOP, os.path.dirname(name), target)
                self.assertTrue(os.path.exists(path), f"{name} links to {target}")


class Unit(unittest.TestCase):
    name = "microcloud-probe.service"

    def setUp(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not here")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, self.name)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(page(f"deploy/systemd/{self.name}").replace("/usr/bin/microcloud", harness.PROGRAM))

    def test_systemd_takes_it(self):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", self.path], capture_output=True, text=True, check=False)
        said = [line for line in done.stderr.splitlines() if not re.match(r"/(usr/lib|lib|etc)/systemd/", line)]  # other units' faults
        self.assertEqual((done.returncode, said), (0, []))

    def test_exposure_is_what_the_page_says(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", self.path], capture_output=True,
                              text=True, check=False)
        said = re.search(r"exposure level for \S+: (\d+\.\d)", done.stdout)[1]
        self.assertIn(f"rates the exposure {said} of 10", page("deploy/README.md"))


class NodeUnit(Unit):
    name = "microcloud-node.service"


class NodesUnit(Unit):
    name = "microcloud-node@.service"
