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
from room import (ARRIVE_SECONDS, KEY, NAMES, REL, REPEATED, SYN, Room, X, Y,  # noqa: E402
                  need_programs, pressed, released)

KINDS = ("keyboard", "tablet", "mouse")
KEY_A, KEY_B, KEY_C, KEY_F5, KEY_LEFTSHIFT, KEY_LEFTCTRL, KEY_LEFTALT, KEY_KP7 = (
    30, 48, 46, 63, 42, 29, 56, 71)
BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA = range(0x110, 0x115)
HWHEEL, WHEEL, WHEEL_FINE, HWHEEL_FINE = 6, 8, 11, 12
HOLDS = "Vesper, display 1 (Ctrl+Alt+G holds keyboard and pointer)"
RELEASES = "Vesper, display 1 (Ctrl+Alt+G releases keyboard and pointer)"


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
    # The pointer is wherever it was let go.
    room.person.button(people.RIGHT, True)
    room.expect_at_last("tablet", pressed(BTN_RIGHT))
    room.person.button(people.RIGHT, False)
    room.expect("tablet", released(BTN_RIGHT))


def move_until(room, kind):
    """Moves to and fro until the guest is told by this device."""
    deadline = time.monotonic() + ARRIVE_SECONDS
    sign = 1
    while (told := room.lines()[room.seen:])[-1:] != [(NAMES[kind], SYN, 0, 0)]:
        expect(time.monotonic() < deadline, f"not the {kind} tells motions: {told}")
        room.person.move_by(3 * sign, 0)
        sign = -sign
        room.guest.receive(0.2)
    room.seen = len(room.lines())


def test_hold_and_cursor(room):
    """What tells of the held pointer follows the guest's cursor: drm_cursor shows it from its second
    step on, and hides it for its last."""
    folder = room.guest.out / "cursor"
    folder.mkdir()
    number = room.guest.begin("/mnt/programs/drm/guest_drm_cursor --host /mnt/out/cursor",
                              mesa=room.mesa)
    room.guest.wait_output(number, "WAIT 1\n", ARRIVE_SECONDS)
    toggle(room, RELEASES)
    move_until(room, "mouse")
    (folder / "done-1").touch()
    room.guest.wait_output(number, "WAIT 2\n", ARRIVE_SECONDS)
    move_until(room, "tablet")
    room.point(70, 80)
    room.expect_at_last("tablet", room.at(70, 80))
    room.wait_title(RELEASES)
    step = 2
    while "no cursor" not in room.guest.output(number):
        room.guest.wait_output(number, f"WAIT {step}\n", ARRIVE_SECONDS)
        (folder / f"done-{step}").touch()
        step += 1
        room.guest.receive(0.2)
    move_until(room, "mouse")
    toggle(room, HOLDS)
    room.guest.signal(number)
    room.guest.finish(number)


def test_two_displays(room):
    """Windows beside each other, as the guest's displays are."""
    width = room.width
    room.point(50, 60)
    room.expect("tablet", room.at(50, 60))
    room.request(f"display 1 {width}x{room.height}")
    second = room.person.find_window("Vesper, display 2")
    room.person.move_window(second, room.left + width, room.top)
    # The first display is now the left half of the desktop. The window has appeared under the
    # pointer, and gone away from there.
    room.point(51, 61)
    room.expect_at_last("tablet", room.at(51, 61, 2 * width))
    # On its way it leaves the first window at its edge.
    room.point(width + 100, 200)
    room.expect_at_last("tablet", room.at(width + 100, 200, 2 * width))
    room.person.click(people.LEFT)
    room.expect("tablet", pressed(BTN_LEFT), released(BTN_LEFT))
    room.person.focus(second)
    room.person.type("a")
    room.expect("keyboard", pressed(KEY_A), released(KEY_A))
    room.request("display 1 off")
    room.person.wait_gone(second)
    room.person.focus(room.window)
    room.point(52, 62)
    room.expect_at_last("tablet", room.at(52, 62))


def test_reboot(room):
    """The guest's next driver is told of nothing that was held before."""
    room.person.key("b", True)
    room.expect("keyboard", pressed(KEY_B))
    room.guest.reboot()
    room.person.key("b", False)
    room.listen()
    room.person.type("a")
    room.expect("keyboard", pressed(KEY_A), released(KEY_A))
    room.point(200, 201)
    room.expect("tablet", room.at(200, 201))


TESTS = (test_devices, test_keys, test_held_keys, test_places, test_buttons, test_wheels,
         test_focus, test_hold, test_hold_and_cursor,
         test_two_displays, test_reboot)


def run(arguments):
    machine.leave_on_sigterm()
    need_programs(arguments.programs)
    image.folder()
    with gpu.Window(arguments.vesper, f",present={arguments.present}", outputs=2,
                    arguments=["--log-level", "debug", *arguments.server_option]) as device:
        inputs = qemu.vesper_inputs(device.folder / "gpu", KINDS)
        with machine.Machine(**options.machine(arguments), **device.settings(),
                             extra=inputs) as guest:
            room = Room(guest, device.server, device.width, device.height, device.log,
                        device.request, arguments.mesa)
            run_tests(TESTS, room)
            room.person.close()
            device.check_alive()


def parse_arguments():
    parser = options.parser(__doc__)
    parser.add_argument("--present", choices=["software", "fifo"], default="software",
                        help="the windows are drawn by the processor, or by Vulkan")
    return parser.parse_args()


conclude(run, parse_arguments())
