"""The host's Vulkan driver, and the rules that its system has for the server: Linux's own or, where
the variables of tests/e2e/environment.py say so, those of tests/hosts."""

import importlib.util
import os
import pathlib

E2E = pathlib.Path(__file__).resolve().parent.parent / "e2e"


def load(name):
    """A module of tests/e2e; this folder may have one of the same name."""
    spec = importlib.util.spec_from_file_location(f"e2e_{name}", E2E / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environment(mesa, folder, server=False):
    """For a native run, or for the server. `folder` takes temporary files."""
    if "VESPER_HOST_LAYERS" not in os.environ:
        icds = pathlib.Path(os.environ.get("VESPER_ICD_DIR", "/var/lib/vesper-env/icd"))
        env = dict(os.environ)
        env.setdefault("VK_DRIVER_FILES", str(icds / f"lvp-{mesa}.json"))
        return env
    env = load("environment").host_environment(mesa, str(folder))
    if server:
        env["VESPER_HOST_STRICT"] = "1"
        env["LD_PRELOAD"] = os.environ["VESPER_SERVER_PRELOAD"]
    return env
