#!/usr/bin/env python3
"""test_headers.py SOURCE_FOLDER BUILD_FOLDER COMPILER...: every header of ours compiles alone."""

import pathlib
import subprocess
import sys


def main():
    source, build, *compiler = sys.argv[1:]
    source = pathlib.Path(source)
    headers = sorted(source.rglob("*.h"))
    failed = 0
    for header in headers:
        name = header.relative_to(source)
        result = subprocess.run(
            compiler + ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                        "-fsyntax-only", f"-I{source}", f"-I{build}/src/protocol", "-x", "c", "-"],
            input=f'#include "{name}"\n#include "{name}"\n', text=True)
        if result.returncode:
            print(f"FAILED: {name} does not compile alone", flush=True)
            failed += 1
    print(f"{len(headers)} headers, {failed} failed")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
