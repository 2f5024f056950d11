# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""Tornado's own hello server, one process. Usage: tornado_hello.py PORT; prints "ready" once it listens."""
import asyncio
import logging
import sys

import tornado.web


class Hello(tornado.web.RequestHandler):
    def get(self):
        self.set_header("Content-Type", "text/plain")
        self.write(b"Hello, world!\n")


async def main():
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    tornado.web.Application([("/", Hello)]).listen(int(sys.argv[1]), "127.0.0.1")
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
