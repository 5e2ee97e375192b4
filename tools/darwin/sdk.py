"""Makes a folder that clang and ld64.lld take for a macOS SDK: the C library's headers and
symbol lists as tools/darwin/fetch left them, and of every other library the headers of this Linux
and a symbol list made from its shared object, whose names are the same on macOS."""

import pathlib
import re
import shutil
import subprocess

TARGETS = "[ x86_64-macos, arm64-macos ]"
HEADERS_VERSION = "15.1"
OLDEST_VERSION = "13.0"

# pkg-config's name: the library, and what of /usr/include belongs to it.
LIBRARIES = {
    "pixman-1": ("pixman-1", ["pixman-1"]),
    "libpng": ("png16", ["libpng16"]),
    "zlib": ("z", ["zlib.h", "zconf.h"]),
    "cmocka": ("cmocka", ["cmocka.h"]),
    "sdl3": ("SDL3", ["SDL3"]),
    "vulkan": ("vulkan", ["vulkan", "vk_video"]),
}

# What is in every Mac beside the C library, and has no symbol list in any package: the names that
# Vesper uses, all of them older than OLDEST_VERSION. In usr/lib, and a framework.
OBJC = ("/usr/lib/libobjc.A.dylib",
        ["objc_autoreleasePoolPop", "objc_autoreleasePoolPush", "objc_getClass", "objc_msgSend",
         "sel_registerName"])
FOUNDATION = ("/System/Library/Frameworks/Foundation.framework/Versions/C/Foundation",
              ["OBJC_CLASS_$_NSProcessInfo"])

# Names by which programs ask for parts of the C library; all are one library there.
PARTS_OF_SYSTEM = ["c", "m", "dl", "pthread", "util"]


def exported_names(library):
    """What the shared object of this Linux exports."""
    path = subprocess.run(["cc", f"-print-file-name=lib{library}.so"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    output = subprocess.run(["llvm-nm", "-D", "--defined-only", "--format=just-symbols", path],
                            check=True, text=True, stdout=subprocess.PIPE).stdout
    names = {line.split("@")[0] for line in output.split()}
    return sorted(n for n in names if re.fullmatch(r"[A-Za-z_]\w*", n))


def write_stub(path, install_name, names):
    symbols = ", ".join(f"_{name}" for name in names)
    path.write_text("--- !tapi-tbd\n"
                    "tbd-version:     4\n"
                    f"targets:         {TARGETS}\n"
                    f"install-name:    '{install_name}'\n"
                    "current-version: 1\n"
                    "exports:\n"
                    f"  - targets:         {TARGETS}\n"
                    f"    symbols:         [ {symbols} ]\n"
                    "...\n")


def write_package(folder, name, library, sdk):
    version = subprocess.run(["pkg-config", "--modversion", name], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.strip()
    (folder / f"{name}.pc").write_text(
        f"prefix={sdk}/usr\nName: {name}\nDescription: {name}\nVersion: {version}\n"
        f"Libs: -l{library}\nCflags: -I{sdk}/usr/extra/{name}\n")


def find_header(name):
    for folder in [pathlib.Path("/usr/include"), *pathlib.Path("/usr/include").glob("*-linux-gnu")]:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"/usr/include/{name}")


def add_headers(folder, names):
    """A folder of a package by its content where only that is on the include path."""
    folder.mkdir(parents=True)
    for name in names:
        found = find_header(name)
        if found.is_dir() and name in ("pixman-1", "libpng16"):
            for header in found.iterdir():
                (folder / header.name).symlink_to(header)
        else:
            (folder / name).symlink_to(found)


def make(apple, out):
    """`out`/new and `out`/oldest: the same but for the C library's symbols."""
    shutil.rmtree(out, ignore_errors=True)
    new, oldest = out / "new", out / "oldest"
    packages = out / "pkgconfig"
    packages.mkdir(parents=True)
    exports = {library: exported_names(library) for library, _ in LIBRARIES.values()}
    for sdk, version, symbols in [(new, HEADERS_VERSION, "libSystem.tbd"),
                                  (oldest, OLDEST_VERSION, "libSystem.13.tbd")]:
        libraries = sdk / "usr" / "lib"
        libraries.mkdir(parents=True)
        (sdk / "usr" / "include").symlink_to(apple / "include")
        (sdk / "SDKSettings.json").write_text(
            f'{{"CanonicalName":"macosx{version}","Version":"{version}",'
            f'"MaximumDeploymentTarget":"{version}.99"}}')
        shutil.copy(apple / symbols, libraries / "libSystem.tbd")
        for part in PARTS_OF_SYSTEM:
            (libraries / f"lib{part}.tbd").symlink_to("libSystem.tbd")
        write_stub(libraries / "libobjc.tbd", *OBJC)
        framework = sdk / "System" / "Library" / "Frameworks" / "Foundation.framework"
        framework.mkdir(parents=True)
        write_stub(framework / "Foundation.tbd", *FOUNDATION)
        for library, names in exports.items():
            write_stub(libraries / f"lib{library}.tbd", f"/opt/vesper/lib{library}.dylib", names)
    for name, (library, headers) in LIBRARIES.items():
        add_headers(new / "usr" / "extra" / name, headers)
        write_package(packages, name, library, new)
