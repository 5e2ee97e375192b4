#!/usr/bin/env python3
"""vesper doctor says the truth with a driver, and without one."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import environment
from environment import Failure


def ask(vesper, drivers, *arguments, **more):
    variables = {name: value for name, value in os.environ.items()
                 if not name.startswith(environment.CLEARED)}
    return subprocess.run([vesper, "doctor", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          env={**variables, "VK_DRIVER_FILES": drivers, **more})


def expect(condition, text, done):
    if not condition:
        raise Failure(f"{text}\nexit status {done.returncode}\n{done.stdout}\n{done.stderr}")


def check_with_driver(vesper):
    driver = environment.manifest("lvp", "backports")
    done = ask(vesper, driver, "--json")
    sheet = json.loads(done.stdout)
    device = sheet["Vulkan"]["devices"][0]
    expect(done.returncode == 0 and sheet["a guest can be served"], "a guest can be served", done)
    expect("llvmpipe" in device["name"] and device["memory strategy"] == "host-import",
           "the driver and its strategy", done)
    expect(device["extensions offered to a guest"] > 100, "extensions", done)
    expect("VK_KHR_map_memory2" in device["extensions withheld"], "withheld extensions", done)
    levels = ("none: ", "driver: ", "strict: ")
    expect(sheet["system"]["sandbox of workers"].startswith(levels), "the sandbox", done)
    expect("the processor" in device["frames come to windows"], "frames of a processor", done)
    expect(not sheet["displays"]["windows can be shown"] and sheet["displays"]["why not"],
           "windows without a screen", done)
    limits = sheet["limits of a guest, unless options change them"]
    expect(limits["memories mapped at once (--max-mappings)"] == 4096, "limits", done)
    machines = sheet["virtual machines"]
    expect((machines["accelerator"] == "tcg") == ("guests are emulated, because" in machines),
           "the accelerator", done)
    done = ask(vesper, driver)
    expect(done.returncode == 0 and "a guest can be served: yes" in done.stdout, "plain text", done)


def check_shader_cache(vesper):
    driver = environment.manifest("lvp", "backports")
    for home, wanted in (("/nonexistent/caches", "in /nonexistent/caches/vesper"),
                         ("relative", "in /nonexistent/home/.cache/vesper")):
        done = ask(vesper, driver, "--json", XDG_CACHE_HOME=home, HOME="/nonexistent/home")
        system = json.loads(done.stdout)["system"]
        if system["sandbox of workers"].startswith("none: "):
            wanted = "drivers use this user's own"
        elif "limited by Landlock" not in system["sandbox of workers"]:
            wanted = "none: this kernel "
        expect(wanted in system["shader cache of workers"], "the shader cache", done)


def check_without_driver(vesper):
    done = ask(vesper, "/nonexistent", "--json")
    sheet = json.loads(done.stdout)
    expect(done.returncode == 1 and not sheet["a guest can be served"], "no driver", done)
    expect(sheet["Vulkan"]["devices"] == [], "no devices", done)
    expect("install a Vulkan driver" in sheet["what to do"], "the advice", done)
    expect("no driver manifest was found" in sheet["Vulkan"]["why not"], "the cause", done)


def main():
    vesper = os.path.abspath(sys.argv[1])
    check_without_driver(vesper)
    check_shader_cache(vesper)
    check_with_driver(vesper)


if __name__ == "__main__":
    environment.conclude(main)
