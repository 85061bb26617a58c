"""Commands: how they start, what they read and write, how they end."""

import hashlib
import os
import resource
import signal
import struct
import subprocess
import time
import unittest

import link_client as wire
from agent_case import AgentTest, MIB, alive, eventually
from link_client import argv, field, shell


class Exec(AgentTest):
    def test_output_and_exit_code(self):
        output = self.link().run(shell("printf out; printf err >&2; exit 7"))
        self.assertEqual((output.stdout, output.stderr), (b"out", b"err"))
        code, errno, nanoseconds, diagnostic = output.exit
        self.assertEqual((code, errno, diagnostic), (7, 0, ""))
        self.assertGreater(nanoseconds, 0)

    def test_a_signal_ends_as_128_and_its_number(self):
        self.assertEqual(self.link().run(shell("kill -TERM $$")).exit[0], 128 + signal.SIGTERM)

    def test_its_process_and_the_signal_that_ends_it_are_told_where_that_is_asked(self):
        link, tell = self.link(), field(wire.TELL_PROCESS, b"")
        output = link.run(shell("echo $$") + tell)
        self.assertEqual(output.processes, [(int(output.stdout), 0)])
        output = link.run(shell("echo $$; kill -TERM $$") + tell)
        self.assertEqual(output.processes, [(int(output.stdout), 0), (int(output.stdout), signal.SIGTERM)])
        self.assertEqual(link.run(shell("exit 143") + tell).processes[1:], [])
        self.assertEqual(link.run(argv("/no/such/program") + tell).processes, [])
        self.assertEqual(link.run(shell("kill -TERM $$")).processes, [])

    def test_what_cannot_be_started(self):
        link = self.link()
        code, errno, _, diagnostic = link.run(argv("/no/such/program")).exit
        self.assertEqual((code, errno), (127, 2))
        self.assertIn("/no/such/program", diagnostic)
        self.assertEqual(link.run(argv("no-such-program")).exit[:2], (127, 2))
        self.assertEqual(link.run(argv("/etc/passwd")).exit[:2], (126, 13))
        self.assertEqual(link.run(argv("/tmp")).exit[:2], (126, 13))
        code, errno, _, diagnostic = link.run(argv("/bin/true") + field(wire.CWD, "/no/such")).exit
        self.assertEqual((code, errno, diagnostic), (127, 2, "/no/such: No such file or directory"))
        self.assertEqual(link.run(argv("/bin/true")).exit[0], 0)

    def test_requests_that_do_not_parse(self):
        link = self.link()
        for request in (b"", argv(""), argv("/bin/true")[:-1], b"\1\0\0", field(wire.ARG, b"a\0b"),
                        argv("/bin/true") + field(wire.ARG, b"a\0b"), argv("/bin/true") + field(wire.ENV, b"A\0"),
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
        workdir = field(wire.WORKDIR, "/usr")
        self.assertEqual(link.run(argv("pwd") + workdir).stdout, b"/usr\n")
        self.assertEqual(link.run(argv("pwd") + workdir + field(wire.CWD, "/etc")).stdout, b"/etc\n")
        for gone in ("/no/such", "/etc/passwd"):
            self.assertEqual(link.run(argv("pwd") + field(wire.WORKDIR, gone)).stdout, b"/root\n")

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

    @unittest.skipIf(os.geteuid() != 0, "only root becomes somebody else")
    def test_a_user_with_a_group(self):
        link = self.link()
        for user, group in (("nobody:daemon", b"1"), ("65534:54321", b"54321")):
            output = link.run(shell("id -u; id -g; id -G") + field(wire.USER, user) + field(wire.CWD, "/"))
            self.assertEqual(output.stdout, b"65534\n%s\n%s\n" % (group, group))
        for user in ("nobody:no-such-group", "nobody-knows-me:daemon", ":daemon", "nobody:"):
            self.assertEqual(link.run(argv("/bin/true") + field(wire.USER, user)).exit[:2], (126, 22), user)

    def test_limits_that_are_asked_for(self):
        def limit(resource, soft, hard):
            return field(wire.LIMIT, struct.pack("<IQQ", resource, soft, hard))

        link = self.link()
        limits = limit(resource.RLIMIT_NOFILE, 100, 200) + limit(resource.RLIMIT_CORE, 0, 0)
        output = link.run(shell("ulimit -Sn; ulimit -Hn; ulimit -c; sh -c 'ulimit -n'") + limits)
        self.assertEqual(output.stdout, b"100\n200\n0\n100\n")
        for broken in (limit(16, 1, 1), limit(7, 2, 1), field(wire.LIMIT, b"x"), limit(0, 1, 2) * 17):
            self.assertEqual(link.run(argv("/bin/true") + broken).exit[:2], (126, 22))
        self.assertEqual(link.run(shell("ulimit -Sn")).exit[0], 0)

    @unittest.skipIf(os.geteuid() != 0, "only root has what is taken")
    def test_a_restricted_command(self):
        script = "grep -E '^(NoNewPrivs|CapEff|CapBnd|CapPrm)' /proc/self/status"
        link = self.link()
        lines = link.run(shell(script) + field(wire.RESTRICTED, b"")).stdout.split()
        found = dict(zip(map(bytes, lines[::2]), lines[1::2]))
        self.assertEqual(found[b"NoNewPrivs:"], b"1")
        for name in (b"CapEff:", b"CapPrm:", b"CapBnd:"):
            self.assertEqual(int(found[name], 16) >> 21 & 1, 0, name)
            self.assertNotEqual(int(found[name], 16), 0)
        self.assertIn(b"NoNewPrivs:\t0", link.run(shell(script)).stdout)

    def test_limits_on_descriptors(self):
        soft, hard = map(int, self.link().run(shell("ulimit -Sn; ulimit -Hn")).stdout.split())
        # A container may deny more than it was given itself.
        self.assertEqual(soft, min(65536, hard))
        self.assertGreaterEqual(hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1], "a command may raise its own")

    def test_a_clean_start(self):
        script = "import os,signal;print(sorted(int(f) for f in os.listdir('/proc/self/fd'))[:-1] or 0," \
                 "os.getsid(0)==os.getpid()==os.getpgid(0),oct(os.umask(0))," \
                 "[s for s in range(1,32) if signal.getsignal(s) == signal.SIG_IGN]," \
                 "signal.pthread_sigmask(0,[]),open('/proc/self/oom_score_adj').read())"
        # Python itself ignores SIGPIPE and SIGXFSZ.
        output = self.link().run(argv("python3", "-c", script))
        self.assertEqual(output.stdout, b"[0, 1, 2] True 0o22 [13, 25] set() 0\n\n", output.stderr)

    def test_no_signal_is_ignored_or_blocked(self):
        """The agent itself ignores some, and inherits more of them from Python here."""
        output = self.link().run(argv("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"))
        _, blocked, _, ignored = output.stdout.split()
        self.assertEqual(int(blocked, 16), 0)
        # The C library keeps 32 and 33 to itself: whoever was started with them ignored cannot change it, and hands them on.
        kept_by_libc = 1 << 31 | 1 << 32
        self.assertEqual(int(ignored, 16) & ~kept_by_libc, 0)

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

    def test_output_that_somebody_takes_out_of_the_pipe_again_is_not_waited_for(self):
        link = self.link()
        link.gives_credit = False
        go, done = self.in_folder("go"), self.in_folder("done")
        thief = f"while [ ! -e {go} ]; do sleep 0.02; done; head -c 1000 </proc/self/fd/1 >{done}; sleep 60"
        stream = link.open(wire.OPEN_EXEC, shell(f"({thief}) & head -c {wire.WINDOW + 1000} /dev/zero; echo $$ >{done}.pid"))
        output = link.streams[stream]
        link.wait(lambda: len(output.stdout) == wire.WINDOW)
        self.assertTrue(eventually(lambda: os.path.exists(done + ".pid") and os.path.getsize(done + ".pid") > 0))
        with open(done + ".pid") as file:
            pid = int(file.read())
        self.assertTrue(eventually(lambda: not os.path.exists(f"/proc/{pid}")), "it was not reaped")
        open(go, "w").close()
        self.assertTrue(eventually(lambda: os.path.exists(done) and os.path.getsize(done) == 1000))
        link.gives_credit = True
        link.send(wire.CREDIT, stream, struct.pack("<I", wire.WINDOW))
        self.assertEqual(link.finish(stream, 5).exit[0], 0)

    def test_a_large_request_comes_in_pieces(self):
        link = self.link()
        request = argv("printenv", "BIG") + field(wire.ENV, "BIG=" + "x" * 100_000) + field(wire.ENV, "PATH=/usr/bin:/bin")
        stream = link.open(wire.OPEN_EXEC, request, piece=777)
        self.assertEqual(link.finish(stream).stdout, b"x" * 100_000 + b"\n")

    def test_a_request_that_is_not_finished_does_not_mix_with_the_next(self):
        link = self.link()
        link.send(wire.MORE, 7, argv("/bin/false") + b"\1\0")
        self.assertEqual(link.run(argv("/bin/true")).exit[0], 0)
        link.send(wire.MORE, 8, argv("/bin/false"))
        link.hello(bytes(16))
        self.assertEqual(link.finish(link.open(wire.OPEN_EXEC, argv("/bin/true"), stream=8)).exit[0], 0)

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
