# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""gevent's pywsgi: one greenlet per connection. Usage: gevent_hello.py PORT; prints "ready" once it listens."""
import sys

from gevent.pywsgi import WSGIServer


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, world!\n"]


server = WSGIServer(("127.0.0.1", int(sys.argv[1])), hello, log=None)
server.start()
print("ready", flush=True)
server.serve_forever()
