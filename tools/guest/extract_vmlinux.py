"""extract_vmlinux.py VMLINUZ OUT: the ELF kernel inside a compressed one, which QEMU can start
without running the decompressor in an emulated processor."""

import lzma
import subprocess
import sys
import zlib

ZSTD = b"\x28\xb5\x2f\xfd"
XZ = b"\xfd7zXZ\x00"
GZIP = b"\x1f\x8b\x08"


def unzstd(data):
    # Ends with an error behind the frame, where the image goes on.
    return subprocess.run(["zstd", "-q", "-d", "-c"], input=data, capture_output=True,
                          check=False).stdout


def unxz(data):
    return lzma.LZMADecompressor().decompress(data)


def gunzip(data):
    return zlib.decompressobj(31).decompress(data)


def candidates(image):
    for magic, decompress in ((ZSTD, unzstd), (XZ, unxz), (GZIP, gunzip)):
        at = image.find(magic)
        while at >= 0:
            yield decompress, image[at:]
            at = image.find(magic, at + 1)


def main():
    with open(sys.argv[1], "rb") as file:
        image = file.read()
    for decompress, data in candidates(image):
        try:
            kernel = decompress(data)
        except (lzma.LZMAError, zlib.error):
            continue
        if kernel[:4] == b"\x7fELF":
            with open(sys.argv[2], "wb") as out:
                out.write(kernel)
            return
    sys.exit(f"no kernel was found in {sys.argv[1]}")


main()
