"""A guest that says what its input devices tell, and a person at the window of it."""

import time

import person as people
from verdict import Skip, expect

NAMES = {"keyboard": "Keyboard", "tablet": "Tablet", "mouse": "Mouse"}
ARRIVE_SECONDS = 30
SYN, KEY, REL, ABS = range(4)
REPEATED = 2
X, Y = 0, 1


def need_programs(folder):
    if not (folder / "input").is_dir():
        raise Skip("the programs of tests/guest/input are not built")


class Room:
    """`screen` is the X server; the guest's display has `width` × `height` pixels; `log` gives what
    Vesper has said; `request` asks for something at its control socket; `mesa` is the
    guest's."""

    def __init__(self, guest, screen, width, height, log, request=None, mesa=None):
        self.log = log
        self.request = request
        self.mesa = mesa
        self.guest = guest
        self.width = width
        self.height = height
        self.person = people.Person(screen.environment["DISPLAY"])
        self.window = self.person.find_window("Vesper")
        self.left, self.top = self.person.place(self.window)
        self.person.focus(self.window)
        self.listen()
        # The window may have appeared under the pointer, or not.
        self.point(1, 2)
        self.expect_at_last("tablet", self.at(1, 2))

    def listen(self):
        """What was told before is forgotten."""
        self.number = self.guest.begin("/mnt/programs/input/guest_input --led")
        self.guest.wait_output(self.number, "ready\n", ARRIVE_SECONDS)
        self.seen = 0

    def lines(self):
        """What the devices told, without what the guest repeats itself and the light it set."""
        output = self.guest.output(self.number)
        _, _, told = output[:output.rfind("\n") + 1].partition("ready\n")
        events = [line.split() for line in told.splitlines()]
        wanted, group = [], []
        for name, *numbers in events:
            kind, code, value = map(int, numbers)
            if (kind, code) == (SYN, 0):
                if group:
                    wanted += [*group, (name, SYN, 0, 0)]
                group = []
            elif kind in (KEY, REL, ABS) and not (kind == KEY and value == REPEATED):
                group.append((name, kind, code, value))
        return wanted

    def expect(self, kind, *groups):
        """Each group ends with a report; all of it arrives, in this order, and nothing between."""
        name = NAMES[kind]
        wanted = []
        for group in groups:
            wanted += [(name, *event) for event in group] + [(name, SYN, 0, 0)]

        def arrived():
            return len(self.lines()) >= self.seen + len(wanted)
        deadline = time.monotonic() + ARRIVE_SECONDS
        while not arrived() and time.monotonic() < deadline:
            self.guest.receive(0.05)
        seen = self.lines()[self.seen:]
        expect(seen == wanted, f"wanted {wanted}\n  seen {seen}")
        self.seen += len(wanted)

    def expect_at_last(self, kind, group):
        """In the end it is so, by this device's events alone; on the way anything else may be."""
        def is_so():
            last = {event[1:3]: event[3] for event in self.lines()[self.seen:]}
            return all(last.get(event[:2]) == event[2] for event in group)
        deadline = time.monotonic() + ARRIVE_SECONDS
        while not is_so() and time.monotonic() < deadline:
            self.guest.receive(0.05)
        seen = self.lines()[self.seen:]
        expect(is_so() and all(event[0] == NAMES[kind] for event in seen),
               f"wanted {group} of the {kind} at last\n  seen {seen}")
        self.seen += len(seen)

    def wait_title(self, title):
        deadline = time.monotonic() + ARRIVE_SECONDS
        while (seen := self.person.title(self.window)) != title:
            expect(time.monotonic() < deadline, f"the window is called '{seen}', not '{title}'")
            time.sleep(0.05)

    def point(self, x, y):
        """At a pixel of the guest's."""
        self.person.move_to(self.left + x, self.top + y)

    def at(self, x, y, width=None):
        """As the tablet tells it: the middle of the pixel; `width` is the whole desktop's."""
        return [(ABS, X, (2 * x + 1) * 32768 // (2 * (width or self.width))),
                (ABS, Y, (2 * y + 1) * 32768 // (2 * self.height))]


def pressed(code):
    return [(KEY, code, 1)]


def released(code):
    return [(KEY, code, 0)]
