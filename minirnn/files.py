"""Files a user can trust: written beside and renamed, so a name holds either the old content or the whole new one."""

import contextlib
import os
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Open a binary file that takes the name `path` only once it is completely written."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def check_writable(path):
    """Raise now, before hours of work, if `path` could not be written then."""
    path = Path(path)
    if path.exists() and not path.is_file() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise ValueError(f"{path} cannot be written: expected a file name in a folder that exists and is yours")
