#!/usr/bin/env python3
"""test_display.py [OPTION…] [PROGRAM…]: boots the test machine once and runs the display programs
of tests/guest/drm in it, comparing what each display shows with what was drawn.

With `--gpu stock` the GPU is QEMU's own, without Vulkan: a check of the tests themselves. Exit
status: 0 all held, 77 nothing could be run, 1 otherwise."""

import pathlib
import sys
import time

sys.dont_write_bytecode = True

import display  # noqa: E402
import gpu  # noqa: E402
import image  # noqa: E402
import machine  # noqa: E402
import options  # noqa: E402
from verdict import SKIP, Failure, Skip, conclude  # noqa: E402

# (program, arguments, what it needs of the GPU, how its own skip may begin)
CASES = [
    ("drm_dumb", "", (), None),
    ("drm_flips", "", (), None),
    ("drm_cursor", "", (), None),
    ("drm_cursor", "--commit atomic", (), "this kernel shows atomic clients no cursor plane"),
    ("drm_outputs", "", ("plugs",), None),
    ("drm_outputs", "--hotplug 0", ("several",), None),
    ("drm_blob_scanout", "--buffer gbm", ("venus",), None),
    ("drm_blob_scanout", "--buffer gbm --commit atomic", ("venus",), None),
    ("drm_blob_scanout", "--buffer guest", ("venus",), None),
    ("drm_blob_scanout", "--buffer guest --commit atomic", ("venus",), None),
    ("drm_blob_scanout", "--buffer host3d", ("venus",), "the device does not offer VK_"),
    ("drm_blob_scanout", "--buffer host3d --commit atomic", ("venus",),
     "the device does not offer VK_"),
    ("drm_memory", "--mappings 1", ("venus",), None),
    ("drm_memory", "--mappings 300", ("venus",), None),
    ("drm_fence", "", ("venus",), "the device"),
    ("drm_wsi", "", ("venus",), "the device does not offer VK_"),
]


def run_case(guest, device, case, arguments):
    """What came of it, in words; raises what did not hold."""
    program, options, needs, may_skip = case
    missing = [need for need in needs if not getattr(device, need)]
    if missing:
        return "skipped", "this GPU has not: " + ", ".join(missing)
    talk = display.Conversation(guest, device, program, options, arguments.mesa, arguments.keep)
    start = time.monotonic()
    talk.run()
    if talk.status == SKIP:
        reason = talk.output.strip().splitlines()[-1].removeprefix("skipped: ")
        if may_skip and reason.startswith(may_skip):
            return "skipped", reason
        raise Failure(f"skipped, which it may not: {reason}")
    if talk.status != 0:
        raise Failure(f"status {talk.status}:\n{talk.output}")
    words = f"{talk.looked} pictures, {time.monotonic() - start:.1f} s"
    return "passed", words + (f", {talk.unseen} not looked at" if talk.unseen else "")


def connect_all(guest, device):
    """At first only one display is plugged; with QEMU's own GPU the guest has to insist."""
    if not device.several:
        return
    status = "/sys/class/drm/card*-Virtual-2/status"
    if device.plugs:
        device.request(f"display 1 {device.width}x{device.height}")
    else:
        guest.check(f"echo on >$(echo {status})")
    guest.check(f"until grep -qx connected {status}; do sleep 0.05; done", 30)


def run_all(guest, device, arguments):
    failures = passed = 0
    connect_all(guest, device)
    for case in CASES:
        if arguments.program and case[0] not in arguments.program:
            continue
        name = f"{case[0]} {case[1]}".strip()
        try:
            verdict, words = run_case(guest, device, case, arguments)
            passed += verdict == "passed"
        except (Failure, gpu.GpuError) as error:
            failures += 1
            verdict, words = "FAILED", str(error)
        print(f"{name}: {verdict}: {words}", flush=True)
        if isinstance(device, gpu.Vesper):
            device.check_alive()
    return failures, passed


def parse_arguments():
    parser = options.parser(__doc__)
    parser.add_argument("--gpu", choices=["vesper", "window", "swapchain", "stock"], default="vesper")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for pictures that differ")
    parser.add_argument("program", nargs="*")
    return parser.parse_args()


def make_gpu(arguments):
    if arguments.gpu == "stock":
        return gpu.Stock()
    if arguments.gpu == "window":
        return gpu.Window(arguments.vesper, ",present=software",
                          arguments=arguments.server_option)
    if arguments.gpu == "swapchain":
        return gpu.Window(arguments.vesper, ",present=fifo", arguments=arguments.server_option)
    return gpu.Vesper(arguments.vesper, arguments=arguments.server_option)


def run(arguments):
    machine.leave_on_sigterm()
    if not (arguments.programs / "drm").is_dir():
        raise Skip("the programs of tests/guest/drm are not built")
    image.folder()
    with make_gpu(arguments) as device:
        with machine.Machine(**options.machine(arguments), **device.settings()) as guest:
            failures, passed = run_all(guest, device, arguments)
        if failures or not passed:
            raise Failure(f"{failures} of the cases failed, {passed} passed")


conclude(run, parse_arguments())
