#!/usr/bin/env python3
"""test_input.py [OPTION…]: types, points, clicks and turns a wheel in Vesper's window on an X server;
each event arrives in the guest, whose kernel drives QEMU's vhost-user-input devices, and no other.

Exit status: 0 all held, 77 nothing could be run, 1 otherwise."""

import sys
import time

sys.dont_write_bytecode = True

import gpu  # noqa: E402
import image  # noqa: E402
import machine  # noqa: E402
import options  # noqa: E402
import qemu  # noqa: E402
from verdict import conclude, expect, run_tests  # noqa: E402

import person as people  # noqa: E402
from room import (ARRIVE_SECONDS, KEY, NAMES, REL, REPEATED, Room, X, Y,  # noqa: E402
                  need_programs, pressed, released)

KINDS = ("keyboard", "tablet", "mouse")
KEY_A, KEY_B, KEY_C, KEY_F5, KEY_LEFTSHIFT, KEY_LEFTCTRL, KEY_LEFTALT, KEY_KP7 = (
    30, 48, 46, 63, 42, 29, 56, 71)
BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA = range(0x110, 0x115)
HWHEEL, WHEEL, WHEEL_FINE, HWHEEL_FINE = 6, 8, 11, 12
HOLDS = "Vesper (Ctrl+Alt+G holds keyboard and pointer)"
RELEASES = "Vesper (Ctrl+Alt+G releases keyboard and pointer)"


def test_devices(room):
    output = room.guest.output(room.number)
    told = [line.removeprefix("device ") for line in output.splitlines()
            if line.startswith("device ")]
    expect(told == [NAMES[kind] for kind in KINDS], f"the guest has {told}")
    expect("the guest's keyboard lights 0x2" in room.log(), "the light of caps lock has not come here")


def test_keys(room):
    room.person.type("a")
    room.expect("keyboard", pressed(KEY_A), released(KEY_A))
    room.person.type("Shift_L", "F5", "KP_Home")
    room.expect("keyboard", pressed(KEY_LEFTSHIFT), pressed(KEY_F5), pressed(KEY_KP7),
                released(KEY_KP7), released(KEY_F5), released(KEY_LEFTSHIFT))


def test_held_keys(room):
    """The X server repeats, the guest repeats, and the guest is told one press."""
    room.person.key("b", True)
    time.sleep(1.5)
    room.person.key("b", False)
    room.expect("keyboard", pressed(KEY_B), released(KEY_B))
    repeated = f"Keyboard {KEY} {KEY_B} {REPEATED}\n"
    expect(repeated in room.guest.output(room.number), "the guest does not repeat keys")


def test_places(room):
    width, height = room.width, room.height
    for x, y in ((17, 23), (width - 1, height - 1), (0, 0), (400, 299)):
        room.point(x, y)
        room.expect("tablet", room.at(x, y))


def test_buttons(room):
    room.point(100, 200)
    room.expect("tablet", room.at(100, 200))
    for button, code in ((people.LEFT, BTN_LEFT), (people.MIDDLE, BTN_MIDDLE),
                         (people.RIGHT, BTN_RIGHT), (people.SIDE, BTN_SIDE),
                         (people.EXTRA, BTN_EXTRA)):
        room.person.click(button)
        room.expect("tablet", pressed(code), released(code))
    room.person.button(people.LEFT, True)
    room.expect("tablet", pressed(BTN_LEFT))
    room.point(110, 210)
    room.expect("tablet", room.at(110, 210))
    room.person.button(people.LEFT, False)
    room.expect("tablet", released(BTN_LEFT))


def test_wheels(room):
    for button, coarse, fine, sign in ((people.UP, WHEEL, WHEEL_FINE, 1),
                                       (people.DOWN, WHEEL, WHEEL_FINE, -1),
                                       (people.TO_LEFT, HWHEEL, HWHEEL_FINE, -1),
                                       (people.TO_RIGHT, HWHEEL, HWHEEL_FINE, 1)):
        room.person.click(button)
        room.expect("tablet", [(REL, coarse, sign), (REL, fine, 120 * sign)])


def test_focus(room):
    """What is held when another window gets the keyboard is released in the guest."""
    room.person.key("Shift_L", True)
    room.person.key("c", True)
    room.expect("keyboard", pressed(KEY_LEFTSHIFT), pressed(KEY_C))
    room.person.focus(None)
    deadline = time.monotonic() + ARRIVE_SECONDS
    while len(room.lines()) < room.seen + 3 and time.monotonic() < deadline:
        room.guest.receive(0.05)
    told = [event for event in room.lines()[room.seen:] if event[1] == KEY]
    expect(sorted(told) == [("Keyboard", KEY, KEY_LEFTSHIFT, 0), ("Keyboard", KEY, KEY_C, 0)],
           f"of Shift and c the guest hears {told}")
    # Typed elsewhere, it is not the guest's.
    room.person.type("a")
    room.person.key("c", False)
    room.person.key("Shift_L", False)
    time.sleep(0.5)
    room.seen = len(room.lines())
    told = [event for event in room.lines() if event[1:3] == (KEY, KEY_A)]
    expect(len(told) == 2, f"the guest hears what is typed elsewhere: {told}")
    room.person.focus(room.window)
    room.person.type("a")
    room.expect("keyboard", pressed(KEY_A), released(KEY_A))


def toggle(room, title):
    """The shortcut's letter is not the guest's. The window's title says that it has been done."""
    keys = ("Control_L", "Alt_L", "g")
    for key in keys:
        room.person.key(key, True)
    room.expect("keyboard", pressed(KEY_LEFTCTRL), pressed(KEY_LEFTALT))
    room.wait_title(title)
    for key in reversed(keys):
        room.person.key(key, False)
    room.expect("keyboard", released(KEY_LEFTALT), released(KEY_LEFTCTRL))


def test_hold(room):
    """The guest's console has no cursor: while the pointer is held, it moves by differences."""
    room.point(300, 301)
    room.expect("tablet", room.at(300, 301))
    room.wait_title(HOLDS)
    toggle(room, RELEASES)
    for x, y in ((5, 3), (-7, 0), (0, -2)):
        room.person.move_by(x, y)
        room.expect("mouse", [event for event in ((REL, X, x), (REL, Y, y)) if event[2]])
    room.person.click(people.LEFT)
    room.expect("mouse", pressed(BTN_LEFT), released(BTN_LEFT))
    room.person.click(people.UP)
    room.expect("mouse", [(REL, WHEEL, 1), (REL, WHEEL_FINE, 120)])
    # Typing goes on.
    room.person.type("a")
    room.expect("keyboard", pressed(KEY_A), released(KEY_A))
    toggle(room, HOLDS)
    room.person.button(people.RIGHT, True)
    deadline = time.monotonic() + ARRIVE_SECONDS
    while len(room.lines()) < room.seen + 2 and time.monotonic() < deadline:
        room.guest.receive(0.05)
    told = room.lines()[room.seen:]
    expect(("Tablet", KEY, BTN_RIGHT, 1) in told and
           all(event[0] == "Tablet" for event in told), f"after the release: {told}")
    room.seen = len(room.lines())
    room.person.button(people.RIGHT, False)
    room.expect("tablet", released(BTN_RIGHT))


TESTS = (test_devices, test_keys, test_held_keys, test_places, test_buttons, test_wheels,
         test_focus, test_hold)


def run(arguments):
    machine.leave_on_sigterm()
    need_programs(arguments.programs)
    image.folder()
    with gpu.Window(arguments.vesper, arguments=["--log-level", "debug"]) as device:
        inputs = qemu.vesper_inputs(device.folder / "gpu", KINDS)
        with machine.Machine(**options.machine(arguments), **device.settings(),
                             extra=inputs) as guest:
            room = Room(guest, device.server, device.width, device.height, device.log)
            run_tests(TESTS, room)
            room.person.close()
            device.check_alive()


conclude(run, options.parser(__doc__).parse_args())
