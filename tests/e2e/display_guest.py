"""A guest that draws on displays: a driver of virtio-gpu, played on a vhost-user socket. What it
shows are pictures of noise, in which every pixel that is elsewhere, or of another picture, is seen.
"""

import pathlib
import random
import select
import struct
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "vhost_user"), str(HERE.parent / "vm")]
import picture  # noqa: E402
import vhost_peer as peer  # noqa: E402
from environment import Failure  # noqa: E402

SECONDS = 30
PICTURE_BYTES = 6 << 20  # of the guest's memory, for each display
# Of virtio-gpu.
(GET_DISPLAY_INFO, CREATE_2D, UNREF, SET_SCANOUT, FLUSH, TRANSFER, ATTACH_BACKING) = range(
    0x100, 0x107)
GET_EDID = 0x10a
OK_NODATA, OK_DISPLAY_INFO, OK_EDID = 0x1100, 0x1101, 0x1104
B8G8R8X8 = 2


def wait(condition, text, seconds=SECONDS):
    """What `condition` gives at last; Failure where it stays false. `text` may be a function."""
    deadline = time.monotonic() + seconds
    while not (got := condition()):
        if time.monotonic() > deadline:
            raise Failure(text() if callable(text) else text)
        time.sleep(0.02)
    return got


def to_picture(width, height, words):
    """Of little-endian words, whose highest bytes mean nothing."""
    rgb = bytearray(width * height * 3)
    for channel in range(3):
        rgb[channel::3] = words[2 - channel::4]
    return picture.Picture(width, height, rgb)


class Shown:
    """What is on a display: a resource, and its words as they were transferred last."""

    def __init__(self, resource, width, height, words):
        self.resource, self.width, self.height = resource, width, height
        self.words = bytearray(words)

    def picture(self):
        return to_picture(self.width, self.height, self.words)


class Guest:
    """`path`: of the socket of vesper serve with `displays` displays."""

    def __init__(self, path, displays, seed=1):
        self.path = str(path)
        self.displays = displays
        self.base = 4 << 20
        size = self.base + displays * PICTURE_BYTES
        self.monitor = peer.Monitor(self, memory=peer.Memory(peer.Region(0, size)))
        self.noise = random.Random(seed)
        self.shown = {}
        self.last = 0
        self.changes = 0  # of the configuration

    def log(self):
        return "(the log is the server's)"

    def run(self, kind, body=b"", wanted=OK_NODATA, capacity=24):
        answer = self.monitor.run(struct.pack("<IIQII", kind, 0, 0, 0, 0) + body, capacity)
        if struct.unpack("<I", answer[:4])[0] != wanted:
            raise Failure(f"{kind:#x} is answered {answer[:4].hex()}")
        return answer[24:]

    # ---- what the guest is told

    def take_news(self):
        while select.select([self.monitor.channel], [], [], 0)[0]:
            request, _, _ = self.monitor.receive_request()
            self.changes += request == peer.CONFIG_CHANGE
            self.monitor.answer(request)

    def modes(self):
        """(width, height) of each display, None where it is not plugged."""
        self.take_news()
        info = self.run(GET_DISPLAY_INFO, wanted=OK_DISPLAY_INFO, capacity=24 + 384)
        modes = (struct.unpack_from("<6I", info, 24 * i) for i in range(self.displays))
        return [mode[2:4] if mode[4] else None for mode in modes]

    def preferred(self, scanout):
        """(width, height) of the first detailed timing in the EDID."""
        answer = self.run(GET_EDID, struct.pack("<II", scanout, 0), OK_EDID, 24 + 8 + 1024)
        timing = answer[8 + 54:8 + 72]
        return timing[2] | timing[4] >> 4 << 8, timing[5] | timing[7] >> 4 << 8

    def wait_modes(self, *modes):
        wait(lambda: self.modes() == list(modes), lambda: f"modes {self.modes()}, not {modes}")
        for scanout, mode in enumerate(modes):
            if mode and self.preferred(scanout) != mode:
                raise Failure(f"the EDID of {mode} prefers {self.preferred(scanout)}")

    # ---- what it shows

    def rect(self, x, y, width, height):
        return struct.pack("<4I", x, y, width, height)

    def draw(self, scanout, width, height):
        """A new picture of that size; it becomes shown[scanout]."""
        self.last += 1
        at = self.base + scanout * PICTURE_BYTES
        words = self.noise.randbytes(width * height * 4)
        self.monitor.memory.write(at, words)
        whole = self.rect(0, 0, width, height)
        self.run(CREATE_2D, struct.pack("<4I", self.last, B8G8R8X8, width, height))
        self.run(ATTACH_BACKING, struct.pack("<IIQII", self.last, 1, at, len(words), 0))
        self.run(TRANSFER, whole + struct.pack("<QII", 0, self.last, 0))
        self.run(SET_SCANOUT, whole + struct.pack("<II", scanout, self.last))
        self.run(FLUSH, whole + struct.pack("<II", self.last, 0))
        self.forget(scanout)
        self.shown[scanout] = Shown(self.last, width, height, words)

    def change(self, scanout, x, y, width, height):
        """Draws over a part of what is shown."""
        shown = self.shown[scanout]
        row, words = shown.width * 4, width * 4
        for line in range(y, y + height):
            start = line * row + x * 4
            shown.words[start:start + words] = self.noise.randbytes(words)
        self.monitor.memory.write(self.base + scanout * PICTURE_BYTES, bytes(shown.words))
        part = self.rect(x, y, width, height)
        self.run(TRANSFER, part + struct.pack("<QII", y * row + x * 4, shown.resource, 0))
        self.run(FLUSH, part + struct.pack("<II", shown.resource, 0))

    def forget(self, scanout):
        if scanout in self.shown:
            self.run(UNREF, struct.pack("<II", self.shown.pop(scanout).resource, 0))

    def blank(self, scanout):
        self.run(SET_SCANOUT, struct.pack("<6I", 0, 0, 0, 0, scanout, 0))
        self.forget(scanout)

    def close(self):
        self.monitor.close()
