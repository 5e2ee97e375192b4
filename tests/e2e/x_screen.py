"""The windows of displays on an X server, as another client sees, moves and closes them."""

import contextlib

from display_guest import to_picture, wait
from environment import Failure

try:
    from Xlib import X, display, error, protocol
    # What a window answers that goes, or gets another title, while it is asked. Xlib may take such an
    # error for an extension's.
    GONE = (error.XError,)
except ImportError:
    X, GONE = None, ()

MIDDLE = 20  # pixels between windows that stand apart


class Screen:
    """Those of the server `name`, of `width` × `height` pixels, whose titles tell displays. There is
    no window manager: windows are where they are put."""

    def __init__(self, name, width, height):
        self.display = display.Display(name)
        self.root = self.display.screen().root
        self.width, self.height = width, height

    def close(self):
        self.display.close()

    def windows(self):
        """{number of the display: window}, of those that are visible."""
        found = {}
        for window in self.root.query_tree().children:
            with contextlib.suppress(*GONE):
                name = window.get_wm_name()
                seen = window.get_attributes().map_state == X.IsViewable
                if seen and name and name.startswith("Vesper"):
                    found[int(name.split()[2]) if "display" in name else 1] = window
        return found

    def count(self):
        """All windows, also those that nobody sees."""
        return len(self.root.query_tree().children)

    def sizes(self):
        found = {}
        for number, window in self.windows().items():
            with contextlib.suppress(*GONE):
                geometry = window.get_geometry()
                found[number] = (geometry.width, geometry.height)
        return found

    def wait_sizes(self, sizes):
        wait(lambda: self.sizes() == sizes, lambda: f"windows {self.sizes()}, not {sizes}")

    def look(self, number):
        """What the screen shows where the window is, which is raised for that; None: it is not
        there, or not all of it is on the screen."""
        with contextlib.suppress(*GONE):
            window = self.windows().get(number)
            if not window:
                return None
            window.configure(stack_mode=X.Above)
            place = window.get_geometry()
            if not (0 <= place.x <= self.width - place.width
                    and 0 <= place.y <= self.height - place.height):
                window.configure(x=0, y=0)
                return None
            data = self.root.get_image(place.x, place.y, place.width, place.height, X.ZPixmap,
                                       0xffffffff)
            return to_picture(place.width, place.height, data.data)
        return None

    def wait_picture(self, number, wanted):
        def is_shown():
            seen = self.look(number)
            return seen and seen.size == wanted.size and seen.rgb == wanted.rgb
        wait(is_shown, lambda: f"window {number}: {tell_difference(self.look(number), wanted)}")

    def put_apart(self, numbers):
        """Side by side, and then in rows."""
        x = y = row = 0
        for number in numbers:
            width, height = self.sizes()[number]
            if x + width > self.width:
                x, y, row = 0, y + row + MIDDLE, 0
            self.windows()[number].configure(x=x, y=y)
            x, row = x + width + MIDDLE, max(row, height)
        self.display.sync()

    def resize(self, number, width, height):
        """As a person does; without an error where there is none."""
        with contextlib.suppress(*GONE):
            window = self.windows().get(number)
            if window:
                window.configure(width=width, height=height)
                self.display.sync()

    def ask_to_close(self, number):
        """As a window manager does; without an error where there is none."""
        with contextlib.suppress(*GONE):
            window = self.windows().get(number)
            if window:
                atom = self.display.intern_atom
                window.send_event(protocol.event.ClientMessage(
                    window=window, client_type=atom("WM_PROTOCOLS"),
                    data=(32, [atom("WM_DELETE_WINDOW"), X.CurrentTime, 0, 0, 0])))
                self.display.sync()


def tell_difference(seen, wanted):
    if not seen:
        return "it is not on the screen"
    if seen.size != wanted.size:
        return f"it shows {seen.size}, not {wanted.size}"
    wrong = [at for at in range(0, len(seen.rgb), 3) if seen.rgb[at:at + 3] != wanted.rgb[at:at + 3]]
    if not wrong:
        raise Failure("the picture came too late")
    first, last = wrong[0] // 3, wrong[-1] // 3
    return (f"{len(wrong)} pixels of {seen.size} differ, from "
            f"{first % seen.width},{first // seen.width} to "
            f"{last % seen.width},{last // seen.width}")
