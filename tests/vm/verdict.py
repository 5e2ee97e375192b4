"""The words of a test's end. Every test here is a program: exit status 0 passed, 77 something is
missing (the reason is printed), anything else failed."""

import sys
import traceback

import image
from machine import MachineError

SKIP = 77


class Failure(Exception):
    """What did not hold, in words for the reader of the log."""


class Skip(Exception):
    """What is missing for this test."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def expect_error(words, call, *arguments):
    """The call must fail with a MachineError whose text has these words."""
    try:
        call(*arguments)
    except MachineError as error:
        expect(words in str(error), f"the error does not say '{words}': {error}")
        return
    raise Failure(f"no error that says '{words}'")


def run_tests(tests, *arguments):
    """Calls each test by its turn and says its name."""
    for test in tests:
        print("--", test.__name__.replace("_", " "), flush=True)
        test(*arguments)


def conclude(call, *arguments):
    """Calls it and ends this program with the status that it deserves."""
    try:
        call(*arguments)
    except Skip as reason:
        print(f"skipped: {reason}", flush=True)
        sys.exit(SKIP)
    except (Failure, MachineError, image.NoImage) as failure:
        traceback.print_exc(limit=-2)
        sys.exit(f"FAILED: {failure}")
    sys.exit(0)
