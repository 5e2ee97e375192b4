#!/usr/bin/env python3
"""Only src/platform may ask which system it is compiled for, or include what only one has."""

import pathlib
import re
import sys

FORBIDDEN = re.compile(
    r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*\b(?:__APPLE__|__MACH__|__linux__|__linux|linux)\b"
    r"|^\s*#\s*include\s*<(?:sys/(?:eventfd|epoll|timerfd|signalfd|prctl|event|memfd)\.h"
    r"|linux/|mach/|os/|TargetConditionals\.h|AvailabilityMacros\.h)")


def faults(folder):
    for path in sorted(folder.rglob("*.[ch]")):
        if path.relative_to(folder).parts[0] == "platform":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if FORBIDDEN.search(line):
                yield f"{path}:{number}: {line.strip()}"


def main():
    # The pattern must find what it is for.
    for line in ["#ifdef __APPLE__", "#if defined(__linux__)", "#include <sys/eventfd.h>"]:
        assert FORBIDDEN.search(line), line
    source = pathlib.Path(sys.argv[1])
    if not any((source / "platform").glob("*.c")):
        print(f"{source} is not the source folder")
        return 1
    found = list(faults(source))
    print("\n".join(found) or "only src/platform asks which system it is")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
