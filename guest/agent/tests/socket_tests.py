"""The agent in its development mode, driven over a Unix socket: python3 socket_tests.py path/of/fastvm-agent [test names]"""

import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import link_client as wire
from link_client import argv, field, frame, Link, shell

AGENT = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "build/fastvm-agent"
MIB = 1024 * 1024


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
    """Each test has an agent of its own, in an empty folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="agent-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.path = os.path.join(self.folder, "link.sock")
        self.agent = subprocess.Popen([AGENT, "--listen", self.path])
        self.addCleanup(self.end_agent)
        self.assertTrue(eventually(self.listens), "the agent does not listen")

    def listens(self):
        """The socket's file is there a moment before anybody may connect."""
        with socket.socket(socket.AF_UNIX) as probe:
            return os.path.exists(self.path) and probe.connect_ex(self.path) == 0

    def end_agent(self):
        status = self.agent.poll()
        self.agent.kill()
        self.agent.wait()
        self.assertIsNone(status, "the agent ended by itself")

    def link(self, **options):
        link = Link(self.path, **options)
        self.addCleanup(link.close)
        return link

    def in_folder(self, name):
        return os.path.join(self.folder, name)

    def pid_from(self, link, stream):
        output = link.streams[stream]
        link.wait(lambda: b"\n" in output.stdout)
        return int(output.stdout.split()[0])


class Sessions(AgentTest):
    def test_welcome_bears_nonce_version_and_boot_id(self):
        link = self.link()
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot_id = bytes.fromhex(file.read().strip().replace("-", ""))
        self.assertEqual(link.welcomes[0], link.nonce + struct.pack("<HHI", 1, 0, 0) + boot_id)

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

    def test_a_file_half_written_before_a_restore_is_removed(self):
        link = self.link(generation=b"a" * 16)
        stream = link.open(wire.OPEN_WRITE, field(wire.PATH, self.in_folder("file")))
        link.data(stream, b"half")
        link.ping()
        link.hello(b"b" * 16)
        self.assertTrue(eventually(lambda: os.listdir(self.folder) == ["link.sock"]))


class Exec(AgentTest):
    def test_output_and_exit_code(self):
        output = self.link().run(shell("printf out; printf err >&2; exit 7"))
        self.assertEqual((output.stdout, output.stderr), (b"out", b"err"))
        code, errno, nanoseconds, diagnostic = output.exit
        self.assertEqual((code, errno, diagnostic), (7, 0, ""))
        self.assertGreater(nanoseconds, 0)

    def test_a_signal_ends_as_128_and_its_number(self):
        self.assertEqual(self.link().run(shell("kill -TERM $$")).exit[0], 128 + signal.SIGTERM)

    def test_what_cannot_be_started(self):
        link = self.link()
        code, errno, _, diagnostic = link.run(argv("/no/such/program")).exit
        self.assertEqual((code, errno), (127, 2))
        self.assertIn("/no/such/program", diagnostic)
        self.assertEqual(link.run(argv("no-such-program")).exit[:2], (127, 2))
        self.assertEqual(link.run(argv("/etc/passwd")).exit[:2], (126, 13))
        self.assertEqual(link.run(argv("/tmp")).exit[:2], (126, 13))
        self.assertEqual(link.run(argv("/bin/true") + field(wire.CWD, "/no/such")).exit[:2], (127, 2))
        self.assertEqual(link.run(argv("/bin/true")).exit[0], 0)

    def test_requests_that_do_not_parse(self):
        link = self.link()
        for request in (b"", argv(""), argv("/bin/true")[:-1], b"\1\0\0", field(wire.ARG, b"a\0b"),
                        struct.pack("<HHI", wire.ARG, 0, 0xFFFFFFFF) + b"x"):
            code, errno, _, _ = link.run(request).exit
            self.assertEqual((code, errno), (126, 22), request)
        code, errno, _, _ = link.run(argv("/bin/true") + field(wire.USER, "nobody-knows-me")).exit
        self.assertEqual((code, errno), (126, 22))

    def test_environment_and_folder(self):
        link = self.link()
        request = argv("/usr/bin/env") + field(wire.ENV, "A=1") + field(wire.ENV, "HOME=/mine")
        lines = set(link.run(request).stdout.decode().split("\n"))
        self.assertTrue({"A=1", "HOME=/mine", "USER=root", "LOGNAME=root"} <= lines, lines)
        self.assertEqual(link.run(argv("pwd") + field(wire.CWD, "/usr")).stdout, b"/usr\n")
        self.assertEqual(link.run(argv("pwd")).stdout, b"/root\n")

    def test_path_is_that_of_the_command(self):
        os.mkdir(self.in_folder("bin"))
        with open(self.in_folder("bin/tool"), "w") as file:
            file.write("echo a script without a first line\n")
        os.chmod(self.in_folder("bin/tool"), 0o755)
        path = field(wire.ENV, "PATH=/no/such:/etc/passwd:" + self.in_folder("bin"))
        self.assertEqual(self.link().run(argv("tool") + path).stdout, b"a script without a first line\n")

    @unittest.skipIf(os.geteuid() != 0, "only root becomes somebody else")
    def test_user(self):
        link = self.link()
        for user in ("nobody", "65534"):
            request = shell("id -u; id -un; echo $USER") + field(wire.USER, user) + field(wire.CWD, "/")
            self.assertEqual(link.run(request).stdout, b"65534\nnobody\nnobody\n")
        output = link.run(shell("id -u; id -g; id -G") + field(wire.USER, "54321") + field(wire.CWD, "/"))
        self.assertEqual(output.stdout, b"54321\n54321\n54321\n")

    def test_limits_on_descriptors(self):
        soft, hard = map(int, self.link().run(shell("ulimit -Sn; ulimit -Hn")).stdout.split())
        self.assertEqual(soft, 1024)
        self.assertGreater(hard, 1024, "a command may raise its own")

    def test_a_clean_start(self):
        script = "import os,signal;print(sorted(int(f) for f in os.listdir('/proc/self/fd'))[:-1] or 0," \
                 "os.getsid(0)==os.getpid()==os.getpgid(0),oct(os.umask(0))," \
                 "[s for s in range(1,32) if signal.getsignal(s) == signal.SIG_IGN]," \
                 "signal.pthread_sigmask(0,[]),open('/proc/self/oom_score_adj').read())"
        # Python itself ignores SIGPIPE and SIGXFSZ.
        output = self.link().run(argv("python3", "-c", script))
        self.assertEqual(output.stdout, b"[0, 1, 2] True 0o22 [13, 25] set() 0\n\n", output.stderr)

    def test_stdin(self):
        link = self.link()
        payload = os.urandom(3 * MIB)
        output = link.run(argv("sha256sum") + field(wire.STDIN, b"\1"), stdin=payload)
        self.assertEqual(output.stdout[:64].decode(), hashlib.sha256(payload).hexdigest())
        self.assertEqual(link.run(argv("cat")).stdout, b"", "without STDIN it is empty")

    def test_stdin_that_nobody_reads_is_taken_all_the_same(self):
        link = self.link()
        output = link.run(shell("exec <&-; sleep 0.3") + field(wire.STDIN, b"\1"), stdin=bytes(2 * MIB))
        self.assertEqual(output.exit[0], 0)

    def test_a_command_that_ends_at_once_survives_its_stdin(self):
        link = self.link()
        for _ in range(20):
            output = link.run(argv("true") + field(wire.STDIN, b"\1"), stdin=bytes(100_000))
            self.assertEqual(output.exit[0], 0)

    def test_signals_go_to_the_group(self):
        link = self.link()
        stream = link.open(wire.OPEN_EXEC, shell("sleep 60 & echo $!; wait"))
        child = self.pid_from(link, stream)
        link.send(wire.SIGNAL, stream, struct.pack("<I", signal.SIGTERM))
        self.assertEqual(link.finish(stream).exit[0], 128 + signal.SIGTERM)
        self.assertTrue(eventually(lambda: not alive(child)))

    def test_signals_out_of_range_do_nothing(self):
        link = self.link()
        stream = link.open(wire.OPEN_EXEC, shell("echo $$; read line; exit 3") + field(wire.STDIN, b"\1"))
        self.pid_from(link, stream)
        for payload in (b"", b"\1", struct.pack("<I", 0), struct.pack("<I", 65), struct.pack("<I", 0xFFFFFFFF)):
            link.send(wire.SIGNAL, stream, payload)
        link.ping()
        link.send(wire.END, stream)
        self.assertEqual(link.finish(stream).exit[0], 3)

    def test_reset_kills_the_group(self):
        link = self.link()
        stream = link.open(wire.OPEN_EXEC, shell("trap '' TERM HUP; sleep 60 & echo $!; wait"))
        child = self.pid_from(link, stream)
        link.send(wire.RESET, stream, struct.pack("<I", 0))
        self.assertTrue(eventually(lambda: not alive(child)))
        link.ping()

    def test_a_background_child_that_holds_stdout_does_not_hold_the_answer(self):
        link = self.link()
        start = time.monotonic()
        output = link.run(shell("(sleep 2; head -c 500000 /dev/zero; echo ok >%s) & echo main" % self.in_folder("ok")))
        self.assertLess(time.monotonic() - start, 1.5)
        self.assertEqual(output.stdout, b"main\n")
        self.assertTrue(eventually(lambda: os.path.exists(self.in_folder("ok"))), "the child died of its closed pipe")

    def test_it_does_not_hold_it_either_while_another_stream_flows(self):
        link = self.link()
        flood = link.open(wire.OPEN_EXEC, argv("cat", "/dev/zero"))
        link.sink = lambda payload: None
        start = time.monotonic()
        output = link.run(shell("sleep 4 & echo $!"))
        self.assertLess(time.monotonic() - start, 2.0)
        self.assertEqual(output.exit[0], 0)
        link.send(wire.RESET, flood)

    def test_two_hundred_mebibytes_arrive_whole(self):
        link = self.link()
        digest, count = hashlib.sha256(), 200 * MIB
        link.sink = digest.update
        script = ("import sys,hashlib;b=bytes(range(256))*4096;h=hashlib.sha256()\n"
                  f"for i in range({count}//len(b)):sys.stdout.buffer.write(b)")
        start = time.monotonic()
        output = link.run(argv("python3", "-c", script), deadline=120)
        elapsed = time.monotonic() - start
        expected = hashlib.sha256()
        for _ in range(count // MIB):
            expected.update(bytes(range(256)) * 4096)
        self.assertEqual(digest.hexdigest(), expected.hexdigest())
        self.assertEqual(output.exit[0], 0)
        print(f"200 MiB of stdout: {200 / elapsed:.0f} MiB/s with a Python reader", flush=True)

    def test_last_output_is_not_cut_for_a_host_that_reads_slowly(self):
        link = self.link()
        link.gives_credit = False
        stream = link.open(wire.OPEN_EXEC, shell("head -c 400000 /dev/zero"))
        output = link.streams[stream]
        link.wait(lambda: len(output.stdout) == wire.WINDOW)
        time.sleep(0.4)
        link.ping()
        self.assertIsNone(output.final)
        link.gives_credit = True
        link.send(wire.CREDIT, stream, struct.pack("<I", wire.WINDOW))
        link.finish(stream)
        self.assertEqual(len(output.stdout), 400_000)

    def test_a_large_request_comes_in_pieces(self):
        link = self.link()
        request = argv("printenv", "BIG") + field(wire.ENV, "BIG=" + "x" * 100_000) + field(wire.ENV, "PATH=/usr/bin:/bin")
        stream = link.open(wire.OPEN_EXEC, request, piece=777)
        self.assertEqual(link.finish(stream).stdout, b"x" * 100_000 + b"\n")

    def test_a_request_beyond_four_mebibytes_is_refused(self):
        link = self.link()
        stream = link.open(wire.OPEN_EXEC, argv("true") + field(wire.ENV, b"A=" + bytes(b"x" * (4 * MIB))))
        self.assertEqual(link.finish(stream).exit[:2], (126, 22))
        # Its tail alone would parse.
        tail = argv("touch", self.in_folder("ran"))
        request = field(wire.ENV, bytes(b"x" * (4 * MIB + wire.MAX_PAYLOAD - 8 - len(tail)))) + tail
        stream = link.open(wire.OPEN_EXEC, request, piece=wire.MAX_PAYLOAD - 1)
        self.assertEqual(link.finish(stream).exit[:2], (126, 22))
        self.assertEqual(link.run(argv("true")).exit[0], 0)
        self.assertFalse(os.path.exists(self.in_folder("ran")))

    def test_no_process_of_the_agent_stays_a_zombie(self):
        link = self.link()
        for _ in range(5):
            link.run(argv("true"))
        children = subprocess.run(["ps", "--ppid", str(self.agent.pid), "-o", "stat="], capture_output=True, text=True)
        self.assertEqual(children.stdout.strip(), "")


class Windows(AgentTest):
    def test_a_stream_without_credit_stops_and_others_flow(self):
        link = self.link()
        link.gives_credit = False
        stuck = link.open(wire.OPEN_EXEC, argv("cat", "/dev/zero"))
        link.wait(lambda: len(link.streams[stuck].stdout) >= wire.WINDOW)
        link.gives_credit = True
        output = link.run(shell("head -c 5000000 /dev/zero"))
        self.assertEqual(len(output.stdout), 5_000_000)
        self.assertEqual(len(link.streams[stuck].stdout), wire.WINDOW)

    def test_stdout_and_stderr_share_the_window(self):
        link = self.link()
        link.gives_credit = False
        stream = link.open(wire.OPEN_EXEC, shell("cat /dev/zero & cat /dev/zero >&2"))
        output = link.streams[stream]
        link.wait(lambda: len(output.stdout) + len(output.stderr) >= wire.WINDOW)
        time.sleep(0.1)
        link.ping()
        self.assertEqual(len(output.stdout) + len(output.stderr), wire.WINDOW)

    def test_too_much_input_resets_the_stream_only(self):
        link = self.link()
        stream = link.open(wire.OPEN_EXEC, shell("echo $$; exec sleep 60") + field(wire.STDIN, b"\1"))
        pid = self.pid_from(link, stream)
        for _ in range(9):
            link.send(wire.DATA, stream, bytes(wire.MAX_PAYLOAD))
            link.streams[stream].received += wire.MAX_PAYLOAD
        self.assertEqual(link.finish(stream).final[0], wire.RESET)
        self.assertTrue(eventually(lambda: not alive(pid)))
        link.ping()

    def test_too_much_credit_resets_the_stream_only(self):
        link = self.link()
        stream = link.open(wire.OPEN_EXEC, shell("exec sleep 60"))
        link.send(wire.CREDIT, stream, struct.pack("<I", 1))
        self.assertEqual(link.finish(stream).final[0], wire.RESET)
        link.ping()

    def test_pings_are_answered_while_streams_flood(self):
        link = self.link()
        link.sink = lambda payload: None
        floods = [link.open(wire.OPEN_EXEC, argv("cat", "/dev/zero")) for _ in range(4)]
        for _ in range(10):
            link.ping(deadline=2)
        for stream in floods:
            link.send(wire.RESET, stream)

    def test_streams_share_the_port(self):
        link = self.link()
        streams = [link.open(wire.OPEN_EXEC, argv("cat", "/dev/zero")) for _ in range(3)]
        link.wait(lambda: sum(len(link.streams[s].stdout) for s in streams) > 60 * MIB)
        counts = sorted(len(link.streams[s].stdout) for s in streams)
        self.assertGreater(counts[0], counts[-1] / 4, counts)

    def test_1024_streams_are_the_bound(self):
        link = self.link()
        first = link.next_stream
        for number in range(1024):
            link.open(wire.OPEN_DIAL, struct.pack("<HH", self.listener(), 0))
        link.wait(lambda: all(link.streams[first + n].done for n in range(1024)), 60)
        self.assertTrue(all(link.streams[first + n].done[0] == 0 for n in range(1024)))
        self.assertEqual(link.run(argv("true")).exit[:2], (126, 24))
        write = link.open(wire.OPEN_WRITE, field(wire.PATH, self.in_folder("file")))
        self.assertEqual(struct.unpack_from("<I", link.finish(write).final[1])[0], 24)
        link.send(wire.RESET, first)
        link.ping()
        self.assertEqual(link.run(argv("true")).exit[0], 0)

    def listener(self):
        if not hasattr(self, "server"):
            self.server = socket.socket()
            self.server.bind(("127.0.0.1", 0))
            self.server.listen(2048)
            self.addCleanup(self.server.close)
        return self.server.getsockname()[1]


class Terminals(AgentTest):
    def terminal(self, rows, columns):
        return field(wire.PTY, struct.pack("<HH", rows, columns)) + field(wire.STDIN, b"\1")

    def test_size_and_resize(self):
        link = self.link()
        script = "stty size; trap 'stty size; exit 5' WINCH; while :; do sleep 0.05; done"
        stream = link.open(wire.OPEN_EXEC, shell(script) + self.terminal(31, 97))
        output = link.streams[stream]
        link.wait(lambda: b"31 97\r\n" in output.stdout)
        time.sleep(0.1)
        link.send(wire.RESIZE, stream, struct.pack("<HH", 40, 132))
        self.assertEqual(link.finish(stream).exit[0], 5)
        self.assertIn(b"40 132\r\n", output.stdout)

    def test_it_is_the_controlling_terminal(self):
        output = self.link().run(shell("tty </dev/tty && echo err >&2; ps -o tty= -p $$") + self.terminal(24, 80))
        self.assertNotIn(b"?", output.stdout)
        self.assertIn(b"err\r\n", output.stdout)
        self.assertEqual(output.stderr, b"")

    def test_end_is_the_end_of_file_character(self):
        link = self.link()
        output = link.run(argv("/bin/cat") + self.terminal(24, 80), stdin=b"line\n")
        self.assertEqual(output.exit[0], 0)
        self.assertEqual(output.stdout.count(b"line"), 2)

    def test_a_command_that_closes_its_terminal_before_it_ends_is_not_hung_up_on(self):
        script = "exec <&- >&- 2>&-; sleep 0.2; echo late >/dev/tty; exit 4"
        output = self.link().run(shell(script) + self.terminal(24, 80))
        self.assertEqual((output.exit[0], output.stdout), (4, b"late\r\n"))

    def test_control_c_interrupts(self):
        link = self.link()
        stream = link.open(wire.OPEN_EXEC, shell("echo $$; exec sleep 60") + self.terminal(24, 80))
        self.pid_from(link, stream)
        link.data(stream, b"\x03")
        self.assertEqual(link.finish(stream).exit[0], 128 + signal.SIGINT)

    def test_all_output_arrives_before_the_exit(self):
        link = self.link()
        for _ in range(5):
            output = link.run(shell("seq 1 20000") + self.terminal(24, 80))
            self.assertTrue(output.stdout.endswith(b"20000\r\n"), output.stdout[-20:])


class Files(AgentTest):
    def write(self, link, request, content):
        stream = link.open(wire.OPEN_WRITE, request)
        link.data(stream, content)
        link.send(wire.END, stream)
        return link.finish(stream).done

    def test_write_and_read_back(self):
        link = self.link()
        content = os.urandom(5 * MIB + 3)
        path = self.in_folder("deep/er/file")
        request = (field(wire.PATH, path) + field(wire.MODE, struct.pack("<I", 0o640))
                   + field(wire.MTIME, struct.pack("<Q", 1_000_000_000)) + field(wire.FLAGS, struct.pack("<I", 1)))
        self.assertEqual(self.write(link, request, content), (0, ""))
        found = os.stat(path)
        self.assertEqual((found.st_mode & 0o7777, found.st_mtime, found.st_size), (0o640, 1_000_000_000, len(content)))
        stream = link.open(wire.OPEN_READ, field(wire.PATH, path))
        self.assertEqual(link.finish(stream).done, (0, ""))
        self.assertEqual(link.streams[stream].stdout, content)
        self.assertEqual(os.listdir(self.in_folder("deep/er")), ["file"])

    def test_a_file_appears_whole_or_not_at_all(self):
        link = self.link()
        path = self.in_folder("file")
        with open(path, "w") as file:
            file.write("old")
        stream = link.open(wire.OPEN_WRITE, field(wire.PATH, path))
        link.data(stream, b"new content")
        link.ping()
        with open(path) as file:
            self.assertEqual(file.read(), "old")
        link.send(wire.RESET, stream)
        link.ping()
        with open(path) as file:
            self.assertEqual(file.read(), "old")
        self.assertEqual(sorted(os.listdir(self.folder)), ["file", "link.sock"])

    def test_what_cannot_be_written(self):
        link = self.link()
        self.assertEqual(self.write(link, field(wire.PATH, self.in_folder("no/file")), b"x")[0], 2)
        self.assertEqual(self.write(link, field(wire.PATH, self.folder), b"x")[0], 21)
        self.assertEqual(self.write(link, field(wire.PATH, "relative"), b"x")[0], 22)
        self.assertEqual(self.write(link, b"", b"x")[0], 22)
        self.assertEqual(sorted(os.listdir(self.folder)), ["link.sock"])

    def test_a_full_disk_leaves_nothing(self):
        link = self.link()
        os.mkdir(self.in_folder("small"))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.in_folder("small")]).returncode != 0:
            self.skipTest("no tmpfs may be mounted")
        self.addCleanup(subprocess.run, ["umount", self.in_folder("small")])
        self.assertEqual(self.write(link, field(wire.PATH, self.in_folder("small/file")), bytes(3 * MIB))[0], 28)
        self.assertEqual(os.listdir(self.in_folder("small")), [])

    def test_what_cannot_be_read(self):
        link = self.link()
        for path, errno in ((self.in_folder("none"), 2), (self.folder, 21), ("/dev/zero", 22), ("relative", 22)):
            stream = link.open(wire.OPEN_READ, field(wire.PATH, path))
            self.assertEqual(link.finish(stream).done[0], errno, path)

    def test_a_pipe_is_refused_and_does_not_block(self):
        link = self.link()
        os.mkfifo(self.in_folder("pipe"))
        stream = link.open(wire.OPEN_READ, field(wire.PATH, self.in_folder("pipe")))
        self.assertEqual(link.finish(stream, 2).done[0], 22)

    def test_a_reader_without_credit_stalls_only_itself(self):
        link = self.link()
        path = self.in_folder("file")
        with open(path, "wb") as file:
            file.write(bytes(MIB))
        link.gives_credit = False
        stream = link.open(wire.OPEN_READ, field(wire.PATH, path))
        link.wait(lambda: len(link.streams[stream].stdout) == wire.WINDOW)
        link.gives_credit = True
        self.assertEqual(link.run(argv("true")).exit[0], 0)
        self.assertEqual(len(link.streams[stream].stdout), wire.WINDOW)


class Connections(AgentTest):
    def setUp(self):
        super().setUp()
        self.server = socket.socket()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(8)
        self.server.settimeout(5)
        self.addCleanup(self.server.close)
        self.port = self.server.getsockname()[1]

    def dial(self, link, host=""):
        stream = link.open(wire.OPEN_DIAL, struct.pack("<HH", self.port, 0) + host.encode())
        link.wait(lambda: link.streams[stream].done is not None)
        peer, _ = self.server.accept()
        self.addCleanup(peer.close)
        peer.settimeout(5)
        return stream, peer

    def test_bytes_both_ways_and_half_closing(self):
        link = self.link()
        stream, peer = self.dial(link, "127.0.0.1")
        link.data(stream, b"to the guest")
        self.assertEqual(peer.recv(100), b"to the guest")
        link.send(wire.END, stream)
        self.assertEqual(peer.recv(100), b"")
        peer.sendall(bytes(MIB))
        peer.shutdown(socket.SHUT_WR)
        link.wait(lambda: link.streams[stream].ended)
        self.assertEqual(len(link.streams[stream].stdout), MIB)

    def test_the_guest_may_end_first(self):
        link = self.link()
        stream, peer = self.dial(link)
        peer.shutdown(socket.SHUT_WR)
        link.wait(lambda: link.streams[stream].ended)
        link.data(stream, bytes(MIB // 4))
        link.send(wire.END, stream)
        received = 0
        while piece := peer.recv(65536):
            received += len(piece)
        self.assertEqual(received, MIB // 4)

    def test_a_refused_connection(self):
        self.server.close()
        link = self.link()
        stream = link.open(wire.OPEN_DIAL, struct.pack("<HH", self.port, 0))
        self.assertEqual(link.finish(stream).done[0], 111)

    def test_a_request_that_does_not_parse(self):
        link = self.link()
        for payload in (b"", b"\1", struct.pack("<HH", 80, 0) + b"not-an-address.example", struct.pack("<HH", 0, 0)):
            stream = link.open(wire.OPEN_DIAL, payload)
            self.assertNotEqual(link.finish(stream).done[0], 0, payload)

    def test_a_reset_closes_the_connection(self):
        link = self.link()
        stream, peer = self.dial(link)
        link.send(wire.RESET, stream)
        try:
            self.assertEqual(peer.recv(100), b"")
        except ConnectionResetError:
            pass

    def test_a_peer_that_does_not_read_stalls_only_itself(self):
        link = self.link()
        stream, _ = self.dial(link)
        output = link.streams[stream]
        for _ in range(400):
            if wire.WINDOW + output.credit - output.received < wire.MAX_PAYLOAD:
                break
            link.send(wire.DATA, stream, bytes(wire.MAX_PAYLOAD))
            output.received += wire.MAX_PAYLOAD
            link.ping()
        self.assertLess(output.credit, output.received)
        self.assertEqual(link.run(argv("true")).exit[0], 0)

    def test_a_forwarded_port_reaches_the_host(self):
        link = self.link()
        probe = socket.socket()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        self.assertEqual(link.identify(field(wire.FORWARD, struct.pack("<H", port))), (0, ""))
        self.assertEqual(link.identify(field(wire.FORWARD, struct.pack("<H", port))), (0, ""), "twice is once")
        client = socket.create_connection(("127.0.0.1", port), 5)
        self.addCleanup(client.close)
        link.wait(lambda: link.forwards)
        stream, at = link.forwards[0]
        self.assertEqual(at, port)
        self.assertTrue(stream & 0x80000000)
        client.sendall(b"question")
        link.wait(lambda: link.streams[stream].stdout == b"question")
        link.send(wire.DATA, stream, b"answer")
        self.assertEqual(client.recv(100), b"answer")


class Identity(AgentTest):
    def test_files_are_written_in_order(self):
        link = self.link()
        path = self.in_folder("etc/machine-id")
        request = b"".join(
            field(wire.FILE, field(wire.PATH, path) + field(wire.MODE, struct.pack("<I", mode)) + field(wire.CONTENT, text))
            for mode, text in ((0o600, "first"), (0o444, "second"))
        )
        self.assertEqual(link.identify(request), (0, ""))
        with open(path) as file:
            self.assertEqual(file.read(), "second")
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o444)

    def test_a_large_identity_comes_in_pieces(self):
        link = self.link()
        content = os.urandom(MIB)
        request = field(wire.FILE, field(wire.PATH, self.in_folder("big")) + field(wire.CONTENT, content))
        self.assertEqual(link.identify(request)[0], 0)
        with open(self.in_folder("big"), "rb") as file:
            self.assertEqual(file.read(), content)

    def test_commands(self):
        link = self.link()
        command = shell("echo done >" + self.in_folder("done"))
        self.assertEqual(link.identify(field(wire.COMMAND, command)), (0, ""))
        self.assertTrue(os.path.exists(self.in_folder("done")))
        errno, text = link.identify(field(wire.COMMAND, argv("/bin/false")))
        self.assertNotEqual(errno, 0)
        self.assertIn("/bin/false", text)

    def test_a_command_that_hangs_is_given_up(self):
        start = time.monotonic()
        errno, text = self.link().identify(field(wire.COMMAND, argv("sleep", "30")))
        self.assertNotEqual(errno, 0)
        self.assertLess(time.monotonic() - start, 6)

    def test_what_failed_is_told_and_nothing_behind_it_is_done(self):
        link = self.link()
        bad = field(wire.FILE, field(wire.PATH, "/proc/no/such") + field(wire.CONTENT, "x"))
        good = field(wire.FILE, field(wire.PATH, self.in_folder("good")) + field(wire.CONTENT, "x"))
        self.assertEqual(link.identify(bad + good), (2, "file /proc/no/such: No such file or directory"))
        self.assertFalse(os.path.exists(self.in_folder("good")))

    def test_broken_fields_are_refused(self):
        link = self.link()
        for request in (b"\1", struct.pack("<HHI", wire.FILE, 0, 99), field(wire.FILE, b"\1\2\3"),
                        field(wire.COMMAND, b""), field(wire.FORWARD, b"\1"), field(wire.FILE, field(wire.PATH, "x"))):
            self.assertEqual(link.identify(request)[0], 22, request)
        large = field(wire.FILE, field(wire.CONTENT, bytes(4 * MIB)))
        self.assertEqual(link.identify(large)[0], 22)
        link.ping()


if __name__ == "__main__":
    unittest.main(verbosity=1)
