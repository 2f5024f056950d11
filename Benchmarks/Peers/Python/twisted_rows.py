# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""One step of a chain of ten callbacks of a Deferred. Usage: twisted_rows.py deferred-step COUNT."""
import sys
import time

from twisted.internet.defer import Deferred


def deferred_step(count):
    for n in range(count // 10):
        deferred = Deferred()
        for _ in range(10):
            deferred.addCallback(lambda value: value + 1)
        deferred.callback(n)


if len(sys.argv) != 3 or sys.argv[1] != "deferred-step":
    sys.exit("usage: twisted_rows.py deferred-step COUNT")
count = int(sys.argv[2])
deferred_step(max(count // 10, 1))
start = time.monotonic_ns()
deferred_step(count)
print("%s %.3f" % (sys.argv[1], (time.monotonic_ns() - start) / count))
