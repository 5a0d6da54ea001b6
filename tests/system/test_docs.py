"""The user's pages: every option stands in docs/probe.md, every example is accepted, the service's unit is good."""
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

import harness
from harness import run

NEED_FILES = {"--metrics-token-file": "/etc", "--tls-ca": "ca.pem", "--tls-cert": "probe.pem", "--tls-key": "probe.key"}  # of their own kind
PAGES = ("docs/probe.md", "docs/first-steps.md", "docs/collectors.md", "README.md")


def page(name):
    with open(os.path.join(harness.TOP, name), encoding="utf-8") as file:
        return file.read()


def examples(name):
    """The probe's command lines in a page's shell blocks, without what stands before and behind it in a pipe."""
    for block in re.findall(r"(?ms)^ *```(?:sh)?\n(.*?)^ *```", page(name)):
        for line in block.splitlines():
            found = re.search(r"microcloud probe ([^|]*)", line.lstrip("$ "))
            if found and not line.lstrip().startswith("#"):
                yield shlex.split(found[1], comments=True)


class Pages(unittest.TestCase):
    def test_every_option_is_there(self):
        text = page("docs/probe.md")
        for line in run("probe", "--help-words").stdout.splitlines():
            for name in line.split("\t")[0].split():
                if name != "-h":
                    self.assertRegex(text, rf"`{re.escape(name)}[` ]", f"docs/probe.md does not name {name}")

    def test_every_option_has_an_example(self):
        used = {word.split("=")[0] for name in PAGES for words in examples(name) for word in words}
        shown = page("docs/probe.md")
        for line in run("probe", "--help-words").stdout.splitlines():
            names = line.split("\t")[0].split()
            if "--help" not in names and not NEED_FILES.keys() & names:
                self.assertTrue(used.intersection(names), f"no example of {names}")
        for name, file in NEED_FILES.items():
            self.assertIn(f"{name} {file}", shown)

    def test_examples_are_accepted(self):
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "probe.toml")
            with open(config, "w", encoding="ascii") as file:
                file.write('interface = ["eth0"]\n')
            with open(os.path.join(folder, "protocols.txt"), "w", encoding="ascii") as file:
                file.write("tcp:8081@HTTP\n")
            count = 0
            for name in PAGES:
                for words in examples(name):
                    words = [config if word == "/etc/microcloud/probe.toml" else word for word in words]
                    done = subprocess.run([harness.PROGRAM, "probe", *words, "--check-config"], cwd=folder, text=True,
                                          capture_output=True, check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, ""), f"{name}: {words}")
                    count += 1
        self.assertGreater(count, 25)

    def test_configuration_of_the_first_steps(self):
        text = re.search(r"(?ms)^ *```toml\n(.*?)^ *```", page("docs/first-steps.md"))[1]
        with harness.scratch_file(text.encode(), ".toml") as path:
            self.assertEqual(run("probe", "--config", path, "--check-config").status, 0)

    def test_links_lead_somewhere(self):
        for name in (*PAGES, "deploy/README.md", "docs/architecture.md"):
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page(name)):
                path = os.path.join(harness.TOP, os.path.dirname(name), target)
                self.assertTrue(os.path.exists(path), f"{name} links to {target}")


class Unit(unittest.TestCase):
    def setUp(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not here")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "microcloud-probe.service")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(page("deploy/systemd/microcloud-probe.service").replace("/usr/bin/microcloud", harness.PROGRAM))

    def test_systemd_takes_it(self):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", self.path], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_exposure_is_what_the_page_says(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", self.path], capture_output=True,
                              text=True, check=False)
        said = re.search(r"exposure level for \S+: (\d+\.\d)", done.stdout)[1]
        self.assertIn(f"rates the exposure {said} of 10", page("deploy/README.md"))
