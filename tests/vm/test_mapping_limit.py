#!/usr/bin/env python3
"""test_mapping_limit.py …: a guest maps more memory than `--max-mappings` allows. Its program gets an
error of Vulkan, the server's message names the option, and what comes after works. Before that, it
frees and allocates memory again and again: most of it needs no new mapping."""

import re

import gpu
import image
import options
from machine import Machine
from verdict import conclude, expect

LIMIT = 48
SECONDS = 60
ROUNDS = 200  # of guest_vm_bench, in one size; and some more, each in another


def run_in(guest, device, arguments):
    def program(text):
        return guest.check(f"/mnt/programs/drm/{text}", SECONDS, mesa=arguments.mesa)

    print("-- again and again", flush=True)
    before = device.counts()["maps"]
    program("guest_vm_bench --only memory --live 0")
    maps = device.counts()["maps"] - before
    expect(maps < ROUNDS, f"{maps} mappings were made for {ROUNDS} memories of one size, and others")
    print(f"   {maps} mappings were made", flush=True)

    print("-- more than the limit", flush=True)
    output = program("guest_vm_bench --only memory --live 100")
    cap = re.search(r"^live_mappings_cap ([0-9]+) (VK_ERROR_[A-Z_]+)$", output, re.MULTILINE)
    expect(cap, f"the program met no limit:\n{output}")
    expect(0 < int(cap[1]) <= LIMIT, f"{cap[1]} memories were mapped with a limit of {LIMIT}")
    expect("(--max-mappings)" in device.log(), "the server's messages do not name the option")
    print(f"   {cap[1]} memories were mapped, then {cap[2]}", flush=True)

    print("-- afterwards", flush=True)
    program("guest_drm_memory --mappings 20")
    device.check_alive()
    expect(guest.process.poll() is None, "QEMU has ended")


def run(arguments):
    image.folder()
    with gpu.Vesper(arguments.vesper, outputs=1,
                    arguments=("--max-mappings", str(LIMIT),
                               *arguments.server_option)) as device:
        with Machine(**options.machine(arguments), **device.settings()) as guest:
            run_in(guest, device, arguments)


conclude(run, options.parser(__doc__).parse_args())
