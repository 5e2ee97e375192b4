"""The test machine's image: where set-up has put it, and the RAM disk that a start is given.

tools/setup/guest makes the disk and the kernels, which change with the distribution's packages;
the programs of tests/vm/inside go into the RAM disk at every start, so that a change of theirs
needs no new image. The RAM disk is a sequence of cpio archives in the `newc` format
(Documentation/driver-api/early-userspace/buffer-format.rst of the kernel)."""

import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent.parent
INSIDE = HERE / "inside"
KERNELS = ("stable", "backports")


class NoImage(Exception):
    """The image has not been made; the text says how to make it."""


def folder():
    """The image's folder: root.erofs, and for each kernel vmlinux, initrd and version."""
    command = [REPO / "tools" / "setup" / "guest", "--path"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        raise NoImage(done.stderr.strip())
    return pathlib.Path(done.stdout.strip())


def make():
    """Makes the image if it is not there, and says whether it is there now."""
    command = [REPO / "tools" / "setup" / "guest"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0


def padded(data):
    return data + bytes(-len(data) % 4)


def cpio_entry(name, mode, data):
    encoded = name.encode() + b"\0"
    # inode, mode, uid, gid, links, time, size, device (2), device of a node (2), name's size, sum
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return padded(header + encoded) + padded(data)


def ram_disk(base, path):
    """Writes the image's RAM disk and the programs of ours to `path`."""
    own = b"".join(cpio_entry(file.name, 0o100755, file.read_bytes())
                   for file in sorted(INSIDE.iterdir()))
    own += cpio_entry("TRAILER!!!", 0, b"")
    path.write_bytes(padded(base.read_bytes()) + own)
