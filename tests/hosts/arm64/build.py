"""Builds unit tests of an existing build once more, for arm64: the compile commands are that
build's, with another compiler. Ninja does the work, so that only what has changed is compiled."""

import json
import os
import pathlib
import shlex
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
TARGET = "aarch64-linux-gnu"
# Headers of the build machine that do not depend on the processor.
SHARED_HEADERS = ("vulkan", "vk_video", "SDL3")
DROPPED = ("-MD", "-g")
DROPPED_WITH_VALUE = ("-MQ", "-MF", "-o", "-c")


def compiler(sysroot):
    return ["clang", f"--target={TARGET}", f"--sysroot={sysroot}"]


def arguments_of(entry):
    """Of a compile command, without the compiler, the names of files and what is for debuggers."""
    kept = []
    words = iter(shlex.split(entry["command"])[1:])
    for word in words:
        if word in DROPPED_WITH_VALUE:
            next(words)
        elif word not in DROPPED and not word.startswith("-O"):
            kept.append(word)
    return kept


def objects_of(build, executable):
    """What a program is made of, its static libraries taken apart."""
    inputs = subprocess.run(["ninja", "-C", build, "-t", "inputs", executable], check=True,
                            stdout=subprocess.PIPE, encoding="utf-8").stdout
    return sorted(line for line in inputs.splitlines() if line.endswith(".o"))


def shared_headers(out):
    folder = out / "include"
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHARED_HEADERS:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(f"/usr/include/{name}")
    return folder


def absolute(build, words):
    """Include folders of a compile command are relative to the build's."""
    return [f"-I{os.path.join(build, word[2:])}" if word.startswith("-I") else word
            for word in words]


def is_own(name, executable):
    return name.startswith(executable + ".p/")


def write_ninja(build, sysroot, out, executables):
    commands = {entry["output"]: entry for entry in
                json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))}
    cc = shlex.join(compiler(sysroot))
    lines = [
        "rule cc", f"  command = {cc} -O1 $flags -MD -MF $out.d -c $in -o $out",
        "  depfile = $out.d", "  deps = gcc",
        "rule link", f"  command = {cc} -fuse-ld=lld $in -o $out $libraries",
    ]
    headers = shared_headers(out)
    objects = {}
    for executable in executables:
        objects[executable] = objects_of(build, executable)
    for name in sorted(set().union(*objects.values())):
        flags = shlex.join(absolute(build, arguments_of(commands[name])) +
                           ["-idirafter", str(headers)])
        source = os.path.join(build, commands[name]["file"])
        lines += [f"build objects/{name}: cc {source}", f"  flags = {flags}"]
    for executable, names in objects.items():
        # The libraries' are linked as from an archive: a test may have its own in their place.
        own, theirs = ([f"objects/{name}" for name in names if is_own(name, executable) == wanted]
                       for wanted in (True, False))
        lines += [f"build tests/{os.path.basename(executable)}: link {' '.join(own)} | "
                  f"{' '.join(theirs)}",
                  f"  libraries = -Wl,--start-lib {' '.join(theirs)} -Wl,--end-lib -lcmocka "
                  "-pthread -lm"]
    lines += [f"build objects/init.o: cc {HERE / 'init.c'}", "  flags = -D_GNU_SOURCE",
              "build init: link objects/init.o", "  libraries = -static"]
    (out / "build.ninja").write_text("\n".join(lines) + "\n", encoding="utf-8")


def build_all(build, sysroot, out, executables):
    """Leaves the programs in out/tests, and out/init."""
    out.mkdir(parents=True, exist_ok=True)
    write_ninja(build, sysroot, out, executables)
    subprocess.run(["ninja", "-C", out, "--quiet"], check=True)
