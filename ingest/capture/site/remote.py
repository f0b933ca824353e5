"""What does this Python process read and write over fsspec? Loaded when a captured program imports it.

A line is appended to the run's folder for each object that is opened, fetched or stored: what was done, its
URL without what lets somebody in, and its ETag where the file system had asked for it by itself. No request
is made that the program would not make, what it gets is what it would get, and no error leaves.
"""

# ruff: noqa: S110, BLE001, SIM105 - it must never be noticed

import functools
import inspect

SUFFIX, MOST = "remote", None
_PASSED_ON = {
    "http",  # each of its requests is told by itself (`web.py`)
    "https",
    "file",
    "local",
    "abstract",  # one that gave itself no name, as DVC's for local files: no URL leads to it
    "zip",
    "tar",
    "libarchive",
    "dir",
    "simplecache",
    "filecache",
    "blockcache",
}
_PASSED_ON |= {"cached", "reference", "generic"}
_MOST_KNOWN = 10000
_READS = {"cat_file": 0, "get_file": 0}
_WRITES = {"pipe_file": 0, "put_file": 1}


class _Hook:
    def __init__(self, notes):
        self.notes = notes
        self.etags = {}
        self.wrapped = set()

    def install(self, module):
        system, meta = module.AbstractFileSystem, module._Cached
        make, opening = meta.__call__, system.open

        @functools.wraps(make)
        def made(cls, *args, **kwargs):
            try:
                self.wrap_class(cls)
            except Exception:
                pass
            return make(cls, *args, **kwargs)

        @functools.wraps(opening)
        def opened(fs, path, mode="rb", *args, **kwargs):
            found = opening(fs, path, mode, *args, **kwargs)
            self.saw(fs, path, "read" if "r" in mode else "write")
            return found

        meta.__call__, system.open = made, opened

    def wrap_class(self, cls):
        if cls in self.wrapped:
            return
        self.wrapped.add(cls)
        for owner in cls.__mro__:
            for name, place in (*_READS.items(), *_WRITES.items(), ("info", 0)):
                for own in (name, "_" + name):
                    given = owner.__dict__.get(own)
                    if inspect.isfunction(given) and not hasattr(given, "_provgraph"):
                        how = "read" if name in _READS else "write" if name in _WRITES else "info"
                        setattr(owner, own, self.wrapper(given, how, place))

    def wrapper(self, given, how, place):
        if inspect.iscoroutinefunction(given):

            @functools.wraps(given)
            async def wrapped(fs, *args, **kwargs):
                found = await given(fs, *args, **kwargs)
                self.after(fs, args, how, place, found)
                return found

        else:

            @functools.wraps(given)
            def wrapped(fs, *args, **kwargs):
                found = given(fs, *args, **kwargs)
                self.after(fs, args, how, place, found)
                return found

        wrapped._provgraph = True
        return wrapped

    def after(self, fs, args, how, place, found):
        if len(args) <= place:
            return
        if how != "info":
            self.saw(fs, args[place], how)
        elif isinstance(found, dict):
            try:
                etag = found.get("ETag") or found.get("etag")
                if isinstance(etag, str) and len(self.etags) < _MOST_KNOWN:
                    self.etags[self.name(fs, args[0])] = etag.strip('"')
            except Exception:
                pass

    def name(self, fs, path):
        return str(fs.unstrip_protocol(fs._strip_protocol(path)))

    def saw(self, fs, path, how):
        try:
            protocols = fs.protocol if isinstance(fs.protocol, (tuple, list)) else (fs.protocol,)
            if _PASSED_ON & set(protocols) or not isinstance(path, str):
                return
            uri = self.name(fs, path)
            etag = self.etags.get(uri, "") if how == "read" else ""
            shown = self.notes.shown(uri)
            if "://" in shown:
                self.notes.add(how=how, uri=shown, etag=etag)
        except Exception:
            pass


def install(module, notes):
    _Hook(notes).install(module)
