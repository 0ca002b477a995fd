"""What may happen to a run at a chosen moment, for the tests that it survives them."""


class Killed(BaseException):
    """Nothing in the library expects this one."""


def at(call, function, error=Killed, half=None):
    """The function, but its given call, counted from 1, raises `error`, after doing `half` of its work."""
    calls = 0

    def failing(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == call:
            if half:
                half(*args, **kwargs)
            raise error
        return function(*args, **kwargs)
    return failing


def interrupted(*args, **kwargs):
    raise KeyboardInterrupt


def full_disk(file, **arrays):
    """Stands in for numpy.savez."""
    file.write(b"PK half of it")
    raise OSError(28, "No space left on device")
