"""Somebody at the keyboard and the mouse of an X server: what they do comes to windows as it would
from hardware (XTEST), and with no window manager they say themselves which window is typed into. Where there can be nobody, the test that imports
this is skipped."""

import importlib.util
import shutil
import sys
import time

from verdict import SKIP, Failure

for what, found in (("python3-xlib", importlib.util.find_spec("Xlib")),
                    ("Xvfb", shutil.which("Xvfb"))):
    if not found:
        print(f"skipped: there is no {what}", flush=True)
        sys.exit(SKIP)

from Xlib import X, XK, Xatom, display  # noqa: E402
from Xlib.ext import xtest  # noqa: E402

APPEAR_SECONDS = 60
LEFT, MIDDLE, RIGHT, UP, DOWN, TO_LEFT, TO_RIGHT, SIDE, EXTRA = range(1, 10)


class Person:
    """At the X server called `name`."""

    def __init__(self, name):
        self.display = display.Display(name)
        self.root = self.display.screen().root
        if not self.display.has_extension("XTEST"):
            raise Failure("the X server has no XTEST")
        # Another program's window, beside the screen.
        self.other = self.root.create_window(-20, -20, 10, 10, 0, X.CopyFromParent)
        self.other.map()
        self.display.sync()

    def close(self):
        self.display.close()

    # ---- windows -------------------------------------------------------------------------------

    def title(self, window):
        """As programs with words beyond Latin-1 give it; "": none."""
        for name, kind in (("_NET_WM_NAME", self.display.intern_atom("UTF8_STRING")),
                           ("WM_NAME", Xatom.STRING)):
            found = window.get_full_property(self.display.intern_atom(name), kind)
            if found:
                return bytes(found.value).decode() if isinstance(found.value, bytes) \
                    else found.value
        return ""

    def find_window(self, beginning):
        """The window whose title begins so, once there is one that is seen."""
        deadline = time.monotonic() + APPEAR_SECONDS
        while time.monotonic() < deadline:
            for window in self.root.query_tree().children:
                if (self.title(window).startswith(beginning)
                        and window.get_attributes().map_state == X.IsViewable):
                    return window
            time.sleep(0.1)
        raise Failure(f"no window called '{beginning}…' appears")

    def place(self, window):
        """Where its inside begins on the screen."""
        at = self.root.translate_coords(window, 0, 0)
        return at.x, at.y

    def move_window(self, window, x, y):
        window.configure(x=x, y=y)
        self.display.sync()

    def is_seen(self, window):
        return (window in self.root.query_tree().children
                and window.get_attributes().map_state == X.IsViewable)

    def wait_gone(self, window):
        deadline = time.monotonic() + APPEAR_SECONDS
        while self.is_seen(window):
            if time.monotonic() > deadline:
                raise Failure("the window stays")
            time.sleep(0.05)

    def focus(self, window):
        """Types into that window from now on; None: into another program's."""
        (window or self.other).set_input_focus(X.RevertToNone, X.CurrentTime)
        self.display.sync()

    # ---- keyboard and mouse --------------------------------------------------------------------

    def fake(self, kind, detail=0, **where):
        xtest.fake_input(self.display, kind, detail, **where)
        self.display.sync()

    def key(self, name, down):
        """A key by its name on an American keyboard, such as "a" or "Shift_L"."""
        code = self.display.keysym_to_keycode(XK.string_to_keysym(name))
        if not code:
            raise Failure(f"this keyboard has no {name}")
        self.fake(X.KeyPress if down else X.KeyRelease, code)

    def type(self, *names):
        """Presses the keys one after the other, and then releases them, the last one first."""
        for name in names:
            self.key(name, True)
        for name in reversed(names):
            self.key(name, False)

    def move_to(self, x, y):
        self.fake(X.MotionNotify, x=x, y=y)

    def move_by(self, x, y):
        self.fake(X.MotionNotify, 1, x=x, y=y)

    def button(self, number, down):
        """Also the wheel: a notch is one of UP, DOWN, TO_LEFT and TO_RIGHT, down and up."""
        self.fake(X.ButtonPress if down else X.ButtonRelease, number)

    def click(self, number):
        self.button(number, True)
        self.button(number, False)
