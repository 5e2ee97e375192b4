#!/usr/bin/env python3
"""run.py --build FOLDER --out FOLDER TEST…: the unit tests TEST (paths inside the build folder) once
more, on a kernel whose pages really have 16 KiB, under emulation. Exit status 77: the arm64
packages have not been unpacked (tools/setup/arm64), or there is no emulator."""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

import build

SKIP = 77
EMULATOR = "qemu-system-aarch64"
BOOT_SECONDS = 240
LIBRARIES = ("ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libcmocka.so.0")


def fill_root(root, sysroot, out):
    """The initial RAM disk's folders."""
    shutil.rmtree(root, ignore_errors=True)
    (root / "lib").mkdir(parents=True)
    for name in LIBRARIES:
        shutil.copy(sysroot / "usr/lib" / build.TARGET / name, root / "lib" / name)
    shutil.copy(out / "init", root / "init")
    shutil.copytree(out / "tests", root / "tests")


def pack(root, path):
    names = "\n".join(str(entry.relative_to(root)) for entry in sorted(root.rglob("*")))
    with open(path, "wb") as file:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"], cwd=root, check=True,
                       input=names.encode(), stdout=file)


def boot(kernel, disk):
    command = [EMULATOR, "-M", "virt", "-cpu", "max,pauth-impdef=on", "-smp", "2", "-m", "1G",
               "-nographic", "-nic", "none", "-no-reboot", "-kernel", kernel, "-initrd", disk,
               "-append", "console=ttyAMA0 quiet rdinit=/init panic=-1"]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=BOOT_SECONDS, check=False).stdout
    except subprocess.TimeoutExpired as late:
        return late.stdout or b""


def judge(text, expected):
    """The names of the tests that did not pass."""
    if "PAGE 16384" not in text:
        return ["the machine has no pages of 16 KiB"]
    ended = dict(re.findall(r"^END (\S+) (\d+)\r?$", text, re.MULTILINE))
    for name in expected:
        print(f"{name}: {'passed' if ended.get(name) == '0' else 'FAILED'}")
    return [f"{name} ({ended.get(name, 'did not end')})" for name in expected
            if ended.get(name) != "0"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("tests", nargs="+")
    arguments = parser.parse_args()
    state = pathlib.Path(os.environ.get("VESPER_ARM64_DIR", "/var/lib/vesper-env/arm64"))
    if not (state / "vmlinuz").exists() or not shutil.which(EMULATOR):
        print(f"skipped: {state} or {EMULATOR} is missing; tools/env tools/setup/arm64 makes both")
        sys.exit(SKIP)
    out = arguments.out.resolve()
    tests = [os.path.relpath(os.path.abspath(test), arguments.build.resolve())
             for test in arguments.tests]
    build.build_all(arguments.build.resolve(), state / "sysroot", out, tests)
    fill_root(out / "root", state / "sysroot", out)
    pack(out / "root", out / "disk.cpio")
    text = boot(state / "vmlinuz", out / "disk.cpio").decode(errors="replace")
    failed = judge(text, [os.path.basename(test) for test in tests])
    if failed:
        print(text, "FAILED: " + ", ".join(failed), sep="\n", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
