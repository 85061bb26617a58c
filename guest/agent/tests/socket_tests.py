"""The agent in its development mode, driven over a Unix socket: python3 socket_tests.py path/of/fastvm-agent [test names]"""

import os
import sys
import unittest

from agent_case import AgentTest

MODULES = ("session_tests", "exec_tests", "window_tests", "terminal_tests", "file_tests", "connection_tests",
           "datagram_tests", "identity_tests", "verb_tests", "job_tests", "endurance_tests")


def main():
    AgentTest.program = os.path.abspath(sys.argv[1])
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{name}*" for name in sys.argv[2:]] or None
    result = unittest.TextTestRunner(verbosity=1).run(loader.loadTestsFromNames(MODULES))
    # One test may fail twice, in itself and when its agent ends.
    failed = len({str(test) for test, _ in result.failures + result.errors})
    sys.stderr.flush()
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed", flush=True)
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
