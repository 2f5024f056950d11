# Switchyard: every style of asynchronous Swift, talking to every other.
# SPDX-License-Identifier: Apache-2.0
"""The table and the JSON file."""
import json

HEADINGS = ["row", "ours", "peer", "", "unit", "ratio", "budget", ""]


def figure(value):
    if value is None:
        return "-"
    return "%.0f" % value if value >= 1000 or value == int(value) else "%.2f" % value if value < 10 else "%.1f" % value


def with_spread(entry, key):
    figures = entry.get("_" + key)
    if figures is None:
        return figure(entry[key])
    low, high = figures.spread
    return figure(figures.median) + (" (%s..%s)" % (figure(low), figure(high)) if len(figures) > 1 else "")


def verdict(entry):
    if entry["ratio"] is None:
        return "skipped: " + entry["skipped"]
    if entry["ratio"] <= entry["budget"]:
        return "hit"
    if not entry["budget"]:
        return "MISS"
    return "MISS by %.0f %%" % ((entry["ratio"] / entry["budget"] - 1) * 100)


def columns(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def print_table(entries):
    lines = [HEADINGS]
    for entry in entries:
        lines.append([
            entry["name"], with_spread(entry, "ours"), with_spread(entry, "peer"), entry["peerName"], entry["unit"],
            "-" if entry["ratio"] is None else "%.3f" % entry["ratio"], "%g" % entry["budget"], verdict(entry),
        ])
    print()
    columns(lines)
    measured = [entry for entry in entries if entry["ratio"] is not None]
    missed = sum(entry["ratio"] > entry["budget"] for entry in measured)
    print("\nbench: %d rows, %d within budget, %d missed, %d skipped (medians, of ratios too; spread in parentheses)" % (
        len(entries), len(measured) - missed, missed, len(entries) - len(measured)))


def print_smoke(bench):
    columns([[row.name, figure(value), row.unit] for row, value in bench.smoked] or [["nothing ran"]])


def print_list(rows):
    lines = [["row", "unit", "peer", "budget"]]
    for row in rows:
        if row.limit is not None:
            lines.append([row.name, row.unit, "limit %g" % row.limit, "%g" % row.limit_budget])
        lines += [[row.name, row.unit, peer.name, "%g" % peer.budget] for peer in row.peers]
    columns(lines)


def write_json(entries, path):
    public = [{key: value for key, value in entry.items() if not key.startswith("_")} for entry in entries]
    with open(path, "w") as file:
        json.dump(public, file, indent=2)
        file.write("\n")
