"""The result files of the guest programs: named sections of bytes, and how two of them differ."""

from environment import Failure


def parse(data, name):
    """[(section name, bytes)] of a result file: "section NAME SIZE\\n", the bytes, "\\n"."""
    sections = []
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        words = data[at:end].decode(errors="replace").split() if end >= 0 else []
        if len(words) < 3 or words[0] != "section" or not words[-1].isdigit():
            raise Failure(f"{name}: no section header at byte {at} of the result file")
        size = int(words[-1])
        body = data[end + 1:end + 1 + size]
        at = end + 1 + size + 1
        if len(body) != size or data[at - 1:at] != b"\n":
            raise Failure(f"{name}: the section {' '.join(words[1:-1])} is cut short")
        sections.append((" ".join(words[1:-1]), body))
    return sections


def first_difference(native, remote):
    """None, or the first difference of two lists of sections in words."""
    for (native_name, native_bytes), (remote_name, remote_bytes) in zip(native, remote):
        if native_name != remote_name:
            return f"native has section '{native_name}' where remote has '{remote_name}'"
        if native_bytes != remote_bytes:
            how = byte_difference(native_bytes, remote_bytes)
            return f"section '{native_name}' differs: {how}"
    if len(native) != len(remote):
        return f"native has {len(native)} sections, remote {len(remote)}"
    return None


def byte_difference(native, remote):
    if len(native) != len(remote):
        return f"native has {len(native)} bytes, remote {len(remote)}"
    differing = [i for i in range(len(native)) if native[i] != remote[i]]
    first = differing[0]
    window = slice(first - first % 4, first - first % 4 + 16)
    return (f"{len(differing)} of {len(native)} bytes, the first at {first}: "
            f"native {native[window].hex(' ', 4)}, remote {remote[window].hex(' ', 4)}")
