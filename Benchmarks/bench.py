# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""The driver behind Scripts/bench: builds ours and the peers, runs them by turns, reports medians and ratios.

Exit status 1 means that a program of ours failed; a missed budget is said in the table and is no failure.
"""
import argparse
import sys

from harness import machine, report, run
from harness.peers import Programs
from harness.rows import ROWS


def arguments():
    parser = argparse.ArgumentParser(prog="Scripts/bench", description="Switchyard's rows, beside their peers'.")
    parser.add_argument("--json", metavar="FILE", help="write the table to FILE as well")
    parser.add_argument("--filter", metavar="TEXT", default="", help="only rows whose name or peer contains TEXT")
    parser.add_argument("--reps", metavar="N", type=int, default=7, help="repetitions, ours and the peers' by turns (7)")
    parser.add_argument("--smoke", action="store_true", help="our own rows, briefly; no peers, nothing installed")
    parser.add_argument("--list", action="store_true", help="name the rows and their budgets")
    return parser.parse_args()


def main():
    options = arguments()
    rows = [row for row in (row.narrowed(options.filter) for row in ROWS) if row]
    if options.list:
        report.print_list(rows)
        return 0
    if not rows:
        sys.exit("bench: no row matches '%s'; --list names them" % options.filter)
    programs = Programs(smoke=options.smoke)
    programs.prepare(rows)
    bench = run.Bench(programs, smoke=options.smoke, reps=1 if options.smoke else max(options.reps, 1))
    if not options.smoke:
        print(machine.describe(programs), flush=True)
    entries = []
    for row in rows:
        entries += bench.measure(row)
    if options.smoke:
        report.print_smoke(bench)
    else:
        report.print_table(entries)
        if options.json:
            report.write_json(entries, options.json)
    for failure in bench.failures:
        print("bench: FAILED: " + failure, file=sys.stderr)
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
