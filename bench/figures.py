"""What is measured, and what a list of samples says."""

import math
import statistics

# (program of vesper-bench, figure, what one operation is). The unit comes with the sample.
FIGURES = [
    ("draws", "record", "draws recorded, nothing else changes"),
    ("draws", "record_vertex_buffer", "draws recorded, each with its vertex buffer"),
    ("draws", "record_push", "draws recorded, each with push constants"),
    ("draws", "record_offset", "draws recorded, each with a dynamic offset"),
    ("draws", "record_update", "draws recorded, each with a set updated and bound"),
    ("draws", "update_set", "descriptor sets updated, one buffer each"),
    ("draws", "draw", "draws recorded, submitted, executed"),
    ("draws", "draw_empty", "the same with no instances: little to execute"),
    ("draws", "draw_vertex_buffer", "draws executed, each with its vertex buffer"),
    ("draws", "draw_update", "draws executed, each with a set updated and bound"),
    ("latency", "reply", "a call with a reply"),
    ("latency", "reply_after_idle", "a call with a reply after 20 ms of silence"),
    ("latency", "submit_fence", "an empty submission and its fence"),
    ("memory", "allocate_map_free", "allocate 64 KiB, map, touch, free"),
    ("memory", "allocate_free", "allocate 64 KiB, free"),
    ("memory", "create_buffer", "create and destroy a buffer"),
    ("transfer", "fills_10000", "10,000 fills recorded, submitted, waited for"),
    ("transfer", "copy_64MiB", "copy 64 MiB, waited for"),
    ("start", "first_submit", "process start to the first fence"),
    ("start", "process_wall", "the whole of that process"),
    ("hold", "memory_idle", "server's share of memory without a client"),
    ("hold", "memory_client", "with one client that holds a device and 16 MiB"),
    ("hold", "idle_wakeups", "server's wake-ups in 3 s in which that client is idle"),
    ("hold", "idle_cpu", "server's CPU time in these 3 s"),
]


def selected(only):
    """{program: [figures]} for a program's or a figure's name, or for None: all of them."""
    chosen = {}
    for program, figure, _ in FIGURES:
        if only in (None, program, figure):
            chosen.setdefault(program, []).append(figure)
    return chosen


def more_is_better(unit):
    return unit.endswith("/s")


class Samples:
    """One figure: its unit, and for each way one value a round, None where it failed."""

    def __init__(self, unit):
        self.unit = unit
        self.ways = {}

    def add(self, way, round_index, value):
        values = self.ways.setdefault(way, [])
        values += [None] * (round_index - len(values))
        values.append(value)

    def median(self, way):
        values = [v for v in self.ways.get(way, []) if v is not None]
        return statistics.median(values) if values else None

    def pairs(self, way, other):
        """Both ways' values of every round in which both were measured."""
        both = zip(self.ways.get(way, []), self.ways.get(other, []))
        return [(a, b) for a, b in both if a is not None and b is not None]

    def ratio(self, way, other):
        """(ratio of the medians, least, greatest ratio of one round), or None without them."""
        rounds = [a / b for a, b in self.pairs(way, other) if b]
        if not rounds or not self.median(other):
            return None
        return self.median(way) / self.median(other), min(rounds), max(rounds)

    def is_worse(self, a, b):
        return a < b if more_is_better(self.unit) else a > b

    def verdict(self, way, other):
        """Any difference of the medians for the worse is worse, however little. What follows says
        whether the rounds agree, or whether equal ways would come to as many worse ones in more
        than one run of ten. None if a way has no samples."""
        pairs = self.pairs(way, other)
        if not pairs:
            return None
        worse = self.is_worse(self.median(way), self.median(other))
        rounds = sum(self.is_worse(a, b) for a, b in pairs)
        word = "not worse"
        if worse:
            word = "within chance worse" if chance(rounds, len(pairs)) > 0.1 else "WORSE"
        return f"{word} than {other} (worse in {rounds} of {len(pairs)} rounds)"


def chance(count, rounds):
    """How likely a fair coin falls on its head at least `count` times of `rounds`."""
    return sum(math.comb(rounds, k) for k in range(count, rounds + 1)) / 2**rounds


class Results:
    """Everything that one run measured."""

    def __init__(self):
        self.values = {}  # figure: Samples
        self.cpu = {}  # figure: Samples of the server's CPU time for it
        self.devices = {}  # way: what the program saw
        self.failures = []
        self.load = 0.0  # of the machine before anything was measured

    def add(self, figure, way, round_index, value, unit):
        self.values.setdefault(figure, Samples(unit)).add(way, round_index, value)

    def add_cpu(self, figure, way, round_index, seconds):
        self.cpu.setdefault(figure, Samples("CPU ms")).add(way, round_index, seconds * 1e3)
