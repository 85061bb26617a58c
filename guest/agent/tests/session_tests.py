"""HELLO, sessions, garbage on the line, and what becomes of streams when the host changes."""

import os
import select
import signal
import socket
import struct
import time

import link_client as wire
from agent_case import AgentTest, alive, eventually
from link_client import argv, field, frame, shell


class Sessions(AgentTest):
    def test_welcome_bears_nonce_version_and_boot_id(self):
        link = self.link()
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot_id = bytes.fromhex(file.read().strip().replace("-", ""))
        self.assertEqual(link.welcomes[0], link.nonce + struct.pack("<HHI", 1, 255, 0) + boot_id)

    def test_a_repeated_hello_is_answered_and_changes_nothing(self):
        link = self.link()
        stream = link.open(wire.OPEN_EXEC, argv("/bin/cat") + field(wire.STDIN, b"\1"))
        link.hello(bytes(16), link.session, link.nonce)
        self.assertEqual(len(link.welcomes), 2)
        link.data(stream, b"still here")
        link.send(wire.END, stream)
        self.assertEqual(link.finish(stream).stdout, b"still here")

    def test_pings_are_echoed(self):
        link = self.link()
        for length in (0, 1, 64):
            payload = bytes(range(length))
            link.send(wire.PING, 0, payload)
            link.wait(lambda: payload in link.pongs)

    def test_frames_are_found_byte_by_byte(self):
        link = self.link(greet=False)
        link.session, link.nonce = 7, bytes(16)
        for byte in frame(wire.HELLO, 7, 0, wire.MARKER + bytes(16) + link.nonce) + frame(wire.PING, 7, 0, b"slow"):
            link.socket.sendall(bytes([byte]))
        link.wait(lambda: link.pongs == [b"slow"])

    def test_nothing_is_answered_before_hello(self):
        link = self.link(greet=False)
        link.session = 7
        link.socket.sendall(frame(wire.PING, 7, 0, b"early"))
        link.pump(0.1)
        link.hello(bytes(16))
        link.ping()
        self.assertNotIn(b"early", link.pongs)

    def test_frames_of_another_session_are_dropped(self):
        link = self.link()
        link.socket.sendall(frame(wire.PING, link.session ^ 0x100, 0, b"other"))
        link.ping()
        self.assertEqual(len(link.pongs), 1)

    def test_a_frame_that_was_cut_is_dropped_by_the_zeros_of_the_next_host(self):
        for cut in (1, 11, 12, 13, 40_000, 65_547):
            link = self.link()
            link.socket.sendall(frame(wire.DATA, link.session, 1, bytes(wire.MAX_PAYLOAD))[:cut])
            link.socket.sendall(wire.ZEROS)
            link.hello(bytes([cut & 255]) * 16)
            link.ping()
            link.close()

    def test_garbage_is_skipped_until_a_hello(self):
        link = self.link()
        garbage = [
            b"\xf4" + frame(wire.PING, link.session, 0, b"x")[1:],
            frame(99, link.session, 0, b"x"),
            frame(wire.PING, link.session, 0, b"x", last=0),
            struct.pack("<BBHII", 0xF5, wire.DATA, link.session, 1, 65_537),
            struct.pack("<BBHII", 0xF5, wire.DATA, link.session, 1, 0xFFFFFFFF),
            b"\xf5" * 70_000,
            os.urandom(300_000),
        ]
        for number, bad in enumerate(garbage):
            link.socket.sendall(bad)
            link.socket.sendall(frame(wire.PING, link.session, 0, b"lost %d" % number))
            link.hello(bytes(16))
            link.ping()
        self.assertFalse([pong for pong in link.pongs if pong.startswith(b"lost")])

    def test_a_half_hello_does_not_hide_the_whole_one_behind_it(self):
        link = self.link(greet=False)
        link.socket.sendall(b"junk" + frame(wire.HELLO, 9, 0, wire.MARKER + bytes(32))[:50])
        link.hello(bytes(16))
        link.ping()


class Floods(AgentTest):
    def test_every_one_of_ten_thousand_small_requests_is_answered(self):
        link = self.link()
        count = 10_000
        for number in range(count):
            link.streams[1 + number] = wire.Output(wire.OPEN_EXEC)
        requests = b"".join(frame(wire.OPEN_EXEC, link.session, 1 + number) for number in range(count))
        # Stopped, the agent finds them all in its first reads.
        os.kill(self.agent.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.agent.pid, signal.SIGCONT)
        link.socket.sendall(requests)
        os.kill(self.agent.pid, signal.SIGCONT)
        link.wait(lambda: all(link.streams[1 + number].final for number in range(count)))
        link.ping()

    def test_frames_of_streams_that_never_were_do_nothing(self):
        link = self.link()
        for kind in (wire.DATA, wire.END, wire.CREDIT, wire.SIGNAL, wire.RESIZE, wire.RESET):
            for stream in (0, 9, 0x80000001, 0xFFFFFFFF):
                link.send(kind, stream, b"\1\0\0\0")
        link.ping()
        self.assertEqual(link.streams, {})

    def test_kinds_that_only_a_guest_sends_do_nothing(self):
        link = self.link()
        stream = link.open(wire.OPEN_EXEC, argv("cat") + field(wire.STDIN, b"\1"))
        for kind in (wire.WELCOME, wire.IDENTITY_DONE, wire.PONG, wire.DATA_ERR, wire.EXIT, wire.DONE, wire.OPEN_FORWARD):
            link.send(kind, stream, b"\1\0\0\0")
        link.send(wire.END, stream)
        self.assertEqual(link.finish(stream).exit[0], 0)


class Generations(AgentTest):
    def start_sleeper(self):
        link = self.link(generation=b"a" * 16)
        stream = link.open(wire.OPEN_EXEC, shell("echo $$; exec sleep 60"))
        return link, self.pid_from(link, stream)

    def test_the_same_generation_kills_what_the_lost_host_had_begun(self):
        link, pid = self.start_sleeper()
        link.hello(b"a" * 16)
        self.assertTrue(eventually(lambda: not alive(pid)))

    def test_it_kills_over_a_new_connection_too(self):
        link, pid = self.start_sleeper()
        link.close()
        self.link(generation=b"a" * 16)
        self.assertTrue(eventually(lambda: not alive(pid)))

    def test_a_new_generation_leaves_processes_running(self):
        link, pid = self.start_sleeper()
        link.hello(b"b" * 16)
        link.ping()
        time.sleep(0.1)
        self.assertTrue(alive(pid))
        os.kill(pid, signal.SIGKILL)

    def test_detached_output_is_thrown_away_and_stdin_closed(self):
        link = self.link(generation=b"a" * 16)
        done = self.in_folder("done")
        # Writes four pipes' worth after the restore, and ends when its stdin does.
        script = f"echo $$; cat >/dev/null; head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; echo ok >{done}"
        stream = link.open(wire.OPEN_EXEC, shell(script) + field(wire.STDIN, b"\1"))
        self.pid_from(link, stream)
        link.hello(b"b" * 16)
        self.assertTrue(eventually(lambda: os.path.exists(done)))
        link.ping()

    def test_detached_output_is_read_while_the_port_is_full(self):
        link = self.link(generation=b"a" * 16)
        go, done = self.in_folder("go"), self.in_folder("done")
        script = f"echo $$; while [ ! -e {go} ]; do sleep 0.02; done; head -c 1000000 /dev/zero; echo ok >{done}"
        self.pid_from(link, link.open(wire.OPEN_EXEC, shell(script)))
        link.hello(b"b" * 16)
        flood = [link.open(wire.OPEN_EXEC, argv("cat", "/dev/zero")) for _ in range(4)]
        self.assertTrue(select.select([link.socket], [], [], 5)[0])
        open(go, "w").close()
        self.assertTrue(eventually(lambda: os.path.exists(done)))
        self.assertTrue(all(not link.streams[s].stdout for s in flood), "the host did not read")

    def test_a_file_half_written_before_a_restore_is_removed(self):
        link = self.link(generation=b"a" * 16)
        stream = link.open(wire.OPEN_WRITE, field(wire.PATH, self.in_folder("file")))
        link.data(stream, b"half")
        link.ping()
        link.hello(b"b" * 16)
        self.assertTrue(eventually(lambda: os.listdir(self.folder) == ["link.sock"]))
