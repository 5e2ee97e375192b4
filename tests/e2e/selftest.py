#!/usr/bin/env python3
"""vesper selftest says ok where what it tests is so, and failed, by name, where it is not: without a
driver, and, where the host is like a Mac (VESPER_HOST_PROFILE), on one that imports no pointers."""

import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import environment
import processes
from environment import Failure

IMPORTS = {"import-types", "import-gpu-writes", "import-cpu-writes", "import-odd-size",
           "import-odd-pointer"}
# What needs no driver.
SYSTEM = {"page-size", "shared-memory", "shared-memory-processes", "descriptor-limit",
          "socket-messages", "socket-descriptors", "socket-overflow", "socket-closed", "wake-pipe"}


def ask(vesper, variables):
    ended = processes.run([vesper, "selftest", "--json"], variables, 120)
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


def test(_, arguments):
    with tempfile.TemporaryDirectory() as folder:
        host = environment.host_environment(arguments.guest, folder)
        subset = set() if environment.host_is_like("moltenvk") else {"portability-subset"}
        expect(*ask(arguments.vesper, host), set(), subset)
        if os.environ.get("VESPER_HOST_PROFILE"):
            expect(*ask(arguments.vesper, {**host, "VESPER_HOST_HIDE": "VK_EXT_external_memory_host"}),
                   IMPORTS, subset)
        status, results = ask(arguments.vesper, {**host, "VK_DRIVER_FILES": "/nonexistent"})
        wrong = {name for name in SYSTEM if results[name] != "ok"}
        if wrong or status != 1 or results["vulkan-devices"] != "failed":
            raise Failure(f"without a driver: status {status}, {results}")


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args())
