# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of a row by turns, all pinned alike, and makes entries of the figures."""
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import time

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
TIME_LIMIT = 120


class Failed(Exception):
    """A program ended badly, with what it said."""


class Figures(list):
    """One program's figures, one per repetition."""

    @property
    def median(self):
        return statistics.median(self)

    @property
    def spread(self):
        return min(self), max(self)


class Bench:
    def __init__(self, programs, smoke, reps):
        self.programs = programs
        self.smoke = smoke
        self.reps = reps
        self.failures = []
        self.smoked = []

    def measure(self, row):
        """The entries of one row, one for each peer."""
        works = [(None, row.ours)] + [(peer, peer.work) for peer in ([] if self.smoke else row.peers)]
        figures, reasons = {}, {}
        reps = 1 if row.limit is not None else self.reps
        for _ in range(reps):
            for peer, work in works:
                if peer in reasons:
                    continue
                try:
                    figures.setdefault(peer, Figures()).append(self.once(row, work))
                except Failed as failure:
                    reasons[peer] = str(failure)
                    if peer is None or work.program not in self.programs.unavailable:
                        self.failures.append("%s (%s): %s" % (row.name, peer.name if peer else "ours", failure))
            if not self.smoke:
                print(".", end="", flush=True)
        if not self.smoke:
            print(" " + row.name, flush=True)
        if None not in reasons:
            self.smoked.append((row, figures[None].median))
        if row.limit is not None:
            return [self.limit_entry(row, figures, reasons)]
        return [self.entry(row, peer, figures, reasons) for peer, _ in works if peer]

    def limit_entry(self, row, figures, reasons):
        entry = {"name": row.name, "ours": None, "peer": row.limit, "peerName": "limit", "ratio": None,
                 "budget": row.limit_budget, "unit": row.unit}
        if None in reasons:
            return dict(entry, skipped=reasons[None])
        value = figures[None].median
        # With a limit of nothing at all, the ratio is the count itself.
        return dict(entry, ours=value, ratio=round(value / (row.limit or 1), 3), _ours=figures[None])

    def entry(self, row, peer, figures, reasons):
        entry = {"name": row.name, "ours": None, "peer": None, "peerName": peer.name, "ratio": None,
                 "budget": peer.budget, "unit": row.unit}
        for key, side in (("ours", None), ("peer", peer)):
            if side not in reasons:
                entry[key] = round(figures[side].median, 2)
                entry["_" + key] = figures[side]
        if reasons.get(None) or reasons.get(peer):
            return dict(entry, skipped=reasons.get(peer) or reasons.get(None))
        # Repetition by repetition: what slows a shared machine for some seconds slows both sides of one repetition.
        pairs = zip(figures[None], figures[peer])
        costs = [theirs / ours if row.throughput else ours / theirs for ours, theirs in pairs]
        return dict(entry, ratio=round(statistics.median(costs), 3))

    def once(self, row, work):
        for name in (work.program, "wrk" if row.throughput else None):
            if name in self.programs.unavailable:
                raise Failed(self.programs.unavailable[name])
        command = [str(part) for part in self.programs.commands[work.program]]
        if row.throughput:
            return self.requests(command + ([work.row] if work.row else []))
        count = max(min(work.count // 1000, 1000), 10) if self.smoke else work.count
        environment = dict(os.environ)
        if row.counts_allocations:
            environment["LD_PRELOAD"] = str(self.programs.preload)
        try:
            done = subprocess.run(
                pinned(CORES[0]) + command + [work.row, str(count)], env=environment, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, timeout=TIME_LIMIT,
            )
        except subprocess.TimeoutExpired:
            raise Failed("%s %s: no answer within %d s" % (work.program, work.row, TIME_LIMIT))
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise Failed("%s %s: exit status %d%s" % (
                work.program, work.row, done.returncode, ": " + said[0] if said else ""))
        return float(done.stdout.split()[-1])

    def requests(self, server):
        """Requests per second of a hello server on one core, asked from the other over 64 connections."""
        port = free_port()
        with running(pinned(CORES[0]) + server + [str(port)], port):
            if self.smoke:
                return ask(port)
            load(port, "1s")
            return load(port, "3s")


def pinned(core):
    return ["taskset", "-c", str(core)] if shutil.which("taskset") else []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, port):
    """Runs a server until the block ends; the block begins when the server answers."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 20
        while True:
            if server.poll() is not None:
                raise Failed("%s: exit status %d: %s" % (command[-2], server.returncode, server.stderr.read().strip()))
            try:
                ask(port)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise Failed("%s: not listening after 20 s" % command[-2])
                time.sleep(0.05)
        yield
        if server.poll() is not None:
            raise Failed("%s: died with status %d: %s" % (command[-2], server.returncode, server.stderr.read().strip()))
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def ask(port):
    """One request; answers 1 when the reply is the one all servers give."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        reply = b""
        while chunk := connection.recv(4096):
            reply += chunk
    if not (reply.startswith(b"HTTP/1.1 200") and reply.endswith(b"Hello, world!\n")):
        raise Failed("unexpected reply: %r" % reply[:200])
    return 1.0


def load(port, duration):
    done = subprocess.run(
        pinned(CORES[-1]) + ["wrk", "-t1", "-c64", "-d" + duration, "http://127.0.0.1:%d/" % port],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIME_LIMIT,
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    bad = re.search(r"Non-2xx.*|Socket errors: (?!connect 0, read 0, write 0, timeout 0).*", done.stdout)
    if done.returncode != 0 or not rate or bad:
        raise Failed("wrk: " + (bad.group() if bad else done.stdout.strip()))
    return float(rate.group(1))
