"""Reading series, and making training data of them without a look at the future."""

import re

import numpy as np
import pytest

from minirnn import datasets


def test_sunspots_are_the_known_numbers():
    years, numbers = datasets.sunspots()
    assert (years == np.arange(1700, 2009)).all() and numbers.dtype == np.float64
    known = {1700: 5.0, 1749: 80.9, 1778: 154.4, 1810: 0.0, 1957: 190.2, 1979: 155.4, 2000: 119.6, 2008: 2.9}
    assert {year: numbers[year - 1700] for year in known} == known


def test_the_vowels_are_those_of_the_publication():
    """Kudo et al. 1999: 30 utterances of each of nine men to train, 370 to test, in this order."""
    utterances, speakers = datasets.japanese_vowels()
    assert np.bincount(speakers[:270]).tolist() == [30] * 9
    assert np.bincount(speakers[270:]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    lengths = np.array([len(frames) for frames in utterances])
    assert (lengths.min(), lengths.max(), lengths.sum()) == (7, 29, 9961)
    assert all(frames.shape[1:] == (12,) and np.isfinite(frames).all() for frames in utterances)


def test_every_quatrain_has_four_lines_of_five_characters():
    poems, authors, titles = datasets.tang_quatrains()
    assert len(poems) == len(authors) == len(titles) == len(set(poems)) == 3772
    assert all(re.fullmatch(r"(\w{5}，\w{5}。){2}", poem) for poem in poems)
    assert all(authors) and all(titles)


# --- Windows, shares, scale

def test_windows_are_the_past_and_what_follows():
    x, y = datasets.windows(np.arange(10.0), length=4, horizon=2)
    assert x.shape == (5, 4, 1) and y.shape == (5, 2)
    for n in range(5):
        assert x[n, :, 0].tolist() == [n, n + 1, n + 2, n + 3] and y[n].tolist() == [n + 4, n + 5]


def test_padding_stands_at_the_end_and_nowhere_else():
    sequences = [np.full((length, 2), length, np.float32) for length in (3, 1, 4)]
    x, lengths = datasets.padded(sequences)
    assert x.shape == (3, 4, 2) and x.dtype == np.float32 and lengths.tolist() == [3, 1, 4]
    for row, sequence in zip(x, sequences):
        assert (row[:len(sequence)] == sequence).all() and not row[len(sequence):].any()


def test_windows_are_copies():
    series = np.arange(5.0)
    x, y = datasets.windows(series, length=2)
    x[:], y[:] = -1, -1
    assert series.tolist() == [0, 1, 2, 3, 4]


def test_a_changed_future_changes_no_window_before_it():
    series, changed = np.arange(12.0), np.arange(12.0)
    changed[8:] += 100
    (x, y), (x_changed, y_changed) = (datasets.windows(s, length=3) for s in (series, changed))
    np.testing.assert_array_equal(x[:6], x_changed[:6])
    np.testing.assert_array_equal(y[:5], y_changed[:5])
    assert (x[6:] != x_changed[6:]).any(axis=(1, 2)).all() and (y[5:] != y_changed[5:]).all()


def test_next_items_are_those_that_came_next():
    sessions = [[3, 1, 4], [5], [9, 2]]
    x, y, lengths, mask = datasets.next_items(sessions)
    assert x.tolist() == [[3, 1], [0, 0], [9, 0]] and y.tolist() == [[1, 4], [0, 0], [2, 0]]
    assert lengths.tolist() == [2, 0, 1] and mask.tolist() == [[True, True], [False, False], [True, False]]


@pytest.mark.parametrize("n", [3, 10, 99, 309])
def test_split_is_in_order_and_leaves_nothing_out(n):
    parts = datasets.split(np.arange(n), 0.6, 0.2)
    assert np.concatenate(parts).tolist() == list(range(n))
    assert [len(part) for part in parts] == pytest.approx([0.6 * n, 0.2 * n, 0.2 * n], abs=1)


def test_a_scale_is_that_of_the_training_data_alone():
    series = np.random.default_rng(0).normal(5, 3, 200)
    train, _, test = datasets.split(series)
    test[:] = 1e6  # a view: the series itself now ends like this
    scale = datasets.Scale.fit(train)
    scaled = scale.apply(train)
    assert scaled.mean() == pytest.approx(0, abs=1e-12) and scaled.std() == pytest.approx(1)
    np.testing.assert_allclose(scale.invert(scale.apply(series)), series, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1e300])
def test_a_constant_series_is_only_shifted(value):
    """The standard deviation of a hundred times 0.1 is 1e-17: nothing to divide by."""
    scale = datasets.Scale.fit(np.full(100, value))
    assert scale.std == 1 and abs(scale.apply(value)) <= 1e-12 * abs(value)


@pytest.mark.parametrize("says, mistake", [
    ("series has 4 values, expected at least 5: a window of 3 and the 2 after it",
     lambda: datasets.windows(np.arange(4.0), 3, 2)),
    ("length is 0, expected a whole number of at least 1", lambda: datasets.windows(np.arange(4.0), 0)),
    ("horizon is -1, expected a whole number of at least 1", lambda: datasets.windows(np.arange(4.0), 2, -1)),
    ("split got train=0.7, validation=0.4, expected shares that sum to at most 1",
     lambda: datasets.split([], 0.7, 0.4)),
    ("split got train=0, validation=0.4, expected shares", lambda: datasets.split([], 0, 0.4)),
    ("split got train=nan, validation=0.15, expected shares", lambda: datasets.split([], np.nan)),
    ("values go from -1e+200 to 1e+200, expected squares that float64 can hold",
     lambda: datasets.Scale.fit(np.array([-1e200, 1e200]))),
    ("values go from 0 to 1e-200, expected squares that float64 can hold",
     lambda: datasets.Scale.fit(np.array([0, 1e-200]))),
])
def test_mistakes_get_one_line(says, mistake):
    with pytest.raises(ValueError) as caught:
        mistake()
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


# --- CSV files

def read(tmp_path, content, column="b"):
    path = tmp_path / "file.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return datasets.read_csv(path, column)


@pytest.mark.parametrize("content, values", [
    ("a,b\nx,1\ny,2.5\n", [1, 2.5]),
    ("a,b\nx,1\ny,2.5", [1, 2.5]),
    ("b\n1\n", [1]),
    ("b\n", []),
    ("\ufeffb,a\n1,x\n", [1]),
    ("a,b\r\nx,1\r\ny,-2e3\r\n", [1, -2000]),
    ("a,b\nx,1\n\ny,2\n\n\n", [1, 2]),
    ('"a","b"\n"x, y","1"\n"two\nlines"," 2 "\n', [1, 2]),
    (" a , b \nx, 1 \n", [1]),
    ("b\n0.1\n1e308\n5e-324\n", [0.1, 1e308, 5e-324]),
], ids=["plain", "no newline at the end", "one row", "no row", "BOM", "Windows", "blank lines", "quoted", "spaces",
        "digits"])
def test_csv_files_that_are_read(content, values, tmp_path):
    series = read(tmp_path, content)
    assert series.dtype == np.float64 and series.tolist() == values


@pytest.mark.parametrize("content, says", [
    ("a,b\nx,1\ny,\n", "line 3: b is '', expected a number: fill the gap (--fill previous or linear) or drop the row"),
    ("a,b\nx,1\n,\n", "line 3: b is ''"),
    ("a,b\nx,1\ny\n", "line 3: b is ''"),
    ("a,b\nx,one\n", "line 2: b is 'one'"),
    ("a,b\nx,1\n\ny,nan\n", "line 4: b is 'nan'"),
    ("a,b\nx,-inf\n", "line 2: b is '-inf'"),
    ("a,b\nx,1e999\n", "line 2: b is '1e999'"),
    ('a,b\n"two\nlines",1\nx,?\n', "line 4: b is '?'"),
    ('a,b\nx,"1\n' + "y,2\n" * 9999, "is no CSV text file: unexpected end of data"),  # a quote never closed
    ("a,c\nx,1\n", "has no columns named 'b', expected exactly one; it has 'a', 'c'"),
    ("a,B\nx,1\n", "has no columns named 'b'"),
    ("b,b\n1,2\n", "has 2 columns named 'b', expected exactly one"),
    ("", "has no columns named 'b', expected exactly one; it has nothing, it is empty"),
    ("\n" * 3, "has no columns named 'b'"),
    (b"\x00" * 9999, "is no CSV text file in UTF-8, GB18030 or UTF-16"),
    (b"\x89PNG\r\n\x1a\n\xff", "is no CSV text file in UTF-8, GB18030 or UTF-16"),
    ("a,b\n" + "x" * 200_000 + ",1\n", "is no CSV text file: field larger than field limit"),
], ids=["gap", "empty row", "short row", "text", "nan", "inf", "too large", "line number", "open quote",
        "no column", "capital", "two columns", "empty", "blank", "zeros", "binary", "huge"])
def test_csv_files_that_are_refused(content, says, tmp_path):
    with pytest.raises(ValueError, match=rf"^\S*file.csv .*{re.escape(says)}") as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


def test_a_missing_file_or_a_folder_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        datasets.read_csv(tmp_path / "missing.csv", "b")
    with pytest.raises(IsADirectoryError):
        datasets.read_csv(tmp_path, "b")
