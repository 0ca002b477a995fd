"""A column of dates or times: how it is written, whether it is in order and whole, and what comes next."""

import itertools
import re
import reprlib
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import numpy as np

ORDERS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y",
          "%m-%d-%Y")
CLOCKS = "", *map("".join, itertools.product(" T", ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%H"), ("", "%z")))
COARSE = "%Y-%m", "%Y/%m", "%Y年%m月", "%Y"


class Step(NamedTuple):
    """The usual step between times in order: months, or the next day from Monday to Friday, or a duration."""
    months: int
    weekdays: bool
    duration: timedelta

    @classmethod
    def of(cls, times):
        shifted = [_turn_of_month(time) for time in times]
        if len(times) > 2 and len({(one.day, one.time()) for one in shifted}) == 1:
            months = [12 * (b.year - a.year) + b.month - a.month for a, b in zip(shifted, shifted[1:])]
            return cls(_commonest(months), False, timedelta(0))
        duration = _commonest([b - a for a, b in zip(times, times[1:])] or [timedelta(1)])
        weekdays = duration == timedelta(1) and len(times) > 5 and all(time.weekday() < 5 for time in times)
        return cls(0, weekdays, duration)

    def after(self, time):
        """The time that is due next."""
        if self.months:
            start = _turn_of_month(time)
            year, month = divmod(12 * start.year + start.month - 1 + self.months, 12)
            return start.replace(year=year, month=month + 1) - (start - time)
        return time + (self.duration if not self.weekdays or time.weekday() < 4 else timedelta(7 - time.weekday()))

    def gap(self, before, after):
        """Whether something is missing in between. On weekdays some may be holidays."""
        return after - before > timedelta(5) if self.weekdays else self.after(before) < after


def _turn_of_month(time):
    """The next day if the time is on the last of a month: so the ends of months are one day too."""
    later = time + timedelta(1)
    return later if later.day == 1 else time


def _commonest(steps):
    return max(set(steps), key=steps.count) if len(set(steps)) < 50 else sorted(steps)[len(steps) // 2]


def in_order(path, name, cells, values, fill):
    """The form of the times; times and values, the oldest first and, with `fill`, NaN where a row is missing; and
    whether they were turned."""
    if not cells:
        return "", [], values, False
    form, times = _parsed(path, name, cells)
    lines = [line for line, _ in cells]
    turned = len(times) > 1 and all(a > b for a, b in zip(times, times[1:]))
    if turned:
        times, lines, values = times[::-1], lines[::-1], values[::-1]
    step = Step.of(sorted(set(times)))
    for k, (before, after) in enumerate(zip(times, times[1:])):
        if after <= before:
            kind = "again" if after == before else "earlier than the line before"
            raise ValueError(f"{path} line {lines[k + 1]}: {name} is {after.strftime(form)}, {kind}, expected each "
                             "time once and in order: keep one row of each, or choose one series of several with "
                             "--where COLUMN=TEXT")
    grid, kept = times[:1], list(values[:1])
    for line, time, value in zip(lines[1:], times[1:], values[1:]):
        if step.gap(grid[-1], time):
            if not fill:
                due = step.after(grid[-1]).strftime(form)
                raise ValueError(f"{path} line {line}: {name} is {time.strftime(form)}, expected {due} next: "
                                 "fill what is missing with --fill previous or --fill linear")
            while (due := step.after(grid[-1])) < time:
                grid.append(due)
                kept.append(np.nan)
        grid.append(time)
        kept.append(value)
    return form, grid, np.array(kept), turned


def _parsed(path, name, cells):
    """The times of a column, by the one form in which all can be read."""
    forms = [day + clock for day in ORDERS for clock in CLOCKS] + list(COARSE)
    tidy = [(line, re.sub(r"(?<=\d)\s+(?=\d)", " ", cell)) for line, cell in cells]
    found = {}
    for form in forms:
        try:
            found[form] = [_read(cell, form) for _, cell in tidy]
        except ValueError:
            continue
    different = {tuple(times): form for form, times in found.items()}
    if len(different) > 1:  # day and month may be told apart by the step, which is the same all along
        different = {times: form for times, form in different.items() if _regular(times)} or different
    if len(different) != 1:
        line, cell = cells[0]
        if different:
            raise ValueError(f"{path} line {line}: {name} is {cell!r}, which may be day or month first, expected one "
                             "that is clear: write it as 2024-01-31")
        for line, cell in cells:
            if not any(_can(cell, form) for form in forms):
                break
        raise ValueError(f"{path} line {line}: {name} is {reprlib.repr(cell)}, expected a date or a time such as "
                         "2024-01-31 or 2024-01-31 13:00, all of one form: see --time")
    times, form = next(iter(different.items()))
    return form.removesuffix("%z"), list(times)


def _read(cell, form):
    """A time; where it tells its zone, that of Greenwich."""
    time = datetime.strptime(cell, form)
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time


def _can(cell, form):
    try:
        return bool(datetime.strptime(cell, form))
    except ValueError:
        return False


def _regular(times):
    times = times if times[0] <= times[-1] else times[::-1]
    step = Step.of(times)
    return all(step.after(before) == after for before, after in zip(times, times[1:]))
