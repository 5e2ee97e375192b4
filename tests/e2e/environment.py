"""Where things are: drivers, programs, the server's command; and the words of a test's end.

Every test here is a program: exit status 0 passed, 77 something is missing (the reason is
printed), anything else failed."""

import argparse
import json
import os
import shlex
import signal
import sys

SKIP = 77

# Mesa of Debian's backports (26.1 or later) and of Debian 13 itself (25.0).
MESAS = ("backports", "stable")

# Nothing of the caller's choice of drivers and layers may leak into a test.
CLEARED = ("VK_", "VN_", "VTEST_", "MESA_", "LP_", "GALLIUM_", "LD_PRELOAD", "DISPLAY", "WAYLAND",
           "MALLOC_PERTURB_")


class Failure(Exception):
    """What did not hold, in words for the reader of the log."""


class Skip(Exception):
    """What is missing for this test."""


class Settings:
    """The command line that all tests share."""

    def __init__(self, arguments):
        self.programs = os.path.abspath(arguments.programs)
        self.scale = arguments.slow
        self.sanitized = arguments.sanitized
        foreign = os.environ.get("VESPER_E2E_SERVER")
        if foreign:
            # For comparing with another server: SOCKET stands for the path.
            self.server_command = shlex.split(foreign)
        else:
            self.server_command = [os.path.abspath(arguments.vesper), "vtest", "--socket", "SOCKET"]
        self.foreign = bool(foreign)

    def program(self, name):
        path = os.path.join(self.programs, "guest_" + name)
        if not os.access(path, os.X_OK):
            raise Skip(f"the program {name} is not built ({path})")
        return path


def manifest(kind, mesa):
    """The manifest of the driver `kind` (lvp or virtio) of one Mesa."""
    folder = os.environ.get("VESPER_ICD_DIR", "/var/lib/vesper-env/icd")
    path = os.path.join(folder, f"{kind}-{mesa}.json")
    if not os.path.exists(path):
        raise Skip(f"no driver manifest {path}")
    return path


def guest_mesas():
    """The guest drivers that are there."""
    offered = []
    for mesa in MESAS:
        try:
            manifest("virtio", mesa)
            offered.append(mesa)
        except Skip:
            pass
    if not offered:
        raise Skip("no guest driver")
    return offered


def clean_environment(driver_manifest):
    env = {k: v for k, v in os.environ.items() if not k.startswith(CLEARED)}
    env["VK_DRIVER_FILES"] = driver_manifest
    env["VK_LOADER_LAYERS_DISABLE"] = "~implicit~"
    env["MESA_SHADER_CACHE_DISABLE"] = "true"
    return env


def portability_manifest(path, folder):
    """The same driver as one that only those see who ask for portability drivers, too."""
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    content["ICD"]["is_portability_driver"] = True
    made = os.path.join(folder, "portability-" + os.path.basename(path))
    with open(made, "w", encoding="utf-8") as file:
        json.dump(content, file)
    return made


def host_is_like(profile):
    """The host's driver has the limits of this profile of the layer of tests/hosts."""
    return "VESPER_HOST_LAYERS" in os.environ and os.environ["VESPER_HOST_PROFILE"] == profile


def host_environment(mesa, folder):
    """For the server and for native runs: what chooses the host's driver. VESPER_HOST_LAYERS names
    a folder with the layer of tests/hosts, which then gives it the limits of another driver,
    VESPER_HOST_PROFILE says which. `folder` takes temporary files, and caches, which would otherwise be
    left in the home folder."""
    path = manifest("lvp", mesa)
    layers = os.environ.get("VESPER_HOST_LAYERS")
    if layers and host_is_like("moltenvk"):
        path = portability_manifest(path, folder)
    env = clean_environment(path)
    env["XDG_CACHE_HOME"] = os.path.join(folder, "cache")
    if not layers:
        return env
    env["VK_ADD_LAYER_PATH"] = layers
    env["VK_INSTANCE_LAYERS"] = "VK_LAYER_VESPER_mac"
    return env


def guest_environment(mesa, socket_path):
    env = clean_environment(manifest("virtio", mesa))
    env["VN_DEBUG"] = "vtest"
    env["VTEST_SOCKET_NAME"] = socket_path
    return env


def parser(description):
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--vesper", required=True, help="the server's program")
    made.add_argument("--programs", required=True, help="folder of the guest programs")
    made.add_argument("--slow", type=float, default=1.0, help="factor on every time limit")
    made.add_argument("--sanitized", action="store_true",
                      help="the server's memory is a sanitizer's, too")
    made.add_argument("--guest", choices=MESAS, default="backports", help="Mesa in the guest")
    made.add_argument("--host", choices=MESAS, default="backports", help="Mesa below the server")
    made.add_argument("--server-option", action="append", default=[],
                      help="a further option of the server")
    return made


def run_test(test, arguments):
    """Calls test(settings, arguments) and turns what it raises into the exit status."""
    conclude(lambda: test(Settings(arguments), arguments))


def conclude(test):
    """Calls test() and turns what it raises into the exit status."""
    # Meson's time limit must also end the children: let every `with` and `finally` run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        test()
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIP)
    except Failure as reason:
        sys.stdout.flush()
        print(f"FAILED: {reason}", file=sys.stderr)
        sys.exit(1)
    sys.exit(0)
