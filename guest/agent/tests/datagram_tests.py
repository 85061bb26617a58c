"""UDP between the host and ports of the guest."""

import errno
import socket
import struct

import link_client as wire
from agent_case import AgentTest


def record(payload):
    return struct.pack("<H", len(payload)) + payload


class Datagrams(AgentTest):
    def setUp(self):
        super().setUp()
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.bind(("127.0.0.1", 0))
        self.server.settimeout(5)
        self.addCleanup(self.server.close)

    def open(self, link, port=None):
        stream = link.open(wire.OPEN_DATAGRAMS, struct.pack("<H", port or self.server.getsockname()[1]))
        link.wait(lambda: link.streams[stream].done is not None)
        return stream

    def test_each_is_one_on_the_other_side_wherever_frames_end(self):
        link = self.link()
        stream = self.open(link)
        sent = [b"one", b"", bytes(20_000)]
        pieces = b"".join(record(datagram) for datagram in sent)
        for at in range(0, len(pieces), 7_001):
            link.data(stream, pieces[at : at + 7_001])
        received = [self.server.recvfrom(65536) for _ in sent]
        self.assertEqual([datagram for datagram, _ in received], sent)
        peer = received[0][1]
        for datagram in (b"back", b"", bytes(30_000)):
            self.server.sendto(datagram, peer)
        expected = record(b"back") + record(b"") + record(bytes(30_000))
        link.wait(lambda: len(link.streams[stream].stdout) == len(expected))
        self.assertEqual(bytes(link.streams[stream].stdout), expected)
        link.send(wire.END, stream)
        link.wait(lambda: link.streams[stream].ended)

    def test_nobody_there_is_no_end(self):
        link = self.link()
        port = self.server.getsockname()[1]
        self.server.close()
        stream = self.open(link, port)
        link.data(stream, record(b"lost"))
        link.data(stream, record(b"lost too"))
        late = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(late.close)
        late.settimeout(5)
        late.bind(("127.0.0.1", port))
        link.data(stream, record(b"heard"))
        while late.recv(100) != b"heard":
            pass

    def test_what_is_no_datagram_or_no_request_is_refused(self):
        link = self.link()
        stream = self.open(link)
        link.data(stream, struct.pack("<H", 65_508))
        link.wait(lambda: link.streams[stream].final is not None)
        self.assertEqual(link.streams[stream].final, (wire.RESET, struct.pack("<I", errno.EPROTO)))
        refused = link.open(wire.OPEN_DATAGRAMS, b"1")
        link.wait(lambda: link.streams[refused].done is not None)
        self.assertEqual(link.streams[refused].done[0], errno.EINVAL)
