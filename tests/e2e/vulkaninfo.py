#!/usr/bin/env python3
"""The whole of vulkaninfo runs through the server, on a Venus device of Vulkan 1.3 at least."""

import re
import shutil
import sys

import environment
import processes
from environment import Failure, Skip
from server import Server

# Sections that a complete run prints; a run that ended early misses the later ones.
SECTIONS = (
    "VkPhysicalDeviceProperties:",
    "VkPhysicalDeviceLimits:",
    "Device Extensions:",
    "VkQueueFamilyProperties:",
    "VkPhysicalDeviceMemoryProperties:",
    "VkPhysicalDeviceFeatures:",
)


# What swapchains and compositors in a virtual machine need, offered where it is asked for.
EMULATED_EXTENSIONS = (
    "VK_EXT_external_memory_dma_buf",
    "VK_EXT_image_drm_format_modifier",
    "VK_EXT_queue_family_foreign",
    "VK_KHR_external_memory_fd",
)
DMA_BUF_EXTENSIONS = EMULATED_EXTENSIONS + ("VK_KHR_swapchain", "VK_KHR_wayland_surface")


def device_version(text):
    match = re.search(r"apiVersion\s*=\s*(\d+)\.(\d+)\.(\d+)", text)
    if not match:
        raise Failure("vulkaninfo prints no apiVersion")
    return tuple(int(part) for part in match.groups())


def check(text):
    name = re.search(r"deviceName\s*=\s*(.*)", text)
    if not name or "Venus" not in name.group(1):
        raise Failure(f"not a Venus device: {name.group(1) if name else 'no deviceName'}")
    version = device_version(text)
    if version < (1, 3):
        raise Failure(f"the device shows Vulkan {version} only")
    missing = [section for section in SECTIONS if section not in text]
    if missing:
        raise Failure(f"vulkaninfo's output misses {missing}")
    return name.group(1), version


def check_dma_bufs(settings, arguments, program):
    """The guest driver believes in dma-bufs that the host does not have."""
    options = ["--emulate-dma-bufs"]
    with Server(settings, arguments.host, options=options) as server:
        env = environment.guest_environment(arguments.guest, server.socket_path)
        env["XDG_RUNTIME_DIR"] = server.temporary
        ended = processes.run([program], env, 60 * settings.scale, server.temporary)
        if ended.status != 0:
            raise Failure(f"vulkaninfo with {options} {ended.describe()}{server.explain()}")
    listed = set(re.findall(r"^\s*(VK_\w+)\s*: extension revision", ended.output, re.MULTILINE))
    if environment.host_is_like("moltenvk"):
        offered = [name for name in EMULATED_EXTENSIONS if name in listed]
        if offered:
            raise Failure(f"the driver binds no images to imported memory, but {offered} are there")
        return
    missing = [name for name in DMA_BUF_EXTENSIONS if name not in listed]
    if missing:
        raise Failure(f"with {options} the device does not offer {missing}")


def test(settings, arguments):
    program = shutil.which("vulkaninfo")
    if not program:
        raise Skip("vulkaninfo is not installed")
    if not settings.foreign:
        check_dma_bufs(settings, arguments, program)
    with Server(settings, arguments.host) as server:
        env = environment.guest_environment(arguments.guest, server.socket_path)
        # It asks for a display only if there is one.
        env["XDG_RUNTIME_DIR"] = server.temporary
        for options in ([], ["--summary"], ["--json"]):
            ended = processes.run([program] + options, env, 60 * settings.scale, server.temporary)
            if ended.status != 0:
                raise Failure(f"vulkaninfo {options} {ended.describe()}{server.explain()}")
            if not options:
                name, version = check(ended.output)
                lines = len(ended.output.splitlines())
        server.check_alive()
    print(f"{name}, Vulkan {version[0]}.{version[1]}.{version[2]}, {lines} lines")


if __name__ == "__main__":
    environment.run_test(test, environment.parser(__doc__).parse_args(sys.argv[1:]))
