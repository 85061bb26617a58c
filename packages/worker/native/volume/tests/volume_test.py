"""What each test of the server begins with: a folder, a server that has it, and a guest that speaks to it."""

import os
import shutil
import tempfile
import unittest

from raw_guest import Guest, Server

# As it is installed: sanitizers need more of the kernel than the program may ask for.
CONFINED = "build/fastvm-volume"
USER = 1_840_000


class VolumeTest(unittest.TestCase):
    program = "build/fastvm-volume-sanitized"

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="volume-tests-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.root = os.path.join(self.folder, "root")
        os.mkdir(self.root)
        self.servers = []

    def tearDown(self):
        for server in self.servers:
            self.assertEqual(server.end(), 0)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def put(self, text, *parts):
        with open(self.path(*parts), "w", encoding="utf8") as file:
            file.write(text)

    def text(self, *parts):
        with open(self.path(*parts), encoding="utf8") as file:
            return file.read()

    def start(self, *arguments, attach=True, **options):
        server = Server(CONFINED if arguments else self.program, *arguments)
        self.servers.append(server)
        if attach:
            self.assertTrue(server.attach("data", self.root, **options)["ok"])
        return server

    def mounted(self, **options):
        server, guest = self.start(**options), Guest()
        guest.connect(server)
        self.assertEqual(guest.mount(), 0)
        return server, guest

    def end(self, server):
        self.servers.remove(server)
        self.assertEqual(server.end(), 0)
