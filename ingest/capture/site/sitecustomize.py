"""What does this Python process run? Loaded into every Python program that provgraph captures.

It writes one small file into the run's folder when the interpreter ends: the script, the module
given to -m, the project's own modules that were imported, and the interpreter. There is no hook on
events: a Python function called for each costs 3 % of importing pandas and scikit-learn, and the
shim sees files anyway. What is lost: processes that end by a signal (as a Pool's workers do where it is terminated), by
os._exit or by an exec. Other children of multiprocessing, which end by os._exit after running their
finalizers, are not lost.

It runs under Python 3.8 and later, beside any other sitecustomize, and must never be noticed:
nothing is imported that the interpreter has not loaded already, and no error leaves it.
"""

# ruff: noqa: S102, S110, BLE001, SIM105, UP031 - nothing is imported, and no error may leave

import sys


def _begin():
    import atexit
    import os
    import time

    root, within, run = os.environ.get("PROVGRAPH_SPOOL", "").rpartition("/.provgraph/spool/")
    if not within or not hasattr(time, "CLOCK_BOOTTIME"):
        return
    inside = root + "/"
    folder = inside + within[1:] + run.rpartition("/")[0] + "/python"
    clock = time.CLOCK_BOOTTIME
    now = time.clock_gettime_ns
    began = [os.getpid(), now(clock)]

    def real_path(path):
        """As os.path.realpath, which asks about each of a path's folders and takes longer than all else here."""
        try:
            file = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except Exception:
            return os.path.realpath(path)
        try:
            return os.readlink("/proc/self/fd/%d" % file)
        except OSError:
            return os.path.realpath(path)
        finally:
            os.close(file)

    def write():
        try:
            if began[0] != os.getpid():
                return
            main = sys.modules.get("__main__")
            spec = getattr(main, "__spec__", None)
            # At exit the main module has lost its __file__, not its loader.
            script = getattr(getattr(main, "__loader__", None), "path", None)
            script = real_path(script) if type(script) is str else ""
            links = [(inside, inside)]
            for entry in sys.path:
                if not entry.startswith("/") or "/site-packages/" in entry + "/":
                    continue
                real = real_path(entry).rstrip("/") + "/"
                if real.startswith(inside) and not entry.startswith(inside):
                    links.append((entry.rstrip("/") + "/", real))
            sources = set()
            for module in list(sys.modules.values()):
                path = getattr(module, "__file__", None)
                if type(path) is str and path.endswith(".py") and "/site-packages/" not in path:
                    if "/./" in path or "/../" in path:  # as by sys.path.append("..")
                        path = real_path(path)
                    for link, real in links:
                        if path.startswith(link):
                            sources.add(real + path[len(link) :])
                            break
            sources.discard(script)
            fields = [
                "1",
                str(began[0]),
                str(began[1]),
                str(now(clock)),
                script,
                getattr(spec, "name", "") or "",
                "%d.%d.%d" % sys.version_info[:3],
                sys.prefix,
            ]
            data = b"\0".join(os.fsencode(field) for field in fields + sorted(sources)) + b"\n"
            try:
                os.mkdir(folder, 0o700)
            except OSError:
                pass  # another process made it
            name = os.path.join(folder, "%d-%d" % tuple(began))
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(file, data)
            finally:
                os.close(file)
        except Exception:
            pass

    def forked():
        try:
            began[:] = [os.getpid(), now(clock)]
            util = sys.modules.get("multiprocessing.util")
            if util is not None:  # its children run these finalizers, and never atexit's
                util.register_after_fork(
                    write, lambda write: util.Finalize(None, write, exitpriority=-100)
                )
        except Exception:
            pass

    _watch(folder)
    atexit.register(write)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)


def _watch(folder):
    """Hook what asks the network and databases, as soon as it is imported."""
    here = __file__.rpartition("/")[0]
    hooks = {"fsspec.spec": "remote.py"}
    drivers = "sqlite3 duckdb psycopg psycopg2 asyncpg pymysql aiomysql MySQLdb mysql.connector"
    clients = (
        "http.client aiohttp.client_reqrep httpcore httpcore2 botocore.client aiobotocore.client"
    )
    for names, hook in ((drivers, "database.py"), (clients, "web.py")):
        for name in names.split():
            hooks[name] = hook

    def load(name):
        made = {"__name__": "provgraph_" + name[:-3]}
        loader = sys.modules["_frozen_importlib_external"].SourceFileLoader
        exec(loader(made["__name__"], here + "/" + name).get_code(made["__name__"]), made)
        return made

    def install(module, hook):
        made = load(hook)
        notes = load("notes.py")["Notes"](folder, made["SUFFIX"], made["MOST"])
        made["install"](module, notes)

    def find_spec(name, path=None, target=None):
        if name not in hooks:
            return None
        try:
            for finder in sys.meta_path:
                spec = None if finder is watcher else finder.find_spec(name, path, target)
                if spec is not None:
                    return hooked(spec, name)
        except Exception:
            pass
        return None

    def hooked(spec, name):
        """Only if it is loaded: who asks whether there is such a module may import it later."""
        loader, run = spec.loader, spec.loader.exec_module

        def exec_module(module):
            run(module)
            try:
                del loader.exec_module
                install(module, hooks.pop(name))
            except Exception:
                pass

        loader.exec_module = exec_module
        return spec

    watcher = type("Watcher", (), {"find_spec": staticmethod(find_spec)})
    sys.meta_path.insert(0, watcher)
    for name in list(hooks):
        if name in sys.modules:
            try:
                install(sys.modules[name], hooks.pop(name))
            except Exception:
                pass


def _step_aside():
    """Let the next sitecustomize on the path be the one, as if this folder were not there."""
    here = __file__.rpartition("/")[0]
    while here in sys.path:
        sys.path.remove(here)
    sys.path_importer_cache.pop(here, None)
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        if ours is not None:
            sys.modules.setdefault("sitecustomize", ours)


if __name__ == "sitecustomize":  # `track` takes no more of it than `_watch`
    try:
        _begin()
    except Exception:
        pass
    _step_aside()
