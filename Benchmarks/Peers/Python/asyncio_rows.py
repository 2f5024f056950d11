# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""asyncio's queue, its signal handlers, and its future as a callback that is awaited.

Usage: asyncio_rows.py ROW COUNT; prints "ROW nanoseconds_per_operation".
"""
import asyncio
import os
import signal
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


async def signals(count):
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, arrived.set)
    for _ in range(count):
        os.kill(os.getpid(), signal.SIGUSR1)
        await arrived.wait()
        arrived.clear()
    loop.remove_signal_handler(signal.SIGUSR1)


rows = {"signal": signals, "queue": queue, "callback-to-await": callback_to_await}
if len(sys.argv) != 3 or sys.argv[1] not in rows:
    sys.exit("usage: asyncio_rows.py %s COUNT" % "|".join(rows))
row, count = rows[sys.argv[1]], int(sys.argv[2])
asyncio.run(row(max(count // 10, 1)))
start = time.monotonic_ns()
asyncio.run(row(count))
print("%s %.3f" % (sys.argv[1], (time.monotonic_ns() - start) / count))
