#!/usr/bin/env python3
"""vesper selftest says ok where what it tests is so, and failed, by name, where it is not: without a
driver, and, where the host is like a Mac (VESPER_HOST_PROFILE), with each fault that the layer and the
preload of tests/hosts can have."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import environment
import processes
from environment import Failure

IMPORTS = {"import-types", "import-gpu-writes", "import-cpu-writes", "import-odd-size",
           "import-odd-pointer", "import-images"}
# What needs no driver.
SYSTEM = {"page-size", "shared-memory", "shared-memory-processes", "descriptor-limit",
          "socket-messages", "socket-descriptors", "socket-overflow", "socket-closed", "wake-pipe"}


# What is broken, and the checks that must tell.
SYSTEM_FAULTS = {
    "pages": ["page-size"],
    "shared": ["shared-memory", "shared-memory-processes"],
    "limits": ["descriptor-limit"],
    "messages": ["socket-messages"],
    "descriptors": ["socket-descriptors", "worker"],
    "overflow": ["socket-overflow"],
    "closed": ["socket-closed"],
    "pipes": ["wake-pipe"],
}
DRIVER_FAULTS = {
    "VESPER_VULKAN_LIBRARY=/nonexistent/libvulkan.so": ["vulkan-library"],
    "VESPER_HOST_FAIL=vkCreateInstance:0:-9": ["vulkan-devices", "portability-enumeration"],
    "VESPER_HOST_FAIL=vkCreateDevice:0:-3": ["vulkan-devices", "portability-subset"],
    "VESPER_HOST_FAIL=vkAllocateMemory:0:-2": ["import-types"],
    "VESPER_HOST_FAIL=vkQueueSubmit:0:-4": ["import-gpu-writes", "import-cpu-writes",
                                            "timeline-semaphores", "fence-wait"],
    "VESPER_HOST_COPIES=1": ["import-gpu-writes", "import-cpu-writes", "import-odd-size",
                             "import-odd-pointer"],
    "VESPER_HOST_FAIL=vkCreateSwapchainKHR:0:-3": ["swapchain-headless"],
    "VESPER_HOST_FAIL=vkQueuePresentKHR:2:-1000001004": ["swapchain-headless"],
}


def ask(vesper, variables, *arguments):
    ended = processes.run([vesper, "selftest", "--json", *arguments], variables, 120)
    start = ended.output.find("{")
    if start < 0:
        raise Failure(f"selftest {ended.describe()}:\n{ended.output}")
    checks = json.JSONDecoder().raw_decode(ended.output[start:])[0]["checks"]
    return ended.status, {name: check["result"] for name, check in checks.items()}


def expect(status, results, failed, not_here):
    """All checks but these are ok, and the status says whether any failed."""
    for result, names in (("failed", failed), ("not here", not_here)):
        found = {name for name, said in results.items() if said == result}
        if found != names:
            raise Failure(f"{result}: {sorted(found)}, expected {sorted(names)}")
    if not SYSTEM | IMPORTS <= set(results) or (status != 0) != bool(failed):
        raise Failure(f"status {status}, checks {sorted(results)}")


def check_faults(vesper, variables, faults):
    """Each check passes without the fault, and fails with it."""
    _, before = ask(vesper, variables)
    for fault, checks in faults.items():
        name, _, value = fault.partition("=")
        for check in checks:
            status, after = ask(vesper, {**variables, name: value}, "--only", check)
            if before[check] != "ok" or after != {check: "failed"} or status != 1:
                raise Failure(f"{fault}: {check} is {before[check]} without, {after[check]} with it")
            print(f"{fault}: {check} fails", flush=True)


def check_all_faults(vesper, host):
    if environment.host_is_like("kosmickrisp"):
        # The one profile with such images; the rest is the same.
        check_faults(vesper, host, {"VESPER_HOST_COPIES=1": ["import-images"]})
        return
    preload = {**host, "LD_PRELOAD": os.environ["VESPER_SERVER_PRELOAD"]}
    check_faults(vesper, preload, {"VESPER_DARWIN_RULES_BREAK=" + name: checks
                                   for name, checks in SYSTEM_FAULTS.items()})
    check_faults(vesper, host, DRIVER_FAULTS)


def check_window(vesper, host):
    """A window on an X server without a screen; in the layer its swapchain can fail."""
    server = shutil.which("Xvfb")
    if not server:
        print("the window is not looked at: there is no Xvfb", flush=True)
        return
    ours, its = os.pipe()
    screen = subprocess.Popen([server, "-displayfd", str(its), "-screen", "0", "320x240x24",
                               "-noreset", "-nolisten", "tcp"], pass_fds=[its],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    os.close(its)
    try:
        with os.fdopen(ours) as pipe:
            host = {**host, "DISPLAY": ":" + pipe.readline().strip()}
        _, results = ask(vesper, host, "--only", "swapchain-window")
        if results != {"swapchain-window": "ok"}:
            raise Failure(f"with an X server: {results}")
        if os.environ.get("VESPER_HOST_PROFILE"):
            fault = "VESPER_HOST_FAIL=vkCreateSwapchainKHR:0:-3"
            _, results = ask(vesper, {**host, **dict([fault.split("=", 1)])}, "--only",
                             "swapchain-window")
            if results != {"swapchain-window": "failed"}:
                raise Failure(f"{fault}: {results}")
    finally:
        screen.terminate()
        screen.wait()


def test(_, arguments):
    with tempfile.TemporaryDirectory() as folder:
        host = environment.host_environment(arguments.guest, folder)
        host["XDG_RUNTIME_DIR"] = folder
        # There is no screen, and SDL's word for it.
        subset = {"swapchain-window"}
        if not environment.host_is_like("moltenvk"):
            subset.add("portability-subset")
        images = {"import-images"} if environment.host_is_like("moltenvk") else set()
        expect(*ask(arguments.vesper, host), set(), subset | images)
        check_window(arguments.vesper, host)
        if os.environ.get("VESPER_HOST_PROFILE"):
            expect(*ask(arguments.vesper, {**host, "VESPER_HOST_HIDE": "VK_EXT_external_memory_host"}),
                   IMPORTS, subset)
            check_all_faults(arguments.vesper, host)
        status, results = ask(arguments.vesper, {**host, "VK_DRIVER_FILES": "/nonexistent"})
        wrong = {name for name in SYSTEM if results[name] != "ok"}
        if wrong or status != 1 or results["vulkan-devices"] != "failed":
            raise Failure(f"without a driver: status {status}, {results}")


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args())
