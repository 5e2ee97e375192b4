"""The host's Vulkan driver, and the rules that its system has for the server: Linux's own or, where
the variables of tests/e2e/environment.py say so, those of tests/hosts. Whoever imports this can
import what else tests/e2e has."""

import os
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from environment import host_environment  # noqa: E402


def environment(mesa, folder, server=False):
    """For a native run, or for the server. `folder` takes temporary files and caches."""
    if "VESPER_HOST_LAYERS" not in os.environ:
        icds = pathlib.Path(os.environ.get("VESPER_ICD_DIR", "/var/lib/vesper-env/icd"))
        env = dict(os.environ)
        env.setdefault("VK_DRIVER_FILES", str(icds / f"lvp-{mesa}.json"))
        env["XDG_CACHE_HOME"] = os.path.join(folder, "cache")
        return env
    env = host_environment(mesa, str(folder))
    if server:
        env["VESPER_HOST_STRICT"] = "1"
        env["LD_PRELOAD"] = os.environ["VESPER_SERVER_PRELOAD"]
    return env
