"""Printing that ends no run: a reader may leave (`| head -1`), a terminal lack a letter, an output be closed."""

import codecs
import contextlib
import errno
import io
import os
import re
import sys
import unicodedata

PLAINER = {"→": "->", "←": "<-", "↓": "v", "≈": "~", "∝": "~", "≤": "<=", "≥": ">=", "−": "-", "–": "-", "·": "*",
           "⊙": "*", "√": "sqrt", "Σ": "sum", "Π": "prod", "∂": "d", "⁄": "/", "’": "'", "“": '"', "”": '"', "✓": "ok",
           "\u0303": "~", "\u0302": "_hat"}  # the last two: c̃, m̂
ERRORS = "minirnn.plainer"  # for errors= of a stream
RAISED = re.compile("[⁰¹²³⁴-⁹⁺⁻ⁿᵀ]+")
GONE = errno.EPIPE, errno.EINVAL, errno.EIO  # nobody reads any more: a pipe; a pipe on Windows; a terminal


def plain(text, encoding):
    """The text in letters that the encoding has: σ is sigma, 10²⁰ is 10^20, c̃ is c~, and what has no name its number.

    >>> plain("σ(c̃_t)ᵀ → 10²⁰", "ascii")
    'sigma(c~_t)^T -> 10^20'
    """
    def whole(exponent):  # not ² as it is and ⁰ in other letters
        return exponent[0] if _fits(exponent[0], encoding) else "^" + _spelled(exponent[0])

    return text if _fits(text, encoding) else RAISED.sub(whole, text).encode(encoding, ERRORS).decode(encoding)


def _fits(text, encoding):
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _plainer(error):
    """What to write for letters that an encoding lacks: plain ones in their place, or else their number."""
    letters = error.object[error.start:error.end]
    text = RAISED.sub(lambda exponent: "^" + _spelled(exponent[0]), letters)
    return "".join(map(_spelled, text)).encode("ascii", "backslashreplace").decode(), error.end


def _spelled(letters):
    """σ as sigma; é as the letter it is made of."""
    letters = unicodedata.normalize("NFKD", letters)
    if unicodedata.name(letters[0], "").startswith("GREEK SMALL LETTER"):
        return unicodedata.name(letters[0]).split()[3].lower().replace("lamda", "lambda")  # Unicode writes it so
    return "".join(PLAINER.get(part, "" if unicodedata.combining(part) else part) for part in letters)


codecs.register_error(ERRORS, _plainer)


class Steady:
    """A text stream to print to, in place of one that may end: sys.stdout, sys.stderr or None."""

    def __init__(self, stream):
        self._stream = io.StringIO() if stream is None or stream.closed else stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        encoding = self._stream.encoding or "utf-8"
        self._unless_gone(self._stream.write, plain(text, encoding))
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
