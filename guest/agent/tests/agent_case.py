"""What every test over the socket starts from: an agent of its own, in an empty folder of its own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from link_client import Link

MIB = 1024 * 1024
# In half a second. Nothing that waits has a timer; a wake-up or two may be those of a child that ends.
IDLE_WAKEUPS = 2


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(") ", 1)[1][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(condition, seconds=5.0):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


class AgentTest(unittest.TestCase):
    program = "build/fastvm-agent-sanitized"

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="agent-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.path = os.path.join(self.folder, "link.sock")
        self.agent = subprocess.Popen([self.program, "--listen", self.path], restore_signals=False)
        self.addCleanup(self.end_agent)
        self.assertTrue(eventually(self.listens), "the agent does not listen")

    def listens(self):
        """The socket's file is there a moment before anybody may connect."""
        with socket.socket(socket.AF_UNIX) as probe:
            return os.path.exists(self.path) and probe.connect_ex(self.path) == 0

    def end_agent(self):
        """It frees what it has, so that the sanitizer can tell what was forgotten."""
        status = self.agent.poll()
        self.agent.terminate()
        try:
            end = self.agent.wait(10)
        finally:
            self.agent.kill()
            self.agent.wait()
        self.assertIsNone(status, "the agent ended by itself")
        self.assertEqual(end, 0, "the agent did not end well")

    def link(self, **options):
        link = Link(self.path, **options)
        self.addCleanup(link.close)
        return link

    def wakeups(self, seconds):
        """How often it went to sleep and how much time it took, in clock ticks: a busy loop shows in one of them."""
        before = self.activity()
        time.sleep(seconds)
        return self.activity() - before

    def activity(self):
        with open(f"/proc/{self.agent.pid}/status") as status:
            switches = sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
        with open(f"/proc/{self.agent.pid}/stat") as stat:
            return switches + sum(map(int, stat.read().rsplit(") ", 1)[1].split()[11:13]))

    def assert_idle(self):
        """Waits for what is under way to settle: that it settles is what is tested."""
        self.assertTrue(eventually(lambda: self.wakeups(0.5) <= IDLE_WAKEUPS), "the agent does not come to rest")

    def in_folder(self, name):
        return os.path.join(self.folder, name)

    def pid_from(self, link, stream):
        output = link.streams[stream]
        link.wait(lambda: b"\n" in output.stdout)
        return int(output.stdout.split()[0])
