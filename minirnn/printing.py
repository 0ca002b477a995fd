"""Printing that ends no run: a reader may leave (`| head -1`), a terminal lack a letter, an output be closed."""

import codecs
import contextlib
import errno
import io
import os
import sys
import unicodedata

PLAINER = {"→": "->", "←": "<-", "≈": "~", "≤": "<=", "≥": ">=", "−": "-", "–": "-", "·": "*", "⊙": "*", "√": "sqrt",
           "Σ": "sum", "’": "'", "“": '"', "”": '"', "✓": "ok"}
GONE = errno.EPIPE, errno.EINVAL, errno.EIO  # nobody reads any more: a pipe; a pipe on Windows; a terminal


def _plainer(error):
    """What to write for letters that an encoding lacks: plain ones in their place, or else their number."""
    plain = "".join(PLAINER.get(letter) or _spelled(letter) for letter in error.object[error.start:error.end])
    return plain.encode("ascii", "backslashreplace").decode(), error.end


def _spelled(letter):
    """σ as sigma; ᵀ and é as the letters they are made of."""
    if unicodedata.name(letter, "").startswith("GREEK SMALL LETTER"):
        return unicodedata.name(letter).split()[3].lower()
    return "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))


codecs.register_error("minirnn.plainer", _plainer)


class Steady:
    """A text stream to print to, in place of one that may end: sys.stdout, sys.stderr or None."""

    def __init__(self, stream):
        self._stream = io.StringIO() if stream is None or stream.closed else stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        encoding = self._stream.encoding or "utf-8"
        self._unless_gone(self._stream.write, text.encode(encoding, "minirnn.plainer").decode(encoding))
        return len(text)

    def flush(self):
        self._unless_gone(self._stream.flush)

    def _unless_gone(self, act, *args):
        try:
            act(*args)
        except OSError as error:
            if error.errno not in GONE:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # for what Python itself still flushes at the end
            os.close(nowhere)


@contextlib.contextmanager
def steady():
    """Print steadily in what is done with it."""
    with contextlib.redirect_stdout(Steady(sys.stdout)), contextlib.redirect_stderr(Steady(sys.stderr)):
        try:
            yield
        finally:
            sys.stdout.flush(), sys.stderr.flush()
