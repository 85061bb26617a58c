"""TCP connections, dialled by the host and forwarded to it."""

import errno
import os
import resource
import socket
import struct

import link_client as wire
from agent_case import AgentTest, MIB
from link_client import argv, field


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
        held = len(os.listdir(f"/proc/{self.agent.pid}/fd"))
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

    def test_an_address_elsewhere_is_not_made_this_machines_own_in_a_test(self):
        link = self.link()
        value = struct.pack("<H", self.free_port()) + b"192.0.2.77"
        self.assertEqual(link.identify(field(wire.FORWARD, value))[0], errno.EPERM)
