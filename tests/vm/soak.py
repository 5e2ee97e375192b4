#!/usr/bin/env python3
"""soak.py [--boots N]: boots a machine many times in front of one `vesper serve`, by turns a new QEMU
and a reboot of its guest, which then maps memory and computes. What the server has when nobody is
connected must be the same in the end as after the first boots: processes, threads, descriptors, what
it counts itself, and memory but for MEMORY_SLACK. Not a part of `make check`: `make soak`."""

import sys
import time

import gpu
import image
import options
import processes
from machine import Machine
from verdict import conclude, expect

# Boots before the first measurement: allocators and the spare worker settle.
WARM_UP = 4
# Anonymous memory, of all processes together.
MEMORY = "memory_kib"
MEMORY_SLACK = 1024
SETTLE_SECONDS = 20
SECONDS = 120
WORK = ("vulkaninfo --summary >/dev/null",
        "/mnt/programs/drm/guest_drm_memory",
        "/mnt/programs/guest_compute")


def look(device):
    """What the server and its workers have, by name."""
    held = processes.Footprint(device.process.pid)
    counts = device.counts()
    return held.exact() | {name: counts[name] for name in (
        "contexts", "resources", "mappings", "parked", "pixel_bytes", "storages",
        "storage_bytes")} | {MEMORY: held.resident_kib}


def look_settled(device):
    """Once two looks in a row say the same, but for memory."""
    deadline = time.monotonic() + SETTLE_SECONDS
    before = None
    while True:
        time.sleep(1)
        now = look(device)
        if before and now | {MEMORY: 0} == before | {MEMORY: 0}:
            return now
        before = now
        expect(time.monotonic() < deadline, f"the server does not settle: {before}, {now}")


def work(guest, arguments):
    for command in WORK:
        guest.check(command, SECONDS, mesa=arguments.mesa)


def boot_twice(device, arguments):
    with Machine(**options.machine(arguments), **device.settings()) as guest:
        work(guest, arguments)
        guest.reboot()
        work(guest, arguments)


def compare(first, last):
    for name, value in first.items():
        slack = MEMORY_SLACK if name == MEMORY else 0
        expect(last[name] <= value + slack, f"{name} has grown from {value} to {last[name]}")


def run(arguments):
    image.folder()
    first = last = None
    with gpu.Vesper(arguments.vesper, outputs=1) as device:
        for boot in range(2, WARM_UP + arguments.boots + 1, 2):
            boot_twice(device, arguments)
            device.check_alive()
            last = look_settled(device)
            if boot == WARM_UP:
                first = last
            print(f"boot {boot:3}", *(f"{name}={value}" for name, value in last.items()),
                  flush=True)
    compare(first, last)
    print(f"{arguments.boots} boots: nothing has grown but memory, by "
          f"{last[MEMORY] - first[MEMORY]} KiB (up to {MEMORY_SLACK} are allowed)")


def parse_arguments():
    parser = options.parser(__doc__)
    parser.add_argument("--boots", type=int, default=100,
                        help=f"after {WARM_UP} to warm up; rounded up to an even number")
    arguments = parser.parse_args()
    arguments.boots = max(2, arguments.boots + arguments.boots % 2)
    return arguments


if sys.platform != "linux":
    sys.exit("soak.py reads /proc: it runs on Linux")
conclude(run, parse_arguments())
