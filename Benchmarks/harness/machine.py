# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""Names the machine and the compilers: figures mean nothing without them."""
import os
import pathlib
import platform
import re
import subprocess

from .peers import CACHE, PYTHON_PACKAGES


def first_line(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout else None
    except OSError:
        return None


def processor():
    try:
        cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
        model = re.search(r"model name\s*:\s*(.*)", cpuinfo)
        return model.group(1) if model else platform.machine()
    except OSError:
        return first_line("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()


def describe(programs):
    versions = [first_line("swift", "--version")]
    if "go-peers" in programs.commands:
        versions.append(first_line("go", "version"))
    if any(name.startswith("boost") for name in programs.commands):
        versions.append(first_line("g++", "--version"))
        versions.append("Boost " + (first_line("dpkg-query", "-W", "-f", "${Version}", "libboost-fiber-dev") or "?"))
    if any(name.startswith(("gevent", "tornado")) for name in programs.commands):
        python = first_line(str(CACHE / "venv" / "bin" / "python"), "--version")
        versions.append("%s, %s" % (python, ", ".join(PYTHON_PACKAGES)))
    if "evhttp" in programs.commands:
        versions.append("libevent " + (first_line("pkg-config", "--modversion", "libevent") or "?"))
    load = "load %.1f before the run" % os.getloadavg()[0]
    return "\n".join([
        "machine: %s, %d cores, %s %s, %s" % (
            processor(), os.cpu_count(), platform.system(), platform.release(), load),
        "versions: " + "; ".join(version for version in versions if version),
    ])
