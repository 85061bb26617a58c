"""The server, by raw messages: `python3 server_tests.py <program with sanitizers>`. Needs root."""

import os
import sys
import unittest

from captures_test import Captures  # noqa: F401
from escapes_test import Escapes  # noqa: F401
from files_test import Files, Quota, Room  # noqa: F401
from ledgers_test import Ledgers  # noqa: F401
from locks_test import Locks  # noqa: F401
from owners_test import Owners, OwnersNowhere  # noqa: F401
from parked_test import Parked  # noqa: F401
from volume_test import VolumeTest

if __name__ == "__main__":
    if len(sys.argv) > 1:
        VolumeTest.program = sys.argv.pop(1)
    os.umask(0)
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(failed > 0)
