"""TCP connections, dialled by the host and forwarded to it."""

import errno
import fcntl
import os
import resource
import signal
import socket
import struct
import termios

import link_client as wire
from agent_case import AgentTest, MIB, eventually
from link_client import argv, field


def unacknowledged(peer):
    """Bytes that its kernel has and the other end's has not."""
    return struct.unpack("i", fcntl.ioctl(peer, termios.TIOCOUTQ, bytes(4)))[0]


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

    def answer_unread(self, link, stream, peer, answer, *, ends_first=False):
        """Answers and closes with bytes unread, while the agent looks elsewhere: it hears of the answer and of the reset at once."""
        link.data(stream, b"unread")
        self.assertEqual(peer.recv(6, socket.MSG_PEEK | socket.MSG_WAITALL), b"unread")
        self.agent.send_signal(signal.SIGSTOP)
        peer.sendall(answer)
        self.assertTrue(eventually(lambda: unacknowledged(peer) == 0))
        if ends_first:
            peer.shutdown(socket.SHUT_WR)
        peer.close()
        link.data(stream, b"too late")
        self.agent.send_signal(signal.SIGCONT)

    def test_an_answer_to_what_was_not_read_comes_before_the_reset(self):
        link = self.link()
        stream, peer = self.dial(link)
        self.answer_unread(link, stream, peer, b"too large")
        output = link.finish(stream)
        self.assertEqual(bytes(output.stdout), b"too large")
        self.assertEqual(output.final, (wire.RESET, struct.pack("<I", errno.ECONNRESET)))
        self.assertFalse(output.ended, "what was cut must not look whole")

    def test_an_answer_that_was_ended_is_whole_and_the_upload_is_taken_to_its_end(self):
        link = self.link()
        held = self.descriptors()
        stream, peer = self.dial(link)
        self.answer_unread(link, stream, peer, b"too large", ends_first=True)
        output = link.streams[stream]
        link.wait(lambda: output.ended or output.final)
        self.assertEqual((bytes(output.stdout), output.final), (b"too large", None))
        link.data(stream, bytes(2 * MIB))
        link.send(wire.END, stream)
        link.ping()
        self.assertIsNone(output.final)
        self.assertEqual(self.descriptors(), held)

    def test_an_upload_that_fails_once_the_answer_has_ended_is_taken_to_its_end(self):
        link = self.link()
        held = self.descriptors()
        stream, peer = self.dial(link)
        peer.close()
        output = link.streams[stream]
        link.wait(lambda: output.ended)
        link.data(stream, bytes(2 * MIB))
        link.send(wire.END, stream)
        link.ping()
        self.assertIsNone(output.final)
        self.assertEqual(self.descriptors(), held)

    def test_an_answer_that_waits_for_credit_outlives_the_reset(self):
        link = self.link()
        stream, peer = self.dial(link)
        output = link.streams[stream]
        link.gives_credit = False
        peer.sendall(bytes(wire.WINDOW))
        link.wait(lambda: len(output.stdout) == wire.WINDOW)
        self.answer_unread(link, stream, peer, b"the rest")
        link.data(stream, bytes(2 * MIB))
        self.assertIsNone(output.final, "nothing was given up while the host did not read")
        link.send(wire.CREDIT, stream, struct.pack("<I", wire.WINDOW))
        link.finish(stream)
        self.assertEqual(bytes(output.stdout[wire.WINDOW :]), b"the rest")
        self.assertEqual(output.final, (wire.RESET, struct.pack("<I", errno.ECONNRESET)))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.agent.pid}/fd"))

    def free_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def test_a_connection_waits_for_a_free_descriptor_and_costs_no_time(self):
        link = self.link()
        port = self.free_port()
        link.identify(field(wire.FORWARD, struct.pack("<H", port)))
        stream = link.open(wire.OPEN_READ, field(wire.PATH, "/dev/zero"))
        link.finish(stream)
        held = self.descriptors()
        limits = resource.prlimit(self.agent.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.agent.pid, resource.RLIMIT_NOFILE, (held, limits[1]))
        client = socket.create_connection(("127.0.0.1", port), 5)
        self.addCleanup(client.close)
        self.assert_idle()
        self.assertEqual(link.forwards, [])
        resource.prlimit(self.agent.pid, resource.RLIMIT_NOFILE, limits)
        link.run(argv("true"))
        link.wait(lambda: link.forwards)

    def test_a_forwarded_port_reaches_the_host(self):
        link = self.link()
        port = self.free_port()
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

    def test_other_addresses_of_the_loopback_are_forwarded_too(self):
        link = self.link()
        port = self.free_port()
        for host in ("127.0.0.2", "::1", "0:0::1"):
            self.assertEqual(link.identify(field(wire.FORWARD, struct.pack("<H", port) + host.encode())), (0, ""))
        for count, host in enumerate(("127.0.0.2", "::1"), 1):
            client = socket.create_connection((host, port), 5)
            self.addCleanup(client.close)
            link.wait(lambda: len(link.forwards) == count)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)

    def test_a_life_that_begins_keeps_its_own_port_alone(self):
        link = self.link()
        old, new = self.free_port(), self.free_port()
        for port, host in ((old, ""), (old, "127.0.0.2"), (new, "")):
            self.assertEqual(link.identify(field(wire.FORWARD, struct.pack("<H", port) + host.encode())), (0, ""))
        held = self.descriptors()
        self.assertEqual(link.identify(field(wire.ONLY_FORWARD, struct.pack("<H", new))), (0, ""))
        self.assertEqual(self.descriptors(), held - 1)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", old), 5)
        for count, (host, port) in enumerate((("127.0.0.2", old), ("127.0.0.1", new)), 1):
            client = socket.create_connection((host, port), 5)
            self.addCleanup(client.close)
            link.wait(lambda: len(link.forwards) == count)
        # The place that became free is taken again, as often as it takes; each connection still tells its port.
        for _ in range(20):
            port = self.free_port()
            request = field(wire.ONLY_FORWARD, struct.pack("<H", port)) + field(wire.FORWARD, struct.pack("<H", port))
            self.assertEqual(link.identify(request), (0, ""))
        self.addCleanup(socket.create_connection(("127.0.0.1", port), 5).close)
        link.wait(lambda: len(link.forwards) == 3)
        self.assertEqual(link.forwards[2][1], port)

    def test_an_address_elsewhere_is_not_made_this_machines_own_in_a_test(self):
        link = self.link()
        value = struct.pack("<H", self.free_port()) + b"192.0.2.77"
        self.assertEqual(link.identify(field(wire.FORWARD, value))[0], errno.EPERM)
