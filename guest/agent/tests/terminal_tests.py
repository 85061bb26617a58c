"""Commands on a pseudo-terminal."""

import signal
import struct

import link_client as wire
from agent_case import AgentTest
from link_client import argv, field, shell


class Terminals(AgentTest):
    def terminal(self, rows, columns):
        return field(wire.PTY, struct.pack("<HH", rows, columns)) + field(wire.STDIN, b"\1")

    def test_size_and_resize(self):
        link = self.link()
        script = "trap 'stty size; exit 5' WINCH; stty size; while :; do sleep 0.05; done"
        stream = link.open(wire.OPEN_EXEC, shell(script) + self.terminal(31, 97))
        output = link.streams[stream]
        link.wait(lambda: b"31 97\r\n" in output.stdout)
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

    def test_a_terminal_that_is_opened_again_is_read_on(self):
        script = "exec <&- >&- 2>&-; sleep 0.1; seq 1 20000 >/dev/tty; exit 4"
        output = self.link().run(shell(script) + self.terminal(24, 80))
        self.assertEqual(output.exit[0], 4)
        self.assertTrue(output.stdout.endswith(b"20000\r\n"), output.stdout[-20:])

    def test_no_credit_is_given_for_the_typed_end(self):
        link = self.link()
        script = "stty raw -echo; echo ready; head -c 65536 | wc -c"
        stream = link.open(wire.OPEN_EXEC, shell(script) + self.terminal(24, 80))
        link.wait(lambda: b"ready" in link.streams[stream].stdout)
        # The credit due for all of it and one byte would be sent at once; the link's client checks it.
        link.data(stream, bytes(65_535))
        link.send(wire.END, stream)
        self.assertIn(b"65536", link.finish(stream).stdout)

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
