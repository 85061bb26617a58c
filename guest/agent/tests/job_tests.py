"""Commands in the background: whose they are not, what is kept of them, and who may look."""

import os
import signal
import struct
import time

import link_client as wire
from agent_case import AgentTest, alive, eventually
from link_client import argv, field, shell

STDIN = field(wire.STDIN, b"\1")
KIB = 1024


def fields(data):
    found, at = [], 0
    while at < len(data):
        tag, _, length = struct.unpack_from("<HHI", data, at)
        found.append((tag, bytes(data[at + 8 : at + 8 + length])))
        at += 8 + length
    return found


class Jobs(AgentTest):
    def ask(self, link, verb, job=None, more=b""):
        """The stream of a question about a job."""
        request = field(wire.JOB_VERB, struct.pack("<H", verb)) + more
        if job is not None:
            request += field(wire.JOB, job)
        return link.open(wire.OPEN_JOB, request)

    def errno_of(self, link, verb, job=None, more=b""):
        return link.finish(self.ask(link, verb, job, more)).done[0]

    def start(self, link, job, request):
        self.assertEqual(self.errno_of(link, wire.JOB_START, job, request), 0)

    def attach(self, link, job, offset=0, more=b""):
        return self.ask(link, wire.JOB_ATTACH, job, field(wire.OFFSET, struct.pack("<Q", offset)) + more)

    def output(self, link, job, offset=0):
        return link.finish(self.attach(link, job, offset))

    def put(self, link, job, data, closes=False):
        stream = self.ask(link, wire.JOB_INPUT, job, field(wire.CLOSES, b"") if closes else b"")
        link.data(stream, data)
        if link.streams[stream].final is None:
            link.send(wire.END, stream)
        return stream

    def list(self, link, job=None):
        told = fields(link.finish(self.ask(link, wire.JOB_LIST, job)).stdout)
        self.assertTrue(all(tag == wire.JOB_INFO for tag, _ in told))
        return [dict(fields(info)) for _, info in told]

    def test_output_and_end_are_kept_for_whoever_comes(self):
        link = self.link()
        self.start(link, "a", shell("echo one; sleep 0.05; echo two >&2; sleep 0.05; echo three; exit 7"))
        for _ in range(2):
            output = self.output(link, "a")
            self.assertEqual((output.stdout, output.stderr), (b"one\nthree\n", b"two\n"))
            self.assertEqual(output.exit[0], 7)
            self.assertEqual(output.places, [(0, 0)])
        self.assertEqual(self.output(link, "a", 4).stdout, b"three\n")
        self.assertEqual(self.output(link, "a", 1 << 60).stdout, b"")

    def test_what_is_told_of_one(self):
        link = self.link()
        self.start(link, "told", argv("/bin/sh", "-c", "exit 3") + field(wire.CWD, "/"))
        self.output(link, "told")
        self.start(link, "other", shell("sleep 60"))
        info = self.list(link, "told")[0]
        self.assertEqual((info[wire.JOB], info[wire.CWD]), (b"told", b"/"))
        self.assertEqual(struct.unpack_from("<iI", info[wire.ENDED]), (3, 0))
        self.assertLess(abs(struct.unpack("<Q", info[wire.STARTED])[0] / 1e9 - time.time()), 600)
        self.assertEqual([each[wire.JOB] for each in self.list(link)], [b"told", b"other"])
        self.assertNotIn(wire.ENDED, self.list(link, "other")[0])
        self.assertEqual(self.list(link, "nobody"), [])

    def test_long_commands_are_shown_cut(self):
        link = self.link()
        self.start(link, "long", argv("/bin/true", "x" * 7000, "y" * 7000, "z"))
        info = self.list(link, "long")[0]
        self.assertIn(wire.CUT, info)
        self.assertEqual(info[wire.ARG], b"x" * 7000)

    def test_it_outlives_stream_link_and_restore(self):
        link = self.link(generation=b"A" * 16)
        self.start(link, "a", shell("echo $$; read line; echo got $line") + STDIN)
        stream = self.attach(link, "a")
        pid = self.pid_from(link, stream)
        link.send(wire.RESET, stream, struct.pack("<I", 0))
        link.close()
        link = self.link(generation=b"A" * 16)
        self.assertTrue(alive(pid))
        self.assertEqual(struct.unpack("<I", self.list(link, "a")[0][wire.RESTORES])[0], 0)
        link.close()
        link = self.link(generation=b"B" * 16)
        info = self.list(link, "a")[0]
        self.assertEqual(struct.unpack("<I", info[wire.RESTORES])[0], 1)
        self.assertEqual(struct.unpack("<QQQ", info[wire.OUTPUT]), (0, len(f"{pid}\n"), len(f"{pid}\n")))
        self.put(link, "a", b"it\n")
        self.assertEqual(self.output(link, "a").stdout, f"{pid}\ngot it\n".encode())

    def test_the_oldest_output_gives_way_and_is_counted(self):
        link = self.link()
        ring = field(wire.RING_BYTES, struct.pack("<I", 64 * KIB))
        self.start(link, "a", shell("seq 1 200000; exit 5") + ring)
        everything = b"".join(b"%d\n" % number for number in range(1, 200001))
        self.assertTrue(eventually(lambda: wire.ENDED in self.list(link, "a")[0]))
        output = self.output(link, "a")
        first = output.places[0][0]
        self.assertGreater(first, 0)
        self.assertGreaterEqual(len(output.stdout), 32 * KIB)
        self.assertEqual(output.stdout, everything[first:])
        self.assertEqual(output.exit[0], 5)

    def test_a_reader_who_does_not_read_holds_nobody_up_and_is_told_what_it_lost(self):
        link = self.link()
        link.gives_credit = False
        ring = field(wire.RING_BYTES, struct.pack("<I", 64 * KIB))
        self.start(link, "a", shell("read go; seq 1 200000") + STDIN + ring)
        slow = self.attach(link, "a")
        self.put(link, "a", b"go\n")
        self.assertTrue(eventually(lambda: wire.ENDED in self.list(link, "a")[0], 20))
        everything = b"".join(b"%d\n" % number for number in range(1, 200001))
        output = link.streams[slow]
        self.assertLessEqual(len(output.stdout), wire.WINDOW)
        link.gives_credit = True
        link.send(wire.CREDIT, slow, struct.pack("<I", len(output.stdout)))
        link.finish(slow)
        self.assertGreater(len(output.places), 1)
        pieces = output.places + [(None, len(output.stdout))]
        for (offset, start), (_, end) in zip(pieces, pieces[1:]):
            self.assertEqual(output.stdout[start:end], everything[offset : offset + end - start])
        self.assertEqual(pieces[-2][0] + len(output.stdout) - pieces[-2][1], len(everything))

    def test_channels_are_kept_apart_and_in_order(self):
        link = self.link()
        script = "for i in $(seq 50); do echo o$i; sleep 0.002; echo e$i >&2; sleep 0.002; done"
        self.start(link, "a", shell(script))
        output = self.output(link, "a")
        self.assertEqual(output.stdout, b"".join(b"o%d\n" % n for n in range(1, 51)))
        self.assertEqual(output.stderr, b"".join(b"e%d\n" % n for n in range(1, 51)))

    def test_several_attach_at_once_and_a_look_ends_where_output_ends_now(self):
        link = self.link()
        self.start(link, "a", shell("echo first; read x; echo $x") + STDIN)
        streams = [self.attach(link, "a") for _ in range(3)]
        link.wait(lambda: all(link.streams[s].stdout == b"first\n" for s in streams))
        look = link.finish(self.attach(link, "a", more=field(wire.FOLLOW, b"\0")))
        self.assertEqual((look.stdout, look.done), (b"first\n", (0, "")))
        self.put(link, "a", b"last\n")
        for stream in streams:
            self.assertEqual(link.finish(stream).stdout, b"first\nlast\n")

    def test_input_is_answered_when_the_command_has_it(self):
        link = self.link()
        self.start(link, "a", shell("sleep 0.2; wc -c; exec <&-; sleep 60") + STDIN)
        everything = bytes(1_000_000)
        self.assertEqual(link.finish(self.put(link, "a", everything)).done[0], 0)
        self.assertEqual(link.finish(self.put(link, "a", b"", closes=True)).done[0], 0)
        stream = self.attach(link, "a")
        link.wait(lambda: link.streams[stream].stdout == b"1000000\n")
        self.assertNotEqual(link.finish(self.put(link, "a", b"more")).done[0], 0)

    def test_input_of_one_without_any(self):
        link = self.link()
        self.start(link, "a", shell("cat; sleep 60"))
        self.assertEqual(link.finish(self.ask(link, wire.JOB_INPUT, "a")).done[0], 32)

    def test_input_that_nobody_reads_ends_with_the_command(self):
        link = self.link()
        self.start(link, "a", shell("exec sleep 60") + STDIN)
        stream = self.ask(link, wire.JOB_INPUT, "a")
        for _ in range(7):
            link.send(wire.DATA, stream, bytes(64 * KIB))
            link.streams[stream].received += 64 * KIB
            link.ping()
        self.assertEqual(self.errno_of(link, wire.JOB_SIGNAL, "a", field(wire.SIGNAL_NUMBER, struct.pack("<I", 9))), 0)
        self.assertEqual(link.finish(stream).done[0], 32)

    def test_signals_reach_the_whole_group(self):
        link = self.link()
        self.start(link, "a", shell("sleep 60 & echo $!; wait"))
        stream = self.attach(link, "a")
        child = self.pid_from(link, stream)
        number = field(wire.SIGNAL_NUMBER, struct.pack("<I", signal.SIGTERM))
        self.assertEqual(self.errno_of(link, wire.JOB_SIGNAL, "a", number), 0)
        self.assertEqual(link.finish(stream).exit[0], 128 + signal.SIGTERM)
        self.assertTrue(eventually(lambda: not alive(child)))
        self.assertEqual(self.errno_of(link, wire.JOB_SIGNAL, "a", number), 3)

    def test_removal_kills_and_forgets(self):
        link = self.link()
        self.start(link, "a", shell("sleep 60 & echo $$; wait"))
        stream = self.attach(link, "a")
        pid = self.pid_from(link, stream)
        self.assertEqual(self.errno_of(link, wire.JOB_REMOVE, "a"), 0)
        self.assertEqual(link.finish(stream).final[0], wire.RESET)
        self.assertTrue(eventually(lambda: not alive(pid)))
        self.assertEqual(self.list(link), [])
        self.assertEqual(self.errno_of(link, wire.JOB_REMOVE, "a"), 2)

    def test_its_time_limit_is_kept_by_the_agent(self):
        link = self.link()
        self.start(link, "a", shell("echo $$; sleep 60") + field(wire.TIMEOUT_MS, struct.pack("<Q", 300)))
        pid = self.pid_from(link, self.attach(link, "a"))
        self.assertTrue(eventually(lambda: not alive(pid)))
        output = self.output(link, "a")
        self.assertEqual(output.exit[:2], (137, 110))
        self.assertEqual(self.list(link, "a")[0][wire.ENDED][-1], 1)

    def test_one_that_cannot_be_started_is_over_and_says_why(self):
        link = self.link()
        self.start(link, "a", argv("/no/such"))
        output = self.output(link, "a")
        self.assertEqual(output.exit[:2], (127, 2))
        self.assertIn(b"/no/such: No such file", output.stderr)
        self.start(link, "b", argv("/bin/true") + field(wire.USER, "nobody-of-that-name"))
        self.assertEqual(self.output(link, "b").exit[0], 126)

    def test_a_terminal_with_size_input_and_end(self):
        link = self.link()
        terminal = field(wire.PTY, struct.pack("<HH", 31, 97)) + STDIN
        self.start(link, "a", shell("trap 'stty size' WINCH; stty size; cat; exit 4") + terminal)
        stream = self.attach(link, "a")
        link.wait(lambda: b"31 97\r\n" in link.streams[stream].stdout)
        larger = field(wire.PTY, struct.pack("<HH", 40, 132))
        self.assertEqual(self.errno_of(link, wire.JOB_RESIZE, "a", larger), 0)
        link.finish(self.put(link, "a", b"hello\n"))
        link.finish(self.put(link, "a", b"", closes=True))
        output = link.finish(stream)
        self.assertEqual(output.exit[0], 4)
        self.assertEqual(output.stdout.count(b"hello"), 2)
        self.assertIn(b"40 132", output.stdout)
        self.start(link, "pipes", shell("sleep 60"))
        self.assertEqual(self.errno_of(link, wire.JOB_RESIZE, "pipes", larger), 25)

    def test_ended_ones_give_way_and_no_more_than_so_many_run(self):
        link = self.link()
        self.start(link, "first", argv("/bin/true"))
        self.output(link, "first")
        for number in range(127):
            self.start(link, f"running-{number}", argv("/bin/sleep", "60"))
        self.assertEqual(self.errno_of(link, wire.JOB_START, "running-0", argv("/bin/true")), 17)
        self.start(link, "one-more", argv("/bin/sleep", "60"))
        self.assertEqual(len(self.list(link)), 128)
        self.assertEqual(self.list(link, "first"), [])
        self.assertEqual(self.errno_of(link, wire.JOB_START, "too-many", argv("/bin/true")), 24)

    def test_a_child_that_holds_the_output_does_not_hold_the_end(self):
        link = self.link()
        self.start(link, "a", shell("(sleep 30; echo late) & echo $!; echo done"))
        output = self.output(link, "a")
        self.assertEqual(output.stdout.split()[1], b"done")
        self.assertTrue(alive(int(output.stdout.split()[0])))
        os.kill(int(output.stdout.split()[0]), signal.SIGKILL)

    def test_an_agent_with_jobs_and_readers_rests(self):
        link = self.link()
        self.start(link, "a", shell("echo up; exec sleep 60") + STDIN)
        stream = self.attach(link, "a")
        self.ask(link, wire.JOB_INPUT, "a")
        link.wait(lambda: link.streams[stream].stdout)
        self.assert_idle()

    def test_requests_that_are_broken(self):
        link = self.link()
        self.assertEqual(self.errno_of(link, wire.JOB_START, "a"), 22)
        self.assertEqual(self.errno_of(link, wire.JOB_START, None, argv("/bin/true")), 22)
        self.assertEqual(self.errno_of(link, wire.JOB_START, "x" * 65, argv("/bin/true")), 22)
        self.assertEqual(self.errno_of(link, 99, "a"), 2)
        self.assertEqual(self.errno_of(link, wire.JOB_ATTACH, "a"), 2)
        link.ping()
