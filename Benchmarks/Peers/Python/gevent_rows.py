# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""gevent's spawn and join. Usage: gevent_rows.py ROW COUNT; prints "ROW nanoseconds_per_operation"."""
import sys
import time

import gevent


def body():
    pass


def spawn_join(count):
    for _ in range(count):
        gevent.spawn(body).join()


def yield_(count):
    def turns():
        for _ in range(count // 2):
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(turns), gevent.spawn(turns)])


rows = {"spawn-join": spawn_join, "yield": yield_}
if len(sys.argv) != 3 or sys.argv[1] not in rows:
    sys.exit("usage: gevent_rows.py %s COUNT" % "|".join(rows))
row, count = rows[sys.argv[1]], int(sys.argv[2])
row(max(count // 10, 1))
start = time.monotonic_ns()
row(count)
print("%s %.3f" % (sys.argv[1], (time.monotonic_ns() - start) / count))
