"""Pictures of displays: reads the files that capture them, and says where two differ.

XWD, as an X server without a screen keeps its own; PNG (https://www.w3.org/TR/png-3/) of 8 bits a channel without interlacing, as Vesper and QEMU
write it, and words of XRGB8888, as the guest's programs do. Rows are taken as whole numbers where
that is possible, because Python is slow byte by byte."""

import struct
import zlib

CHANNELS = {2: 3, 6: 4}


class BadPicture(Exception):
    """The file is not a picture of the expected kind."""


class Picture:
    """`rgb` has 3 bytes a pixel, row by row."""

    def __init__(self, width, height, rgb):
        if len(rgb) != width * height * 3:
            raise BadPicture(f"{len(rgb)} bytes for {width}x{height} pixels")
        self.width = width
        self.height = height
        self.rgb = bytes(rgb)

    @property
    def size(self):
        return f"{self.width}x{self.height}"

    def pixel(self, x, y):
        at = (y * self.width + x) * 3
        return self.rgb[at:at + 3].hex()

    def crop(self, width, height):
        """The corner at the top left."""
        rows = (self.rgb[y * self.width * 3:(y * self.width + width) * 3] for y in range(height))
        return Picture(width, height, b"".join(rows))

    def is_black(self):
        return not any(self.rgb)


# ---- reading -------------------------------------------------------------------------------------


def from_xrgb(path, width, height):
    data = path.read_bytes()
    if len(data) != width * height * 4:
        raise BadPicture(f"{path}: {len(data)} bytes for {width}x{height} words")
    rgb = bytearray(width * height * 3)
    for channel in range(3):
        rgb[channel::3] = data[2 - channel::4]
    return Picture(width, height, rgb)


def from_xwd(path):
    """32-bit pixels, blue first."""
    data = path.read_bytes()
    words = struct.unpack_from(">25I", data)
    size, width, height, row, colors = words[0], words[4], words[5], words[12], words[19]
    if words[1] != 7 or words[11] != 32 or words[7] != 0:
        raise BadPicture(f"{path} is not a little-endian XWD of 32 bits")
    start = size + 12 * colors
    rgb = bytearray(width * height * 3)
    for y in range(height):
        pixels = data[start + y * row:start + y * row + width * 4]
        for channel in range(3):
            rgb[y * width * 3 + channel:(y + 1) * width * 3:3] = pixels[2 - channel::4]
    return Picture(width, height, rgb)


def chunks(data, path):
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise BadPicture(f"{path} is not a PNG")
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + length]
        check = data[at + 8 + length:at + 12 + length]
        if len(check) != 4 or struct.unpack(">I", check)[0] != zlib.crc32(kind + body):
            raise BadPicture(f"{path}: a damaged chunk {kind!r}")
        yield kind, body
        at += 12 + length
    if at != len(data):
        raise BadPicture(f"{path} is cut off")


def from_png(path):
    head = None
    packed = b""
    end = False
    for kind, body in chunks(path.read_bytes(), path):
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
        end = kind == b"IEND"
    if not head or not end:
        raise BadPicture(f"{path} is cut off")
    width, height, depth, color, _, _, interlace = head
    if depth != 8 or color not in CHANNELS or interlace:
        raise BadPicture(f"{path}: depth {depth}, color type {color}, interlace {interlace}")
    channels = CHANNELS[color]
    rows = unfilter(zlib.decompress(packed), width * channels, height, channels)
    if channels == 4:
        rgb = bytearray(width * height * 3)
        for channel in range(3):
            rgb[channel::3] = rows[channel::4]
        rows = rgb
    return Picture(width, height, rows)


# ---- PNG's filters -------------------------------------------------------------------------------

def sum_of(a, b, low, high):
    """Adds two rows, as numbers, byte by byte without carry from one byte to the next."""
    return ((a & low) + (b & low)) ^ ((a ^ b) & high)


def undo_sub(row, stride, step):
    """Running sums by doubling: after n rounds each byte has the sum of 2^n of its pixels."""
    low = int.from_bytes(b"\x7f" * stride, "little")
    high = int.from_bytes(b"\x80" * stride, "little")
    mask = (1 << stride * 8) - 1
    value = int.from_bytes(row, "little")
    shift = step * 8
    while shift < stride * 8:
        value = sum_of(value, value << shift & mask, low, high)
        shift *= 2
    return value.to_bytes(stride, "little")


def undo_up(row, above, stride):
    low = int.from_bytes(b"\x7f" * stride, "little")
    high = int.from_bytes(b"\x80" * stride, "little")
    return sum_of(int.from_bytes(row, "little"), int.from_bytes(above, "little"), low,
                  high).to_bytes(stride, "little")


def undo_average(row, above, step):
    out = bytearray(step) + bytearray(row)
    for i, up in enumerate(above):
        out[i + step] = out[i + step] + (out[i] + up >> 1) & 255
    return bytes(out[step:])


def undo_paeth(row, above, step):
    out = bytearray(step) + bytearray(row)
    corners = bytes(step) + above
    for i, up in enumerate(above):
        left = out[i]
        corner = corners[i]
        to_left = abs(up - corner)
        to_up = abs(left - corner)
        to_corner = abs(left + up - 2 * corner)
        if to_left <= to_up and to_left <= to_corner:
            nearest = left
        elif to_up <= to_corner:
            nearest = up
        else:
            nearest = corner
        out[i + step] = out[i + step] + nearest & 255
    return bytes(out[step:])


def unfilter(data, stride, height, step):
    if len(data) != (stride + 1) * height:
        raise BadPicture(f"{len(data)} bytes for {height} rows of {stride}")
    above = bytes(stride)
    rows = []
    for y in range(height):
        start = y * (stride + 1)
        kind = data[start]
        row = data[start + 1:start + 1 + stride]
        if kind == 1:
            row = undo_sub(row, stride, step)
        elif kind == 2:
            row = undo_up(row, above, stride)
        elif kind == 3:
            row = undo_average(row, above, step)
        elif kind == 4:
            row = undo_paeth(row, above, step)
        elif kind != 0:
            raise BadPicture(f"filter {kind} in row {y}")
        rows.append(row)
        above = row
    return b"".join(rows)


# ---- comparing -----------------------------------------------------------------------------------

def difference(seen, wanted, tolerance=0):
    """None, or a sentence: how many pixels differ, the rectangle around them, and the first.
    Channels may be off by `tolerance`."""
    if (seen.width, seen.height) != (wanted.width, wanted.height):
        return f"the picture has {seen.size} pixels instead of {wanted.size}"
    if seen.rgb == wanted.rgb:
        return None
    count = 0
    columns = []
    rows = []
    stride = wanted.width * 3
    for y in range(wanted.height):
        a, b = seen.rgb[y * stride:(y + 1) * stride], wanted.rgb[y * stride:(y + 1) * stride]
        if a == b:
            continue
        off = {i // 3 for i in range(stride) if abs(a[i] - b[i]) > tolerance}
        if off:
            count += len(off)
            rows.append(y)
            columns += [min(off), max(off)]
            if len(rows) == 1:
                first = min(off)
    if not count:
        return None
    return (f"{count} pixels differ, all in x {min(columns)}…{max(columns)}, y {rows[0]}…{rows[-1]}; "
            f"the first, {first}, {rows[0]}, is {seen.pixel(first, rows[0])} instead of "
            f"{wanted.pixel(first, rows[0])}")


def write_ppm(picture, path):
    path.write_bytes(b"P6\n%d %d\n255\n" % (picture.width, picture.height) + picture.rgb)
