# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""asyncio's queue, and its future as a callback that is awaited.

Usage: asyncio_rows.py ROW COUNT; prints "ROW nanoseconds_per_operation".
"""
import asyncio
import sys
import time


async def queue(count):
    elements = asyncio.Queue(16)
    for n in range(count):
        await elements.put(n)
        await elements.get()


async def callback_to_await(count):
    loop = asyncio.get_running_loop()
    for n in range(count):
        future = loop.create_future()
        loop.call_soon(future.set_result, n)
        await future


rows = {"queue": queue, "callback-to-await": callback_to_await}
if len(sys.argv) != 3 or sys.argv[1] not in rows:
    sys.exit("usage: asyncio_rows.py %s COUNT" % "|".join(rows))
row, count = rows[sys.argv[1]], int(sys.argv[2])
asyncio.run(row(max(count // 10, 1)))
start = time.monotonic_ns()
asyncio.run(row(count))
print("%s %.3f" % (sys.argv[1], (time.monotonic_ns() - start) / count))
