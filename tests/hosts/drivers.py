#!/usr/bin/env python3
"""Ways to a driver, and what a person reads where there is none: in the doctor's sheet, and in the
log of a server when a guest starts."""

import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
# pylint: disable=wrong-import-position
import environment  # noqa: E402
import processes  # noqa: E402
from environment import Failure  # noqa: E402
from symptoms import LIMIT, expect, expect_sentence, made_server, run_guest  # noqa: E402

# What the layer's moltenvk lacks, as its profile says.
MISSING = {"imageView2DOn3DImage", "pointPolygons", "samplerMipLodBias", "tessellationIsolines",
           "tessellationPointMode", "triangleFans"}


def ask(settings, command, env):
    """The sheet that `command` prints as JSON, and how it ended."""
    ended = processes.run([settings.server_command[0], *command, "--json"], env, LIMIT)
    start = ended.output.find("{")
    expect(start >= 0, f"{command} {ended.describe()}")
    return json.JSONDecoder().raw_decode(ended.output[start:])[0], ended


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def manifest(folder, library, **more):
    content = {"library_path": library, "api_version": "1.3.0", **more}
    return write(folder, "made.json",
                 json.dumps({"file_format_version": "1.0.1", "ICD": content}))


def both_say(settings, arguments, change, *sentences):
    """No guest can start. The doctor and the log say why."""
    server = made_server(settings, arguments)
    try:
        change(server)
        sheet, ended = ask(settings, ["doctor"], server.env)
        expect(ended.status == 1, f"the doctor {ended.describe()}")
        for sentence in sentences:
            expect_sentence(sheet["Vulkan"]["why not"], sentence)
        server.start()
        server.wait_ready()
        guest = run_guest(settings, arguments, server)
        expect(guest.status not in (None, 0), f"the guest program {guest.describe()}")
        server.check_alive()
        for sentence in sentences:
            expect(sentence in server.explain(), f"not in the log: {sentence}{server.explain()}")
    finally:
        server.clean_up()


# ---- nothing found -------------------------------------------------------------------------------


def names_the_variable(settings, arguments):
    def change(server):
        server.env["VK_DRIVER_FILES"] = "/nonexistent/driver.json"

    both_say(settings, arguments, change, "no driver manifest was found in VK_DRIVER_FILES, which has "
             "/nonexistent/driver.json")


def names_the_folders(settings, arguments):
    if glob.glob("/etc/vulkan/icd.d/*.json"):
        print("   skipped: this system has manifests in /etc/vulkan/icd.d")
        return

    def change(server):
        del server.env["VK_DRIVER_FILES"]
        for name in ("CONFIG_HOME", "CONFIG_DIRS", "DATA_HOME", "DATA_DIRS"):
            server.env["XDG_" + name] = "/nonexistent/" + name.lower()

    both_say(settings, arguments, change, "no driver manifest was found in the folders searched: "
             "/nonexistent/config_home/vulkan/icd.d, ", "/etc/vulkan/icd.d, ",
             "/nonexistent/data_dirs/vulkan/icd.d")


def names_a_missing_library(settings, arguments):
    def change(server):
        server.env["VK_DRIVER_FILES"] = manifest(server.folder, "/nonexistent/libdriver.so")

    both_say(settings, arguments, change, "no driver manifest is of use: ",
             "made.json names /nonexistent/libdriver.so: No such file or directory")


def names_a_manifest_without_a_library(settings, arguments):
    def change(server):
        server.env["VK_DRIVER_FILES"] = write(server.folder, "empty.json", "{}")

    both_say(settings, arguments, change, "empty.json names no library")


def names_drivers_that_cannot_be_loaded(settings, arguments):
    def change(server):
        library = write(server.folder, "libdriver.so", "no library")
        server.env["VK_DRIVER_FILES"] = manifest(server.folder, library)

    both_say(settings, arguments, change, "1 driver manifest was found (",
             "but no driver could be loaded, or none fits (VK_LOADER_DEBUG=error,driver tells more)")


# ---- old libraries -------------------------------------------------------------------------------


def names_hidden_portability_drivers(settings, arguments):
    """A library without VK_KHR_portability_enumeration is not asked for it."""
    def change(server):
        expect("portability-" in server.env["VK_DRIVER_FILES"], "the driver is an ordinary one")
        server.env["VESPER_VULKAN_LIBRARY"] = arguments.old_library

    both_say(settings, arguments, change, "all that was found are portability drivers (",
             "this Vulkan library does not offer VK_KHR_portability_enumeration")


def names_an_old_version(settings, arguments):
    server = made_server(settings, arguments)
    server.env.update(VESPER_VULKAN_LIBRARY=arguments.old_library, VESPER_OLD_LIBRARY="1.0")
    with server:
        sheet, _ = ask(settings, ["doctor"], server.env)
        expect_sentence(sheet["Vulkan"]["why not"], "the Vulkan library is older than version 1.1")
        expect_sentence(sheet["what to do"], "install a Vulkan library of version 1.1 or later")
        guest = run_guest(settings, arguments, server)
        expect(guest.status not in (None, 0), f"the guest program {guest.describe()}")
        expect_sentence(server.explain(),
                        "the host's Vulkan library offers version 1.0; 1.1 is needed")


def names_a_library_that_cannot_be_opened(settings, arguments):
    """Nothing else is opened in its place."""
    for isolation in ("none", "process"):
        server = made_server(settings, arguments, ["--isolation=" + isolation],
                             VESPER_VULKAN_LIBRARY="/nonexistent/libvulkan.so")
        try:
            server.start()
            status = server.process.wait(LIMIT * settings.scale)
            expect(status == 1, f"the server ended with {status}{server.explain()}")
            expect_sentence(server.explain(), "no Vulkan library could be opened; "
                            "/nonexistent/libvulkan.so: ")
        finally:
            server.clean_up()


# ---- portability drivers and drivers without a loader ----------------------------------------------


def finds_what_others_do_not(settings, arguments):
    """The loader shows the driver to whoever asks for portability drivers, and to no other."""
    with made_server(settings, arguments) as server:
        sheet, _ = ask(settings, ["selftest", "--only", "portability-enumeration"], server.env)
        expect_sentence(sheet["checks"]["portability-enumeration"]["value"],
                        "1 devices with the flag, 0 without (result -9)")
        sheet, _ = ask(settings, ["selftest", "--only", "portability-subset"], server.env)
        expect_sentence(sheet["checks"]["portability-subset"]["value"], "enabled")


def says_what_the_subset_lacks(settings, arguments):
    with made_server(settings, arguments) as server:
        sheet, ended = ask(settings, ["doctor"], server.env)
        expect(ended.status == 0, f"the doctor {ended.describe()}")
        device = sheet["Vulkan"]["devices"][0]
        lacks = device["it lacks, and guests cannot be told"]
        expect(device["portability subset"] and set(lacks.split(", ")) == MISSING,
               f"the subset lacks {lacks}")
        print(f"   {lacks}")


def opens_a_driver_without_a_loader(settings, arguments):
    with open(environment.manifest("lvp", arguments.host), encoding="utf-8") as file:
        library = json.load(file)["ICD"]["library_path"]
    for options in (["--isolation=none"], ["--isolation=process"]):
        server = made_server(settings, arguments, options, VESPER_VULKAN_LIBRARY=library,
                             VK_DRIVER_FILES="/nonexistent/driver.json")
        with server:
            sheet, ended = ask(settings, ["doctor"], server.env)
            expect(ended.status == 0 and sheet["Vulkan"]["opened without a loader"],
                   f"the doctor {ended.describe()}")
            for program in ("memory", "compute", "raster"):
                guest = run_guest(settings, arguments, server, program)
                expect(guest.status == 0, f"{program} {guest.describe()}{server.explain()}")
    print(f"   {library}")


TESTS = (names_the_variable, names_the_folders, names_a_missing_library,
         names_a_manifest_without_a_library, names_drivers_that_cannot_be_loaded,
         names_hidden_portability_drivers, names_an_old_version,
         names_a_library_that_cannot_be_opened, finds_what_others_do_not,
         says_what_the_subset_lacks, opens_a_driver_without_a_loader)


def test(settings, arguments):
    failures = []
    for each in TESTS:
        print(f"-- {each.__name__.replace('_', ' ')}", flush=True)
        try:
            each(settings, arguments)
        except Failure as failure:
            failures.append(f"{each.__name__}: {failure}")
    if failures:
        raise Failure("\n".join(failures))


if __name__ == "__main__":
    parser = environment.parser(__doc__)
    parser.add_argument("--old-library", required=True, help="old_library.c, built")
    environment.run_test(test, parser.parse_args(sys.argv[1:]))
