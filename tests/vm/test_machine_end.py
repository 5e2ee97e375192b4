#!/usr/bin/env python3
"""How a test machine ends that nobody has switched off: QEMU is killed, never starts, or the test
that started it is killed. It is said, and nothing is left."""

import os
import shutil
import subprocess
import sys
import time

import image
from machine import Machine
from verdict import conclude, expect, expect_error, run_tests


def qemu_is_killed():
    with Machine(append="vesper.gpu=no") as guest:
        folder = guest.folder
        expect(guest.run("test -e /dev/dri")[0] == 1, "vesper.gpu=no loads the driver")
        guest.process.kill()
        expect_error("has ended", guest.run, "true")
    expect(not folder.exists(), f"{folder} is left")


def qemu_does_not_start():
    guest = Machine(["-device", "nothing"])
    expect_error("not a valid device model", guest.__enter__)
    expect(guest.folder is None and guest.process.returncode == 1, "something is left of it")


def is_there(pid):
    """A zombie that nobody takes is no process any more."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_is_killed():
    text = ("import machine, time\n"
            "guest = machine.Machine()\n"
            "guest.__enter__()\n"
            "print(guest.process.pid, guest.folder, flush=True)\n"
            "time.sleep(1000)\n")
    parent = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True,
                              env=os.environ | {"PYTHONPATH": str(image.HERE)})
    with parent.stdout:
        pid, _, folder = parent.stdout.readline().strip().partition(" ")
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 20
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    shutil.rmtree(folder)
    expect(not is_there(pid), "QEMU outlives the test that started it")


conclude(run_tests, [qemu_is_killed, qemu_does_not_start, test_is_killed])
