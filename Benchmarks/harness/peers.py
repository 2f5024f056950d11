# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""Builds our program and the peers'. A peer that cannot be had is skipped with the reason."""
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "Benchmarks"
PEERS = PACKAGE / "Peers"
CACHE = ROOT / ".build" / "bench-peers"
OURS = ROOT / ".build" / "bench"
SWIFT_PEERS = ROOT / ".build" / "bench-swift-peers"
PYTHON_PACKAGES = ["gevent==26.9.0", "tornado==6.6.1", "twisted==25.5.0"]


class Unavailable(Exception):
    """Why a peer cannot be had here."""


def command(arguments, **options):
    """Runs a build step quietly; its output is shown if it fails."""
    try:
        done = subprocess.run(
            [str(argument) for argument in arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
        )
    except OSError as error:
        raise Unavailable(str(error))
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines()
        print("\n".join(lines[-40:]), file=sys.stderr)
        raise Unavailable("%s failed: %s" % (" ".join(map(str, arguments[:3])), lines[-1] if lines else "no output"))
    return done.stdout


def swift_build(scratch, product, *more):
    command(["swift", "build", "-c", "release", "--package-path", PACKAGE, "--scratch-path", scratch,
             "--product", product, *more])
    return scratch / "release"


class Debian:
    """Installs a Debian package when something it brings is missing, and asks for the package lists once."""

    def __init__(self):
        self.updated = False

    def need(self, present, *packages):
        if present():
            return
        if not shutil.which("apt-get"):
            raise Unavailable("%s: not installed, and there is no apt-get" % " ".join(packages))
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        print("bench: installing " + " ".join(packages), flush=True)
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        if not self.updated:
            command(root + ["apt-get", "update"], env=environment)
            self.updated = True
        command(root + ["apt-get", "install", "-y", "--no-install-recommends", *packages], env=environment)
        if not present():
            raise Unavailable(" ".join(packages) + ": installed, and still not found")


class Programs:
    """Every program by name: the command that runs it, or why it cannot be run."""

    def __init__(self, smoke):
        self.smoke = smoke
        self.commands = {}
        self.unavailable = {}
        self.debian = Debian()

    def prepare(self, rows):
        print("bench: building", flush=True)
        try:
            binary = swift_build(OURS, "switchyard-bench") / "switchyard-bench"
            self.preload = swift_build(OURS, "MallocCount") / "libMallocCount.so"
            switch = self.build_switch()
        except Unavailable as error:
            sys.exit("bench: our own rows do not build: %s" % error)
        self.commands["switchyard"] = [binary]
        self.commands["switch"] = [switch]
        if self.smoke:
            return
        for name in sorted({peer.work.program for row in rows for peer in row.peers}):
            try:
                self.commands[name] = getattr(self, "build_" + name.replace("-", "_"))()
            except Unavailable as error:
                self.unavailable[name] = str(error)
                print("bench: no %s: %s" % (name, error), file=sys.stderr)
        if any(row.throughput for row in rows):
            try:
                self.debian.need(lambda: shutil.which("wrk"), "wrk")
            except Unavailable as error:
                self.unavailable["wrk"] = str(error)

    def build_switch(self):
        """Ours too: the switch has no product of its own, so it is compiled beside a C program."""
        CACHE.mkdir(parents=True, exist_ok=True)
        switch = ROOT / "Sources" / "CStackSwitch"
        sources = sorted(switch.glob("*.c")) + sorted(switch.glob("*.S"))
        command(["clang", "-O2", "-DNDEBUG", "-I", switch / "include", "-o", CACHE / "switch",
                 PACKAGE / "Switch" / "switch.c", *sources, "-lpthread", "-ldl"])
        return CACHE / "switch"

    def build_swift_peers(self):
        return [swift_build(SWIFT_PEERS, "swift-peers", "--traits", "Peers") / "swift-peers"]

    def build_go_peers(self):
        self.debian.need(lambda: shutil.which("go"), "golang-go")
        command(["go", "build", "-o", CACHE / "go-peers", PEERS / "Go" / "main.go"])
        return [CACHE / "go-peers"]

    def build_boost_context(self):
        return self.boost("context", "-lboost_context")

    def build_boost_fiber(self):
        return self.boost("fiber", "-lboost_fiber", "-lboost_context", "-lpthread")

    def boost(self, name, *libraries):
        header = pathlib.Path("/usr/include/boost/fiber/all.hpp")
        self.debian.need(lambda: shutil.which("g++"), "g++")
        self.debian.need(header.exists, "libboost-context-dev", "libboost-fiber-dev")
        output = CACHE / ("boost-" + name)
        command(["g++", "-O2", "-DNDEBUG", "-std=c++17", "-o", output, PEERS / "Boost" / (name + ".cpp"), *libraries])
        return [output]

    def build_evhttp(self):
        self.debian.need(lambda: shutil.which("gcc"), "gcc", "libc6-dev")
        command(["gcc", "-O2", "-o", CACHE / "evhttp-hello", PEERS / "Evhttp" / "hello.c", "-levent"])
        return [CACHE / "evhttp-hello"]

    def build_gevent_rows(self):
        return [self.python(), PEERS / "Python" / "gevent_rows.py"]

    def build_asyncio_rows(self):
        return [self.python(), PEERS / "Python" / "asyncio_rows.py"]

    def build_twisted_rows(self):
        return [self.python(), PEERS / "Python" / "twisted_rows.py"]

    def build_gevent_hello(self):
        return [self.python(), PEERS / "Python" / "gevent_hello.py"]

    def build_tornado_hello(self):
        return [self.python(), PEERS / "Python" / "tornado_hello.py"]

    def python(self):
        environment = CACHE / "venv"
        interpreter = environment / "bin" / "python"
        stamp = environment / "installed"
        wanted = " ".join(PYTHON_PACKAGES)
        if stamp.exists() and stamp.read_text() == wanted:
            return interpreter
        has_venv = [sys.executable, "-c", "import venv, ensurepip"]
        self.debian.need(lambda: subprocess.run(has_venv, stderr=subprocess.DEVNULL).returncode == 0, "python3-venv")
        shutil.rmtree(environment, ignore_errors=True)
        command([sys.executable, "-m", "venv", environment])
        command([interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON_PACKAGES])
        stamp.write_text(wanted)
        return interpreter
