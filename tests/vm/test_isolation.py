#!/usr/bin/env python3
"""test_isolation.py …: programs in a guest whose rings or context streams wait for ever, and one whose
worker is stopped, beside one that makes round trips and one that flips pages: those go on as if they
were alone."""

import os
import signal

import display
import gpu
import image
import options
import processes
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
    return {pid for pid in processes.children(device.process.pid)
            if processes.count_threads(pid) > 1}


def stop_worker(guest, device, arguments):
    """The worker of a program that was running; the program hangs."""
    before = busy_workers(device)
    number = guest.begin("exec /mnt/programs/guest_forever", mesa=arguments.mesa)
    guest.wait_output(number, "forever on", PATIENCE)
    guest.wait_until(lambda: busy_workers(device) - before, PATIENCE, "a worker")
    for pid in busy_workers(device) - before:
        os.kill(pid, signal.SIGSTOP)
    return number


def test(guest, device, arguments):
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
    with gpu.Vesper(arguments.vesper, outputs=1, arguments=arguments.server_option) as device:
        with Machine(**options.machine(arguments), **device.settings()) as guest:
            test(guest, device, arguments)


conclude(run, options.parser(__doc__).parse_args())
