"""One column of a CSV file as people have them: any usual encoding and separator, decimal commas, a column of time.

What the file does not say clearly is refused, with the option that settles it.
"""

import csv
import io
import re
import reprlib
from typing import NamedTuple

import numpy as np

from . import calendar

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MARKS = (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")
NAMES = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "gb18030": "GB18030"}  # as they are said
POINT, COMMA = ".", ","
PLAIN = r"[+-]?(\d+{0}?\d*|{0}\d+)([eE][+-]?\d+)?"  # 1_00, which float() takes, is no number here
GROUPED = r"[+-]?[1-9]\d{{0,2}}({1}\d{{3}})+({0}\d+)?"


class Column(NamedTuple):
    """What was read: the values in time's order, their times, if there is a column of them, and what was found out."""
    values: np.ndarray
    times: list | None
    form: str | None  # of the times, as strftime has it
    said: str

    def following(self, count):
        """The times of the next `count` values, written as in the file; None without a column of time."""
        if self.times is None:
            return None
        dates, step = self.times[-1:], calendar.Step.of(self.times)
        for _ in range(count):
            dates.append(step.after(dates[-1]))
        return [date.strftime(self.form) for date in dates[1:]]


def read(path, column, time=None, encoding=None, separator=None, decimal=None, where=None, fill=None):
    """One column of a CSV file with a header, as a Column.

    time       the column of dates or times: order, duplicates and gaps are checked; the newest first is turned round
    encoding, separator, decimal  as the file has them; None is found out
    where      a pair (column, text): read only the rows that have this text there
    fill       what a missing row or an empty cell becomes: "previous" value, or "linear" between its neighbours
    errors     ValueError that names the line and what to do

    >>> from pathlib import Path
    >>> column = read(Path(__file__).parent / "seattle_weather_2012_2015.csv", "temp_max", time="date")
    >>> column.values[:2].tolist(), column.following(1)
    ([12.8, 10.6], ['2016-01-01'])
    """
    text, encoding = _decoded(path, encoding)
    rows, separator = _rows(path, text, separator)
    header = [name.strip() for name in rows[0][1]] if rows else []
    wanted = {name: _place(path, header, name) for name in (column, time, where and where[0]) if name}
    kept = []
    for line, row in rows[1:]:
        if any(row[len(header):]):
            raise ValueError(f"{path} line {line}: {len(row)} cells and {len(header)} names in the header, expected as "
                             f"many: put numbers with a {SEPARATORS.get(separator, separator)} inside in quotes, or "
                             "name another --separator")
        cells = {name: row[k].strip() if k < len(row) else "" for name, k in wanted.items()}
        if where is None or cells[where[0]] == where[1]:
            kept.append((line, cells))
    if where and not kept:
        raise ValueError(f"{path} has no row whose {where[0]} is {where[1]!r}, expected some: see --where")
    decimal = decimal or _decimal(path, column, kept, separator)
    values = np.array([_number(path, line, column, cells[column], decimal, fill) for line, cells in kept])
    said = f"read as {encoding}, separated by {SEPARATORS.get(separator, separator)}, decimal {decimal}"
    times = form = None
    if time:
        stamps = [(line, cells[time]) for line, cells in kept]
        form, times, values, turned = calendar.in_order(path, time, stamps, values, fill)
        said += ", newest first, turned round" * turned
    return Column(_filled(path, column, values, fill), times, form, said)


def _decoded(path, encoding):
    with open(path, "rb") as file:
        data = file.read()
    for mark, name in MARKS:
        if encoding is None and data.startswith(mark):
            encoding = name
    for name in [encoding] if encoding else ["utf-8", "gb18030"]:
        try:
            text = data.decode(name)
        except (UnicodeDecodeError, UnicodeError, LookupError):
            continue
        if "\0" in text:
            break
        if name == "gb18030" and not encoding and not _chinese(text):
            break
        return text.removeprefix("\ufeff"), NAMES.get(name, name)
    raise ValueError(f"{path} is no CSV text file in {encoding or 'UTF-8, GB18030 or UTF-16 with a mark'}: name the "
                     "right --encoding, such as latin-1 or utf-16-le")


def _chinese(text):
    """Whether what is not ASCII is common Chinese: Latin letters with accents decode as rare characters."""
    letters = [letter for letter in text if ord(letter) > 127]
    return sum(bool(letter.encode("gb2312", "ignore")) for letter in letters) > 0.9 * len(letters)


def _rows(path, text, separator):
    """The rows that are not empty, each with the number of its line, and the separator."""
    lines, skipped = text.splitlines(), 0
    if lines and re.fullmatch(r'"?sep=(.)"?', lines[0].strip("\r\n")):
        separator, skipped = separator or lines[0].strip('"')[4], 1
    head = next((line for line in lines[skipped:] if line.strip()), "")
    if separator is None:
        outside = re.sub(r'"[^"]*"', "", head)
        found = [one for one in SEPARATORS if one in outside]
        if len(found) > 1:
            raise ValueError(f"{path} has {' and '.join(SEPARATORS[one] for one in found)} in its header, expected one "
                             "separator: name it with --separator")
        separator = found[0] if found else ","
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = [(reader.line_num, row) for row in reader if row]
    except (csv.Error, TypeError) as error:
        raise ValueError(f"{path} is no CSV text file: {error}") from None
    return [(line, row) for line, row in rows if line > skipped], separator


def _place(path, header, name):
    if header.count(name) != 1:
        raise ValueError(f"{path} has {header.count(name) or 'no'} columns named {name!r}, expected exactly one; it "
                         f"has {', '.join(map(repr, header))[:500] or 'nothing, it is empty'}")
    return header.index(name)


def _is_number(cell, decimal):
    mark, group = (re.escape(decimal), "[., '\u00a0\u202f]".replace(decimal, ""))
    return any(re.fullmatch(pattern.format(mark, group), cell) for pattern in (PLAIN, GROUPED))


def _decimal(path, column, rows, separator):
    """The decimal mark with which all numbers of the column can be read; where both can and mean different, refused."""
    cells = [(line, cells[column]) for line, cells in rows if re.search("[.,]", cells[column])]
    if separator != ";" and not any(COMMA in cell for _, cell in cells):
        return POINT
    fits = [mark for mark in (POINT, COMMA) if all(_is_number(cell, mark) for _, cell in cells)]
    if len(fits) == 1:
        return fits[0]
    if fits and cells:
        line, cell = cells[0]
        raise ValueError(f"{path} line {line}: {column} is {cell!r}, which may be {_value(cell, POINT):g} or "
                         f"{_value(cell, COMMA):g}: say --decimal . or --decimal ,")
    commas = sum(not _is_number(cell, POINT) and _is_number(cell, COMMA) for _, cell in cells)
    return COMMA if commas > len(cells) / 2 else POINT  # some cell is no number either way: it is named later


def _value(cell, decimal):
    return float(re.sub(f"[^0-9eE+\\-{re.escape(decimal)}]", "", cell).replace(decimal, "."))


def _number(path, line, column, cell, decimal, fill):
    value = np.nan
    if _is_number(cell, decimal):
        value = _value(cell, decimal)
    if not np.isfinite(value) and not (fill and cell == ""):
        remedy = "fill the gap" + " (--fill previous or linear)" * (cell == "") + " or drop the row"
        raise ValueError(f"{path} line {line}: {column} is {reprlib.repr(cell)}, expected a number: {remedy}")
    return value


def _filled(path, column, values, fill):
    """With what was missing filled in."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known) == len(values):
        return values
    if known[:1] != [0] or fill == "linear" and known[-1] < len(values) - 1:
        raise ValueError(f"{path}: {column} has no value to fill its first or last one from, expected one: drop that "
                         "row")
    if fill == "linear":
        return np.interp(np.arange(len(values)), known, values[known])
    return values[known[np.searchsorted(known, np.arange(len(values)), side="right") - 1]]
