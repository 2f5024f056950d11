# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""The rows: which work is measured, by which programs, against which budgets.

A ratio is always cost, ours over the peer's, lower is better; for throughput it is the peer's over ours, and for
memory and counts ours over the limit.
"""
import dataclasses
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Work:
    """A program's row and how often to do it: about a quarter of a second's worth."""

    program: str
    row: str
    count: int


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    work: Work
    budget: float


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    unit: str
    ours: Work
    peers: tuple = ()
    #: For rows without a peer program: what ours may be at most.
    limit: Optional[float] = None
    limit_budget: float = 1.0
    #: Larger is better: requests per second.
    throughput: bool = False
    #: Needs the allocation counter preloaded; time means nothing then.
    counts_allocations: bool = False

    def narrowed(self, text):
        """This row with the peers that match, or None."""
        text = text.lower()
        if text in self.name.lower():
            return self
        peers = tuple(peer for peer in self.peers if text in peer.name.lower())
        return dataclasses.replace(self, peers=peers) if peers else None


def ours(row, count):
    return Work("switchyard", row, count)


ROWS = [
    Row(
        "promise + future", "ns", ours("promise", 1_000_000),
        (Peer("NIO EventLoopPromise", Work("swift-peers", "nio-promise", 1_000_000), 0.50),),
    ),
    Row(
        "derived future", "ns", ours("map", 1_000_000),
        (Peer("NIO map", Work("swift-peers", "nio-map", 1_000_000), 0.40),),
    ),
    Row(
        "await completed: allocations in 100,000", "allocations", ours("await-completed-allocations", 100_000),
        limit=0, limit_budget=0, counts_allocations=True,
    ),
    Row(
        "await completed: enqueues in 100,000", "enqueues", ours("await-completed-enqueues", 100_000),
        limit=0, limit_budget=0, counts_allocations=True,
    ),
    Row(
        "await same loop", "ns", ours("await-same-loop", 500_000),
        (
            Peer("cancellation handler + continuation",
                 Work("swift-peers", "cancellable-continuation", 500_000), 1.30),
        ),
    ),
    Row("await same loop: enqueues", "enqueues", ours("await-same-loop-enqueues", 100_000), limit=1),
    Row(
        "fiber switch", "ns", Work("switch", "swap", 20_000_000),
        (Peer("Boost.Context jump_fcontext", Work("boost-context", "jump", 20_000_000), 0.70),),
    ),
    Row(
        "hub yield", "ns", ours("yield", 2_000_000),
        (
            Peer("Go Gosched", Work("go-peers", "yield", 2_000_000), 0.75),
            Peer("Boost.Fiber yield", Work("boost-fiber", "yield", 2_000_000), 0.50),
        ),
    ),
    Row(
        "spawn + join", "ns", ours("spawn-join", 500_000),
        (
            Peer("Boost.Fiber", Work("boost-fiber", "spawn-join", 500_000), 0.80),
            Peer("gevent", Work("gevent-rows", "spawn-join", 30_000), 0.05),
        ),
    ),
    Row(
        "greenlet waits on Future", "ns", ours("future", 500_000),
        (Peer("Boost.Fiber promise/future", Work("boost-fiber", "promise-future", 500_000), 0.50),),
    ),
    Row(
        "cross-thread wake", "ns", ours("cross-thread-wake", 50_000),
        (Peer("NIO submit().wait()", Work("swift-peers", "nio-submit-wait", 50_000), 0.70),),
    ),
    Row(
        "channel", "ns", ours("channel", 500_000),
        (Peer("Go unbuffered channels", Work("go-peers", "channel", 500_000), 0.50),),
    ),
    Row(
        "queue", "ns", ours("queue", 2_000_000),
        (
            Peer("Go buffered channel", Work("go-peers", "queue", 5_000_000), 2.00),
            Peer("asyncio.Queue", Work("asyncio-rows", "queue", 200_000), 0.10),
        ),
    ),
    Row(
        "queue across threads", "ns", ours("queue-threads", 500_000),
        (Peer("Go buffered channel", Work("go-peers", "queue-threads", 500_000), 1.20),),
    ),
    Row(
        "channel in async code", "ns", ours("async-channel", 100_000),
        (Peer("AsyncChannel", Work("swift-peers", "async-channel", 50_000), 0.50),),
    ),
    Row(
        "queue in async code", "ns", ours("async-queue", 2_000_000),
        (Peer("AsyncStream", Work("swift-peers", "async-stream", 1_000_000), 1.00),),
    ),
    Row(
        "Deferred step", "ns", ours("deferred-step", 500_000),
        (Peer("Twisted Deferred", Work("twisted-rows", "deferred-step", 200_000), 0.45),),
    ),
    Row(
        "callback to await", "ns", ours("callback-to-await", 300_000),
        (
            Peer("checked continuation", Work("swift-peers", "checked-continuation", 300_000), 2.00),
            Peer("asyncio future", Work("asyncio-rows", "callback-to-await", 50_000), 0.20),
        ),
    ),
    Row(
        "signal to handler", "ns", ours("signal", 50_000),
        (
            Peer("Dispatch signal source", Work("swift-peers", "dispatch-signal", 20_000), 1.00),
            Peer("Go signal.Notify", Work("go-peers", "signal", 50_000), 1.50),
            Peer("asyncio add_signal_handler", Work("asyncio-rows", "signal", 20_000), 1.00),
        ),
    ),
    Row(
        "HTTP hello server", "requests/s", ours("hello", 1), throughput=True,
        peers=(
            Peer("plain C on evhttp", Work("evhttp", "", 1), 1.18),
            Peer("Tornado", Work("tornado-hello", "", 1), 0.083),
            Peer("gevent pywsgi", Work("gevent-hello", "", 1), 0.05),
        ),
    ),
    Row("bytes per pending future", "bytes", ours("bytes", 100_000), limit=128, counts_allocations=True),
]
