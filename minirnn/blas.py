"""One BLAS thread for small matrices: two that wait for each other can make a small step many times slower."""

import contextlib
import ctypes
import functools
from pathlib import Path

import numpy as np


@contextlib.contextmanager
def one_thread():
    """Let the OpenBLAS that NumPy brings use one thread in here. With any other BLAS nothing changes: then set
    OPENBLAS_NUM_THREADS=1, or its namesake, before NumPy is imported.

    >>> with one_thread():
    ...     product = np.ones((2, 2)) @ np.ones((2, 2))
    """
    get, put = _threads()
    before = get()
    put(1)
    try:
        yield
    finally:
        put(before)


@functools.cache
def _threads():
    """The functions that tell and set the number of threads."""
    folder = Path(np.__file__).parent
    places = folder.parent / "numpy.libs", folder / ".libs", folder / ".dylibs"  # Linux and Windows, older, macOS
    for place in places:
        for path in sorted(place.glob("*openblas*")):
            with contextlib.suppress(OSError):
                library = ctypes.CDLL(str(path))
                for name in ("scipy_openblas_{}64_", "openblas_{}64_", "openblas_{}"):
                    get, put = (getattr(library, name.format(what), None) for what in ("get_num_threads",
                                                                                          "set_num_threads"))
                    if get and put:
                        return get, put
    return (lambda: 1), (lambda threads: None)
