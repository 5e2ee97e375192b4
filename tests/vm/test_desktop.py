#!/usr/bin/env python3
"""test_desktop.py …: a desktop in a guest, and vkcube in a window of it. The compositor draws by OpenGL
on the guest's Vulkan, the cube's frames come to it without a copy, and it is seen turning."""

import time

import gpu
import image
import options
from desktop import Desktop
from machine import Machine
from verdict import conclude, expect

PICTURES = 4
LOOK_SECONDS = 30


def expect_zero_copy(desktop):
    renderer = desktop.renderer()
    expect("zink" in renderer and "Virtio-GPU Venus" in renderer,
           f"weston does not draw on Venus: {renderer}")
    dma_bufs = desktop.count_requests("zwp_linux_dmabuf_v1.create_params")
    expect(dma_bufs >= 2, f"vkcube made {dma_bufs} dma-bufs")
    expect(desktop.count_requests("wl_shm.create_pool") == 0, "vkcube copies into shared memory")
    print(f"   {renderer}; the cube has {dma_bufs} dma-bufs", flush=True)


def expect_turning(guest, device):
    seen = set()
    deadline = time.monotonic() + LOOK_SECONDS
    while len(seen) < PICTURES:
        expect(time.monotonic() < deadline, f"the cube does not turn: {len(seen)} pictures")
        shown = device.capture(guest, 0)
        expect(shown and not shown.is_black(), "the desktop is black")
        seen.add(shown.rgb)
        time.sleep(0.3)
    print(f"   {PICTURES} different pictures", flush=True)


def run(arguments):
    image.folder()
    with gpu.Vesper(arguments.vesper, outputs=1, arguments=arguments.server_option) as device:
        with Machine(**options.machine(arguments), **device.settings()) as guest:
            desktop = Desktop(guest, arguments.mesa, not arguments.copies)
            desktop.start()
            desktop.wait_for_cube()
            if not arguments.copies:
                expect_zero_copy(desktop)
            expect_turning(guest, device)
            expect(device.counts()["errors"] == 0, "the device has refused requests")
        device.check_alive()


def parse_arguments():
    parser = options.parser(__doc__)
    parser.add_argument("--copies", action="store_true", help="pixman, and frames that are copied")
    return parser.parse_args()


conclude(run, parse_arguments())
