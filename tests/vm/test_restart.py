#!/usr/bin/env python3
"""test_restart.py --kernel NAME …: `vesper serve` is killed while a guest draws and computes. QEMU and
the guest go on; a new server takes the GPU's place by hot-plugging, and Vulkan and the display are
back. Why by hot-plugging: docs/virtio-gpu.md."""

import time

import display
import gpu
import image
import options
import qemu
from machine import Machine, MachineError
from verdict import conclude, expect

PATIENCE = 60


def works(guest, device, arguments):
    text = guest.check("vulkaninfo --summary", PATIENCE, mesa=arguments.mesa)
    expect("Virtio-GPU Venus" in text, "vulkaninfo does not show the Venus device")
    talk = display.Conversation(guest, device, "drm_blob_scanout", "--buffer host3d",
                                arguments.mesa)
    talk.run()
    expect(talk.status == 0, f"drm_blob_scanout: status {talk.status}\n{talk.output}")
    expect(talk.looked > 0, "no picture was looked at")
    print(f"   Vulkan works, {talk.looked} pictures are on the display", flush=True)


def kill_server(guest, device):
    device.process.kill()
    device.process.wait()
    for name in ("gpu", "control"):
        (device.folder / name).unlink()
    time.sleep(1)
    expect(guest.process.poll() is None, "QEMU has ended with the server")
    expect(guest.check("echo alive", PATIENCE).strip() == "alive", "the guest hangs")


def accepts(guest, command, **words):
    try:
        guest.qmp(command, **words)
        return True
    except MachineError:
        return False


def replace_gpu(guest, device):
    """What the person, or the program, that runs QEMU does over QMP."""
    guest.qmp("device_del", id="gpu")
    guest.wait_until(lambda: accepts(guest, "chardev-remove", id="gpu"), PATIENCE,
                     "the end of the dead GPU", step=0.1)
    device.start()
    guest.qmp("chardev-add", id="gpu", backend={"type": "socket", "data": {
        "server": False,
        "addr": {"type": "unix", "data": {"path": str(device.folder / "gpu")}}}})
    guest.qmp("device_add", **qemu.VESPER_DEVICE)
    guest.check("until test -e /dev/dri/renderD*; do sleep 0.1; done", PATIENCE)


def survives(guest, device, arguments, program):
    """`program` holds the GPU when the server dies."""
    number = guest.begin(program, mesa=arguments.mesa) if program else None
    if number is not None:
        guest.wait_until(lambda: device.counts()["contexts"] > 0, PATIENCE,
                         "a context of the program", step=0.1)
    kill_server(guest, device)
    if number is not None:
        guest.signal(number, "KILL")
    replace_gpu(guest, device)
    works(guest, device, arguments)


def run(arguments):
    image.folder()
    with gpu.Vesper(arguments.vesper, outputs=1, arguments=arguments.server_option) as device:
        with Machine(**options.machine(arguments), **device.settings()) as guest:
            print("-- before", flush=True)
            works(guest, device, arguments)
            print("-- an idle guest's server is killed", flush=True)
            survives(guest, device, arguments, None)
            print("-- a busy guest's server is killed", flush=True)
            survives(guest, device, arguments, "exec /mnt/programs/guest_forever")


conclude(run, options.parser(__doc__).parse_args())
