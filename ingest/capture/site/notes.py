"""What the hooks of this Python process note for its run: lines of JSON, in a file of the run's folder. Loaded with the first of them."""

# ruff: noqa: S110, SIM105, BLE001, UP031 - it must never be noticed

import json
import os
import re
import time

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


_PRIVATE = re.compile(
    r"(?i)([?&;][^=&]*(?:pass|pwd|secret|token|credential|cookie|key|auth|sas|sig)[^=&]*=)[^&;#]*"
)
_LOGIN = re.compile(r"(?<=://)[^/?#]*@")  # a password may have one more @


class Notes:
    """`most` is how many lines there may be, None for any number."""

    def __init__(self, folder, suffix, most=None):
        self.folder = folder
        self.suffix = suffix
        self.left = most
        self.last = None

    def shown(self, url):
        """A URL without who logs in and without parameters that may let somebody in."""
        return _PRIVATE.sub(r"\1[redacted]", _LOGIN.sub("", url))

    def add(self, **line):
        """Note something, with the process and the time; the same as the last is noted once. No error leaves."""
        try:
            key = (os.getpid(), tuple(sorted(line.items())))
            if key == self.last or self.left == 0:
                return
            self.last = key
            if self.left is not None:
                self.left -= 1
            line["pid"] = os.getpid()
            line["tick"] = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            spool = os.environ.get("PROVGRAPH_SPOOL")
            folder = os.path.join(os.path.dirname(spool), "python") if spool else self.folder
            try:
                os.mkdir(folder, 0o700)
            except OSError:
                pass  # it is there
            name = os.path.join(folder, "%d.%s" % (os.getpid(), self.suffix))
            file = os.open(name, _APPEND, 0o600)
            try:
                os.write(file, json.dumps(line).encode() + b"\n")
            finally:
                os.close(file)
        except Exception:
            pass
