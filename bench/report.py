"""Prints what was measured, and writes it as JSON."""

import json
import os
import platform

import figures


def brief(value):
    """Three digits that mean something, without an exponent where a reader can do without."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def brief_ratio(ratio):
    if ratio is None:
        return "-"
    middle, low, high = map(brief, ratio)
    return f"{middle} ({low}-{high})"


def print_table(title, rows):
    """Prints rows of cells, the first of them the head; the first two columns to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print(f"\n{title}")
    for row in rows:
        cells = [cell.ljust(w) if i < 2 else cell.rjust(w)
                 for i, (cell, w) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


def ratios_among(ways):
    """What is worth comparing: Vesper with the rest, or without it the rest with each other."""
    wanted = [("vesper", "native"), ("vesper", "peer")]
    if "vesper" not in ways:
        wanted = [("peer", "native")]
    return [(a, b) for a, b in wanted if a in ways and b in ways]


def rows_of(table, names, ways, ratios):
    rows = [["figure", "unit"] + ways + [f"{a}/{b}" for a, b in ratios]]
    for name in names:
        if name not in table:
            continue
        samples = table[name]
        direction = "more" if figures.more_is_better(samples.unit) else "less"
        rows.append([name, f"{samples.unit}, {direction} is better"]
                    + [brief(samples.median(way)) for way in ways]
                    + [brief_ratio(samples.ratio(a, b)) for a, b in ratios])
    return rows


def listed(names):
    return ": " + ", ".join(names) if names else ""


def print_verdicts(results, names):
    """One line for each figure that both Vesper and the peer have."""
    lines = []
    for label, table in (("", results.values), ("server CPU of ", results.cpu)):
        for name in names:
            verdict = table[name].verdict("vesper", "peer") if name in table else None
            if verdict:
                lines.append((label + name, verdict))
    if not lines:
        return
    print("\nVesper against the peer, by the medians")
    for name, verdict in lines:
        print(f"{name:36} {verdict}")
    worse = [name for name, verdict in lines if verdict.startswith("WORSE")]
    within = [name for name, verdict in lines if verdict.startswith("within chance")]
    print(f"\n{len(worse)} of {len(lines)} figures are worse than the peer's{listed(worse)}.")
    print(f"{len(within)} more are by the medians, but in no more rounds than equal ways would be in "
          f"one run of ten{listed(within)}.")


def print_all(results, options, names):
    print()
    for way, device in results.devices.items():
        print(f"{way + ':':8} {device}")
    print(f"{options.rounds} round{'s' * (options.rounds > 1)}, {os.cpu_count()} CPUs, "
          f"{platform.machine()}, load {results.load:.1f} before, "
          f"Vesper's isolation {options.isolation}. "
          "Medians, and ratios of medians (least-greatest of one round).")
    present = [way for way in ("native", "vesper", "peer") if way in results.devices]
    servers = [way for way in present if way != "native"]
    if results.values:
        print_table("Figures", rows_of(results.values, names, present, ratios_among(present)))
    if results.cpu:
        print_table("CPU time of the server for the same work, the host's driver included",
                    rows_of(results.cpu, names, servers, ratios_among(servers)))
    print_verdicts(results, names)


def describe(program, name, about, results):
    samples = results.values[name]
    cpu = results.cpu.get(name)
    return {
        "name": name,
        "program": program,
        "about": about,
        "unit": samples.unit,
        "better": "more" if figures.more_is_better(samples.unit) else "less",
        "samples": samples.ways,
        "server_cpu_ms": cpu.ways if cpu else {},
    }


def write_json(results, options):
    data = {
        "rounds": options.rounds,
        "isolation": options.isolation,
        "cpus": os.cpu_count(),
        "load_before": results.load,
        "system": platform.platform(),
        "devices": results.devices,
        "figures": [describe(program, name, about, results)
                    for program, name, about in figures.FIGURES if name in results.values],
        "failures": results.failures,
    }
    with open(options.json, "w", encoding="utf-8") as f:
        json.dump(data, f, indent=1)
        f.write("\n")
