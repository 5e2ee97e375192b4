#!/usr/bin/env python3
"""colours.py VESPER: a session of high dynamic range, from its option to the EDID and to what is shown of
half floats and of ten bits with the PQ curve."""

import os
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import environment  # noqa: E402
from ctl import World, expect  # noqa: E402
from display_guest import FLUSH, GET_EDID, OK_EDID, Guest  # noqa: E402

import picture  # noqa: E402  (display_guest says where)

CREATE_BLOB, SET_SCANOUT_BLOB = 0x10c, 0x10d
GUEST_MEMORY = 1
R10G10B10A2, R16G16B16A16_FLOAT = 8, 94
HDR_BLOCK = bytes([0xe6, 0x06, 0x05])  # static metadata: SDR's curve and PQ
WIDTH, HEIGHT = 16, 2


def show(guest, number, form, pixels):
    """A blob of guest memory with these bytes for each of WIDTH × HEIGHT pixels."""
    data = b"".join(pixels) * HEIGHT
    stride = len(data) // HEIGHT
    size = 4096
    guest.monitor.memory.write(guest.base, data)
    guest.run(CREATE_BLOB, struct.pack("<4I2Q", number, GUEST_MEMORY, 0, 1, 0, size)
              + struct.pack("<QII", guest.base, size, 0))
    whole = guest.rect(0, 0, WIDTH, HEIGHT)
    guest.run(SET_SCANOUT_BLOB, whole + struct.pack("<6I", 0, number, WIDTH, HEIGHT, form, 0)
              + struct.pack("<8I", stride, 0, 0, 0, 0, 0, 0, 0))
    guest.run(FLUSH, whole + struct.pack("<II", number, 0))


def look(world):
    world.must("--name", "w", "screenshot", "seen.png")
    seen = picture.from_png(world.folder / "seen.png")
    expect((seen.width, seen.height) == (WIDTH, HEIGHT), f"the picture has {seen.size}")
    greys = [tuple(seen.rgb[3 * i:3 * i + 3]) for i in range(WIDTH)]
    expect(all(red == green == blue for red, green, blue in greys), f"no greys: {greys}")
    return [grey[0] for grey in greys]


def edid(guest):
    return guest.run(GET_EDID, struct.pack("<II", 0, 0), OK_EDID, 24 + 8 + 1024)[8:]


def from_code(code):
    return struct.pack("<I", code | code << 10 | code << 20)


def check(world, option, is_high):
    with world.session("w", f"--size={WIDTH}x{HEIGHT}", "--display=capture" + option):
        guest = Guest(world.folder / "gpu-w", 1)
        try:
            expect((HDR_BLOCK in edid(guest)) == is_high, "the EDID says something else")
            halves = [0, 0.25, 0.5, 1, 2, 4, 100, -1] + 8 * [0.75]
            show(guest, 1, R16G16B16A16_FLOAT, [struct.pack("<4e", *3 * [light], 0)
                                                for light in halves])
            seen = look(world)
            expect(seen[:3] == [0, 137, 188] and seen[7] == 0, f"half floats are {seen}")
            expect(seen[2] < seen[3] < seen[4] < seen[5] == seen[6] == 255,
                   f"half floats are {seen}")
            # Code 594 is 203 cd/m² of PQ, SDR white, which is folded; and a grey of sRGB.
            show(guest, 2, R10G10B10A2, [from_code(code) for code in [0, 594, 744, 1023] * 4])
            seen = look(world)
            if is_high:
                expect(seen[0] == 0 and 230 < seen[1] < 255 and seen[2:4] == [255, 255],
                       f"PQ is {seen}")
            else:
                expect(seen[:4] == [0, 148, 186, 255], f"ten bits are {seen}")
        finally:
            guest.close()


def main():
    vesper = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="vesper-colours.") as folder:
        world = World(vesper, folder)
        check(world, "", False)
        check(world, ",hdr", True)


if __name__ == "__main__":
    environment.conclude(main)
