"""Runs the examples of one module and prints what became of each as a line of JSON; with --list prints their names alone."""

import importlib
import json
import sys
import unittest


class JsonResult(unittest.TestResult):
    def addSuccess(self, test):
        self.tell(test, None)

    def addFailure(self, test, error):
        self.tell(test, self._exc_info_to_string(error, test))

    addError = addFailure

    def tell(self, test, failure):
        # A class that cannot be set up is told of under its own name.
        name = getattr(test, "_testMethodName", str(test))
        print(json.dumps({"name": name, "failure": failure}), flush=True)


suite = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(sys.argv[1]))
if "--list" in sys.argv:
    print(json.dumps([test._testMethodName for group in suite for test in group]))
else:
    suite.run(JsonResult())
