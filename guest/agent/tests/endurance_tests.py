"""What must stay near zero however long the agent lives: descriptors, zombies, and its use of the processor when nothing moves."""

import os
import select
import struct
import subprocess

import link_client as wire
from agent_case import AgentTest, MIB, eventually
from link_client import argv, field, shell

class Endurance(AgentTest):
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.agent.pid}/fd"))

    def test_five_hundred_commands_leave_nothing(self):
        link = self.link()
        link.run(argv("true"))
        before = self.descriptors()
        for number in range(500):
            request = argv("true") + (field(wire.STDIN, b"\1") if number % 2 else b"")
            self.assertEqual(link.run(request).exit[0], 0)
        self.assertTrue(eventually(lambda: self.descriptors() <= before), f"{before} became {self.descriptors()}")
        children = subprocess.run(["ps", "--ppid", str(self.agent.pid), "-o", "stat="], capture_output=True, text=True)
        self.assertEqual(children.stdout.strip(), "")

    def test_streams_that_fail_or_are_reset_leave_no_descriptor(self):
        link = self.link()
        link.run(argv("true"))
        before = self.descriptors()
        for number in range(50):
            link.run(argv("/no/such/program"))
            link.run(argv("true") + field(wire.PTY, struct.pack("<HH", 24, 80)))
            link.finish(link.open(wire.OPEN_READ, field(wire.PATH, self.folder)))
            link.finish(link.open(wire.OPEN_DIAL, struct.pack("<HH", 1, 0)))
            for kind, request in ((wire.OPEN_WRITE, field(wire.PATH, self.in_folder("file"))),
                                  (wire.OPEN_EXEC, argv("cat") + field(wire.STDIN, b"\1"))):
                stream = link.open(kind, request)
                link.send(wire.DATA, stream, b"x")
                link.send(wire.RESET, stream)
            link.ping()
        self.assertTrue(eventually(lambda: self.descriptors() <= before), f"{before} became {self.descriptors()}")

    def test_fifty_blocked_and_detached_streams_cost_no_time(self):
        link = self.link(generation=b"a" * 16)
        self.open_idle_streams(link, 25)
        link.hello(b"b" * 16)
        link.gives_credit = False
        streams = self.open_idle_streams(link, 5)
        stuck = [link.open(wire.OPEN_EXEC, shell("cat /dev/zero")) for _ in range(5)]
        ended = [link.open(wire.OPEN_EXEC, shell("head -c 300000 /dev/zero")) for _ in range(5)]
        with open(self.in_folder("large"), "wb") as file:
            file.truncate(MIB)
        reads = [link.open(wire.OPEN_READ, field(wire.PATH, self.in_folder("large"))) for _ in range(5)]
        link.wait(lambda: all(len(link.streams[s].stdout) == wire.WINDOW for s in stuck + ended + reads))
        full = [link.open(wire.OPEN_EXEC, shell("sleep 60") + field(wire.STDIN, b"\1")) for _ in range(5)]
        for stream in full:
            for _ in range(4):
                link.send(wire.DATA, stream, bytes(wire.MAX_PAYLOAD))
                link.streams[stream].received += wire.MAX_PAYLOAD
        link.ping()
        self.assert_idle()
        self.assertFalse([s for s in streams + stuck + ended + reads + full if link.streams[s].final])

    def open_idle_streams(self, link, count):
        scripts = ("exec sleep 60", "exec 0<&- 1>&- 2>&-; exec sleep 60", "sleep 60 & exec sleep 60")
        return [link.open(wire.OPEN_EXEC, shell(scripts[n % 3]) + field(wire.STDIN, b"\1")) for n in range(count)]

    def test_a_host_that_does_not_read_costs_no_time(self):
        link = self.link()
        for _ in range(4):
            link.open(wire.OPEN_EXEC, argv("cat", "/dev/zero"))
        self.assertTrue(select.select([link.socket], [], [], 5)[0])
        link_is_full = lambda: self.wakeups(0.1) == 0
        self.assertTrue(eventually(link_is_full), "the agent goes on and on")
        self.assert_idle()

    def test_a_file_that_is_never_ready_costs_no_time(self):
        """/proc has files that are regular by name and pipes by nature."""
        link = self.link()
        link.gives_credit = True
        stream = link.open(wire.OPEN_READ, field(wire.PATH, "/proc/kmsg"))
        output = link.finish(stream, 5)
        self.assertNotEqual(output.done[0], 0)
        self.assert_idle()
