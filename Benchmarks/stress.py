# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""The driver behind Scripts/stress: builds the program, runs each piece of work in a process of its own, and judges.

Exit status 1 means that a program failed or a limit was missed.
"""
import argparse
import subprocess
import sys

from harness import peers

WORKS = ["spawn-join", "parked", "fibers"]
MIB = 1 << 20
GIB = 1 << 30
GROWTH = 8 * MIB
PARKED_LIMIT = 8 * GIB
RATIO_LIMIT = 1.5


def arguments():
    parser = argparse.ArgumentParser(prog="Scripts/stress", description="Many greenlets and fibers, and what they take.")
    parser.add_argument("works", metavar="WORK", nargs="*", help="only these: " + ", ".join(WORKS))
    parser.add_argument("--quick", action="store_true", help="small counts")
    options = parser.parse_args()
    for work in options.works:
        if work not in WORKS:
            parser.error("there is no work '%s'; there are %s" % (work, ", ".join(WORKS)))
    return options


class Stress:
    def __init__(self, program, quick):
        self.program = program
        self.quick = quick
        self.misses = []

    def run(self, work, count):
        done = subprocess.run([str(self.program), work, str(count)], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            self.misses.append("%s %s ended with status %d" % (work, f"{count:,}", done.returncode))
            return None
        return {name: float(figure) for name, figure in (line.split() for line in done.stdout.splitlines())}

    def limit(self, what, value, most, text):
        verdict = "ok" if value <= most else "MISSED"
        if value > most:
            self.misses.append(what)
        print("    %-52s %s: %s" % (what, text, verdict), flush=True)

    def flat(self, work, counts):
        """Memory after the whole work is what it was after a hundredth of it."""
        for count in counts:
            figures = self.run(work, count)
            if not figures:
                continue
            early, late = figures["resident-early"], figures["resident-late"]
            print("%-10s %12s   %7.1f MiB after a hundredth, %7.1f MiB at the end, %6.0f ns each"
                  % (work, f"{count:,}", early / MIB, late / MIB, figures["ns-each"]), flush=True)
            growth = "%+.1f MiB of %+d" % ((late - early) / MIB, GROWTH / MIB)
            self.limit("%s %s: resident size grows" % (work, f"{count:,}"), late - early, GROWTH, growth)

    def parked(self, counts):
        net = {}
        for count in counts:
            runs = [self.run("parked", count) for _ in range(3 if count <= 100_000 else 1)]
            runs = [figures for figures in runs if figures]
            if not runs:
                continue
            # The one that the neighbours have disturbed least.
            figures = min(runs, key=lambda figures: figures["ns-spawn-net"])
            net[count] = figures["ns-spawn-net"]
            print("%-10s %12s   %7.1f MiB, %6.0f bytes each, spawn %5.0f ns (%.2f page faults of %.0f ns; %.0f without),"
                  " wake %5.0f ns (%.2f page faults)"
                  % ("parked", f"{count:,}", figures["resident"] / MIB, figures["resident-each"], figures["ns-spawn"],
                     figures["faults-spawn"], figures["ns-fault"], figures["ns-spawn-net"], figures["ns-wake"],
                     figures["faults-wake"]), flush=True)
            self.limit("parked %s: resident" % f"{count:,}", figures["resident"], PARKED_LIMIT,
                       "%.2f GiB of %d" % (figures["resident"] / GIB, PARKED_LIMIT / GIB))
        if len(net) > 1 and not self.quick:
            few, many = min(net), max(net)
            ratio = net[many] / net[few]
            self.limit("parked: a spawn at %s to one at %s" % (f"{many:,}", f"{few:,}"), ratio, RATIO_LIMIT,
                       "%.2f of %.1f" % (ratio, RATIO_LIMIT))


def main():
    options = arguments()
    works = options.works or WORKS
    print("stress: building", flush=True)
    try:
        program = peers.swift_build(peers.OURS, "switchyard-stress") / "switchyard-stress"
    except peers.Unavailable as error:
        sys.exit("stress: %s" % error)
    stress = Stress(program, options.quick)
    if "spawn-join" in works:
        stress.flat("spawn-join", [10_000] if options.quick else [100_000, 10_000_000])
    if "parked" in works:
        stress.parked([100, 1_000] if options.quick else [10_000, 100_000, 1_000_000])
    if "fibers" in works:
        stress.flat("fibers", [10_000] if options.quick else [10_000_000])
    for miss in stress.misses:
        print("stress: FAILED: " + miss, file=sys.stderr)
    return 1 if stress.misses else 0


if __name__ == "__main__":
    sys.exit(main())
