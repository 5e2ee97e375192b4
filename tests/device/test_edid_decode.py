#!/usr/bin/env python3
"""test_edid_decode.py GRID: what edid-decode says of the EDIDs that the program GRID writes: nothing
wrong with any. Exit status 77 where there is no edid-decode."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

FILES_MIN = 400


def check(path):
    """None, or what is wrong."""
    done = subprocess.run(["edid-decode", "--check", path], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    if done.returncode == 0 and "EDID conformity: PASS" in done.stdout:
        return None
    wrong = done.stdout[max(done.stdout.find("\nFailures:"), 0):]
    return f"{path.name}: status {done.returncode}{wrong}"


def main():
    if not shutil.which("edid-decode"):
        print("skipped: there is no edid-decode")
        return 77
    with tempfile.TemporaryDirectory(prefix="vesper-edid.") as folder:
        subprocess.run([sys.argv[1], folder], check=True, timeout=60)
        paths = sorted(pathlib.Path(folder).glob("*.edid"))
        wrong = [text for text in map(check, paths) if text]
    print(*wrong[:20], sep="\n")
    print(f"{len(paths)} EDIDs, {len(wrong)} of them wrong")
    return 1 if wrong or len(paths) < FILES_MIN else 0


if __name__ == "__main__":
    sys.exit(main())
