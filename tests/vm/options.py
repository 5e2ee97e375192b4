"""What the tests of a machine are told: which guest, which server, which programs."""

import argparse
import pathlib

import image


def parser(doc):
    """`doc`: of the test, whose first paragraph --help shows."""
    made = argparse.ArgumentParser(description=doc.split("\n\n", maxsplit=1)[0])
    made.add_argument("--vesper", default=str(image.REPO / "build/release/src/cli/vesper"))
    made.add_argument("--programs", type=pathlib.Path,
                      default=image.REPO / "build/release/tests/guest")
    made.add_argument("--kernel", choices=image.KERNELS, default="backports")
    made.add_argument("--mesa", choices=["stable", "backports"], default="backports")
    made.add_argument("--memory-backend", choices=["memfd", "shm"], default="memfd")
    made.add_argument("--server-option", action="append", default=[],
                      help="a further option of the server")
    return made


def machine(arguments):
    """Of what was parsed, what Machine takes."""
    return {"kernel": arguments.kernel, "programs": arguments.programs,
            "memory_backend": arguments.memory_backend}
