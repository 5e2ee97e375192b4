#!/usr/bin/env python3
"""test_isolation.py …: programs in a guest whose rings or context streams wait for ever, and one whose
worker is stopped, beside one that makes round trips and one that flips pages: those go on as if they
were alone."""

import argparse
import os
import pathlib
import signal
import sys

import display
import gpu
import image
from machine import Machine
from verdict import conclude, expect

PATIENCE = 60
STUCK = ["ring", "stream", "ring", "stream"]


def begin_stuck(guest, where):
    number = guest.begin(f"exec /mnt/programs/drm/guest_drm_stuck --where {where}")
    guest.wait_output(number, "STUCK\n", PATIENCE)
    return number


def others_go_on(guest, device, arguments):
    """Round trips with fences, page flips, pictures, a display that is looked at."""
    guest.check("/mnt/programs/drm/guest_drm_fence --submits 200", PATIENCE, mesa=arguments.mesa)
    for program in ("drm_flips", "drm_blob_scanout --buffer host3d"):
        name, _, options = program.partition(" ")
        talk = display.Conversation(guest, device, name, options, arguments.mesa)
        talk.run()
        expect(talk.status == 0, f"{program}: status {talk.status}\n{talk.output}")
        expect(talk.looked > 0, f"{program}: no picture was looked at")


def busy_workers(device):
    """Those that serve a context: a spare one has a single thread."""
    found = set()
    for children in pathlib.Path(f"/proc/{device.process.pid}/task").glob("*/children"):
        for pid in children.read_text().split():
            try:
                found |= {int(pid)} if len(os.listdir(f"/proc/{pid}/task")) > 1 else set()
            except FileNotFoundError:
                pass  # it has just ended
    return found


def stop_worker(guest, device, arguments):
    """The worker of a program that was running; the program hangs."""
    before = busy_workers(device)
    number = guest.begin("exec /mnt/programs/guest_forever", mesa=arguments.mesa)
    guest.wait_output(number, "forever on", PATIENCE)
    guest.wait_until(lambda: busy_workers(device) - before, PATIENCE, "a worker")
    for pid in busy_workers(device) - before:
        os.kill(pid, signal.SIGSTOP)
    return number


def run_in(device, arguments):
    with Machine(kernel=arguments.kernel, programs=arguments.programs,
                 memory_backend=arguments.memory_backend, **device.settings()) as guest:
        before = device.counts()["contexts"]
        numbers = []
        for where in STUCK:
            print(f"-- one more waits for ever: {where}", flush=True)
            numbers.append(begin_stuck(guest, where))
            others_go_on(guest, device, arguments)
        print("-- the worker of another is stopped", flush=True)
        stopped = stop_worker(guest, device, arguments)
        others_go_on(guest, device, arguments)
        expect(device.counts()["contexts"] >= before + len(STUCK), "the stuck contexts ended")
        expect(not [n for n in numbers if n in guest.statuses], "a stuck program has ended")
        print("-- they are killed", flush=True)
        # Mesa ends a program itself whose ring gives no sign of life.
        if stopped not in guest.statuses:
            numbers.append(stopped)
        for number in numbers:
            guest.signal(number, "KILL")
            guest.finish(number, PATIENCE)
        guest.wait_until(lambda: device.counts()["contexts"] <= before, PATIENCE,
                         "the contexts of killed programs")
        guest.wait_until(lambda: not busy_workers(device), PATIENCE, "the end of their workers")
        others_go_on(guest, device, arguments)


def run(arguments):
    image.folder()
    with gpu.Vesper(arguments.vesper, outputs=1) as device:
        try:
            run_in(device, arguments)
        except BaseException:
            print("-- vesper", device.log(), sep="\n", file=sys.stderr)
            raise


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--vesper", default=str(image.REPO / "build/release/src/cli/vesper"))
    parser.add_argument("--programs", type=pathlib.Path,
                        default=image.REPO / "build/release/tests/guest")
    parser.add_argument("--kernel", choices=image.KERNELS, default="backports")
    parser.add_argument("--mesa", choices=["stable", "backports"], default="backports")
    parser.add_argument("--memory-backend", choices=["memfd", "shm"], default="memfd")
    return parser.parse_args()


conclude(run, parse_arguments())
