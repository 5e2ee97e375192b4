#!/usr/bin/env python3
"""test_vulkan.py --kernel NAME --mesa NAME …: Vulkan in a machine. The guest's unmodified Mesa sees
Vesper's device; programs leave in the guest the bytes that they leave natively on the host's driver;
a killed program leaves nothing; the machine starts again, and so does the GPU's next monitor."""

import pathlib
import subprocess
import tempfile
import time

import gpu
import host
import image
import options
import results
from machine import Machine
from verdict import Failure, Skip, conclude, expect

PROGRAMS = ["compute", "transfer", "dynamic_rendering", "queries", "events", "semaphores", "fences",
            "stages", "subpasses"]
LIMIT = 120


def has_the_device(guest, arguments):
    text = guest.check("vulkaninfo", LIMIT, mesa=arguments.mesa)
    expect("Virtio-GPU Venus" in text, "vulkaninfo does not show the Venus device")
    expect("apiVersion         = 1.2" not in text, "the guest sees Vulkan 1.2 only")
    expect("VK_KHR_swapchain" in text, "the guest has no VK_KHR_swapchain")


def native_sections(arguments, program, folder):
    out = folder / program
    subprocess.run([arguments.programs / f"guest_{program}", "--out", out], check=True,
                   stdout=subprocess.DEVNULL, timeout=LIMIT,
                   env=host.environment("backports", folder))
    return results.parse(out.read_bytes(), program)


def leaves_native_bytes(guest, arguments):
    with tempfile.TemporaryDirectory(prefix="vesper-native.") as folder:
        for program in PROGRAMS:
            native = native_sections(arguments, program, pathlib.Path(folder))
            guest.check(f"/mnt/programs/guest_{program} --out /tmp/result && "
                        f"cp /tmp/result /mnt/out/{program}", LIMIT, mesa=arguments.mesa)
            remote = results.parse((guest.out / program).read_bytes(), program)
            difference = results.first_difference(native, remote)
            expect(not difference, f"{program}: {difference}")
            expect(native, f"{program} left nothing")
            print(f"   {program}: {len(native)} sections, the same", flush=True)


def wait_for_counts(device, condition, text):
    deadline = time.monotonic() + 30
    while not condition(device.counts()):
        if time.monotonic() > deadline:
            raise Failure(f"{text}: {device.counts()}")
        time.sleep(0.1)


def forgets_killed_programs(guest, device, arguments):
    before = device.counts()
    for _ in range(5):
        number = guest.begin("exec /mnt/programs/guest_forever", mesa=arguments.mesa)
        wait_for_counts(device, lambda counts: counts["contexts"] > before["contexts"],
                        "no context came")
        guest.signal(number, "KILL")
        guest.finish(number)
    wait_for_counts(device, lambda counts: counts["contexts"] <= before["contexts"] and
                    counts["resources"] <= before["resources"] and counts["mappings"] == 0,
                    "killed programs left something")


def starts_again(guest, device, arguments):
    """A program that ran when the machine was reset is gone with it."""
    before = device.counts()
    guest.begin("exec /mnt/programs/guest_forever", mesa=arguments.mesa)
    wait_for_counts(device, lambda counts: counts["contexts"] > before["contexts"],
                    "no context came")
    guest.reboot()
    wait_for_counts(device, lambda counts: counts["contexts"] <= before["contexts"],
                    "contexts outlived a reboot")
    has_the_device(guest, arguments)


def run(arguments):
    if not (arguments.programs / "guest_compute").exists():
        raise Skip("the programs of tests/guest are not built")
    image.folder()
    with gpu.Vesper(arguments.vesper, outputs=1, arguments=arguments.server_option) as device:
        settings = options.machine(arguments) | device.settings()
        with Machine(**settings) as guest:
            print("-- device", flush=True)
            has_the_device(guest, arguments)
            print("-- results", flush=True)
            leaves_native_bytes(guest, arguments)
            print("-- killed programs", flush=True)
            forgets_killed_programs(guest, device, arguments)
            print("-- reboot", flush=True)
            starts_again(guest, device, arguments)
        device.check_alive()
        # Leaving the block killed QEMU: the server waits for the next one.
        print("-- the next monitor", flush=True)
        with Machine(**settings) as guest:
            has_the_device(guest, arguments)
        device.check_alive()


conclude(run, options.parser(__doc__).parse_args())
