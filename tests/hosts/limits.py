#!/usr/bin/env python3
"""The layer gives a driver the limits of one on a Mac: vulkaninfo, run natively, shows them. Without
this the rest of the suite could pass on a driver that has everything."""

import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
# pylint: disable=wrong-import-position
import environment  # noqa: E402
import processes  # noqa: E402
from environment import Failure, Skip  # noqa: E402

NEVER = (
    r"VK_\w+_fd", r"VK_\w+_dma_buf", "VK_EXT_image_drm_format_modifier",
    "VK_EXT_queue_family_foreign", "VK_EXT_transform_feedback", "VK_EXT_custom_border_color",
)
# Of every driver on a Mac, and of MoltenVK.
ALWAYS = {
    "kosmickrisp": {
        "geometryShader": "false", "robustBufferAccess2": "false", "sparseBinding": "false",
        "minImportedHostPointerAlignment": "0x00004000", "memoryTypes: count": "2",
    },
    "moltenvk": {"triangleFans": "false", "pointPolygons": "false", "events": "true",
                 "minVertexInputBindingStrideAlignment": "4"},
}
FAMILIES = {"moltenvk": 4, "kosmickrisp": 1}


def run(program, env):
    ended = processes.run([program], env, 60)
    if ended.status != 0:
        raise Failure(f"vulkaninfo {ended.describe()}")
    return ended.output


def check_values(text, wanted):
    for name, value in wanted.items():
        found = re.search(rf"{name}\s*=\s*(\S+)", text)
        if not found or found.group(1) != value:
            raise Failure(f"{name} is {found.group(1) if found else 'not shown'}, not {value}")


def check(text, profile):
    extensions = re.findall(r"^\s*(VK_\w+)\s*: extension revision", text, re.MULTILINE)
    # Instance extensions come first, and are the loader's.
    offered = extensions[extensions.index("VK_EXT_tooling_info"):]
    wrong = [name for name in offered for never in NEVER if re.fullmatch(never, name)]
    if wrong:
        raise Failure(f"the device offers {wrong}")
    if ("VK_KHR_portability_subset" in offered) != (profile == "moltenvk"):
        raise Failure("VK_KHR_portability_subset is not as the profile has it")
    families = len(re.findall(r"queueProperties\[\d+\]", text))
    if families != FAMILIES[profile]:
        raise Failure(f"{families} queue families")
    check_values(text, ALWAYS["kosmickrisp"] | ALWAYS[profile])
    return len(offered)


def test(_, arguments):
    program = shutil.which("vulkaninfo")
    if not program:
        raise Skip("vulkaninfo is not installed")
    profile = os.environ["VESPER_HOST_PROFILE"]
    with tempfile.TemporaryDirectory(prefix="vesper-limits.") as folder:
        env = environment.host_environment(arguments.host, folder)
        env["XDG_RUNTIME_DIR"] = folder
        text = run(program, env)
        print(f"{profile}: {check(text, profile)} extensions")
        plain = environment.clean_environment(environment.manifest("lvp", arguments.host))
        plain["XDG_RUNTIME_DIR"] = folder
        try:
            check(run(program, plain), profile)
        except Failure:
            return
        raise Failure("the driver has these limits without the layer: nothing is tested")


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args(sys.argv[1:]))
