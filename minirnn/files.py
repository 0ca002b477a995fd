"""Files a user can trust: written beside and renamed, so a name holds either the old content or the whole new one."""

import contextlib
import os
import time
from pathlib import Path

STALE = 60  # seconds after which a lock is that of a killed run: it is held for one read and one write


@contextlib.contextmanager
def replacing(path):
    """Open a binary file that takes the name `path` only once it is completely written. An OSError names `path`."""
    path = Path(path)
    beside = _beside(path)
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        if error.filename is None or Path(error.filename) == beside:
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
        _remove_left_over(path)


@contextlib.contextmanager
def alone(path):
    """Hold what is done with a file against other processes that ask the same: read, add, write."""
    lock = Path(path).with_name(f".{Path(path).name}.lock")
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > STALE:
                    lock.unlink()
            time.sleep(0.01)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def check_writable(path, remedy=""):
    """Raise now, before hours of work, if `path` could not be written then."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise IsADirectoryError(None, "it is no file")
        with open(_beside(path), "wb"):
            pass
        _beside(path).unlink()
    except OSError as error:
        raise ValueError(f"{path} cannot be written: expected a file name in a folder that exists and is yours "
                         f"({error.strerror}){remedy}") from None
    _remove_left_over(path)


def _beside(path):
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _remove_left_over(path):
    """Remove what killed runs left beside `path`."""
    with contextlib.suppress(OSError):  # on Windows, a file of a process that still writes
        for other in path.parent.iterdir():
            pid = other.name.removeprefix(f".{path.name}.").removesuffix(".part")
            if other.name == f".{path.name}.{pid}.part" and pid.isdecimal() and not _runs(int(pid)):
                other.unlink()


def _runs(pid):
    if os.name != "posix":  # there os.kill would end it, but a file that is open cannot be removed either
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is somebody else's
        pass
    return True
