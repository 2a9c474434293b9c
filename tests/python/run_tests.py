# SPDX-License-Identifier: MIT
"""run_tests.py [MODULE...]: run the tests and print TAP. See support.py for what it looks at."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Tap(unittest.TestResult):
    count = 0

    def line(self, word, test, tail=""):
        self.count += 1
        print("%s %d - %s%s" % (word, self.count, test.id(), tail), flush=True)

    def said(self, details):
        for line in details.splitlines():
            print("#", line)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("ok", test, " # SKIP " + reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line("not ok", test)
        self.said(self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.line("not ok", test)
        self.said(self.errors[-1][1])

    def addExpectedFailure(self, test, err):
        self.addFailure(test, err)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.line("not ok", test)


def main():
    sys.path.insert(0, HERE)
    sys.dont_write_bytecode = True
    loader = unittest.TestLoader()
    if len(sys.argv) > 1:
        suite = loader.loadTestsFromNames(sys.argv[1:])
    else:
        suite = loader.discover(HERE)
    result = Tap()
    suite.run(result)
    print("1..%d" % result.count)
    return 0 if result.count and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
