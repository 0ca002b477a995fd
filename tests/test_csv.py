"""CSV files as people have them: each kind is read right, or refused with one line that says what to do."""

import numpy as np
import pytest

from minirnn import datasets
from minirnn.datasets import csv_files

VALUES = [12356.04, 950.5, 1000.25]
PLAIN = "day,value\n2024-01-01,12356.04\n2024-01-02,950.5\n2024-01-03,1000.25\n"
CHINESE = "日期,收盘价\n2024-01-01,12356.04\n2024-01-02,950.5\n2024-01-03,1000.25\n"


def read(tmp_path, text, column="value", written="utf-8", **options):
    (tmp_path / "a.csv").write_bytes(text.encode(written))
    return csv_files.read(tmp_path / "a.csv", column, **options)


@pytest.mark.parametrize("encoding, said", [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("gb18030", "GB18030"),
                                            ("utf-16", "utf-16")])
def test_encodings_are_found_out(encoding, said, tmp_path):
    column = read(tmp_path, CHINESE, "收盘价", encoding, time="日期")
    assert column.values.tolist() == VALUES and f"read as {said}," in column.said


def test_an_encoding_can_be_named(tmp_path):
    assert read(tmp_path, "é,b\n1,2\n", "é", "latin-1", encoding="latin-1").values.tolist() == [1]
    assert read(tmp_path, CHINESE, "收盘价", "utf-16-le", encoding="utf-16-le").values.tolist() == VALUES


@pytest.mark.parametrize("text", [
    PLAIN,
    PLAIN.replace(",", ";"),
    PLAIN.replace(",", "\t"),
    "sep=;\n" + PLAIN.replace(",", ";"),
    PLAIN.replace(",", ";").replace(".", ","),
    PLAIN.replace("\n", "\r\n"),
    PLAIN.replace("\n", ",\n"),
    PLAIN.replace("12356.04", '"12,356.04"'),
    PLAIN.replace(",", ";").replace("12356.04", "12.356,04").replace("950.5", "950,5").replace("1000.25", "1.000,25"),
    PLAIN.replace(",", ";").replace("12356.04", "12 356,04").replace("950.5", "950,5").replace("1000.25", "1000,25"),
    PLAIN.replace("12356.04", "+1.235604e4"),
], ids=["plain", "semicolon", "tab", "sep", "decimal comma", "crlf", "empty last column", "thousands",
        "german thousands", "french thousands", "exponent"])
def test_separators_and_numbers_are_found_out(text, tmp_path):
    assert read(tmp_path, text).values.tolist() == VALUES


def test_what_is_ambiguous_can_be_settled(tmp_path):
    text = PLAIN.replace(",", ";").replace("12356.04", "12,356").replace("950.5", "950").replace("1000.25", "1,000")
    assert read(tmp_path, text, decimal=".").values.tolist() == [12356, 950, 1000]
    assert read(tmp_path, text, decimal=",").values.tolist() == [12.356, 950, 1]
    assert read(tmp_path, "a;b,c\n1;2\n", "b,c", separator=";").values.tolist() == [2]


def test_three_decimals_in_a_comma_file_are_decimals(tmp_path):
    assert read(tmp_path, "value\n1.234\n13.127\n").values.tolist() == [1.234, 13.127]


@pytest.mark.parametrize("first, form", [("2024-01-31", "2024-02-03"), ("31.01.2024", "03.02.2024"),
                                         ("2024/01/31", "2024/02/03"), ("01/31/2024", "02/03/2024"),
                                         ("2024年01月31日", "2024年02月03日"),
                                         ("20240131", "20240203")])
def test_dates_go_on_as_they_are_written(first, form, tmp_path):
    start = np.datetime64("2024-01-31")
    column = read(tmp_path, "day,value\n" + "".join(
        f"{(start + k).item().strftime(_form(first))},{k}\n" for k in range(3)), time="day")
    assert column.following(1) == [form]


def _form(example):
    return example.replace("2024", "%Y").replace("31", "%d").replace("01", "%m")


@pytest.mark.parametrize("times, following", [
    (["2024-01-31", "2024-02-29", "2024-03-31"], "2024-04-30"),
    (["2023-11", "2023-12", "2024-01"], "2024-02"),
    (["1999", "2000", "2001"], "2002"),
    (["2024-01-01 22:00", "2024-01-01 23:00", "2024-01-02 00:00"], "2024-01-02 01:00"),
    (["2024-01-01T22:00:00Z", "2024-01-01T22:30:00Z", "2024-01-01T23:00:00Z"], "2024-01-01T23:30:00"),
    (["2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-10", "2024-01-11", "2024-01-12"], "2024-01-15"),
], ids=["ends of months", "months", "years", "hours", "half hours", "working days with a holiday"])
def test_the_usual_step_is_found_out(times, following, tmp_path):
    text = "time,value\n" + "".join(f"{time},{k}\n" for k, time in enumerate(times))
    column = read(tmp_path, text, time="time")
    assert column.values.tolist() == list(range(len(times))) and column.following(1) == [following]


def test_the_newest_first_is_turned_round_and_said(tmp_path):
    lines = PLAIN.splitlines()
    column = read(tmp_path, "\n".join([lines[0], *lines[:0:-1]]), time="day")
    assert column.values.tolist() == VALUES and column.said.endswith("newest first, turned round")


GAP = "day,value\n2024-01-01,1\n2024-01-02,2\n2024-01-04,4\n2024-01-05,\n2024-01-06,6\n"


@pytest.mark.parametrize("fill, values", [("previous", [1, 2, 2, 4, 4, 6]), ("linear", [1, 2, 3, 4, 5, 6])])
def test_gaps_are_filled(fill, values, tmp_path):
    assert read(tmp_path, GAP, time="day", fill=fill).values.tolist() == values


def test_one_of_several_series_is_chosen(tmp_path):
    text = "store,day,value\n" + "".join(f"{store},2024-01-0{day},{day * sign}\n"
                                         for store, sign in (("A", 1), ("B", -1)) for day in (1, 2, 3))
    assert read(tmp_path, text, time="day", where=("store", "B")).values.tolist() == [-1, -2, -3]
    with pytest.raises(ValueError, match="line 5: day is 2024-01-01, earlier than the line before.*--where"):
        read(tmp_path, text, time="day")
    with pytest.raises(ValueError, match="no row whose store is 'C'"):
        read(tmp_path, text, where=("store", "C"))


@pytest.mark.parametrize("text, says, options", [
    ("day,value\n1,12,356.04\n", "line 2: 3 cells and 2 names in the header, expected as many", {}),
    ("day,value\n1,1_00\n", "line 2: value is '1_00', expected a number", {}),
    ("day,value\n1,2\n\n2,\n", "line 4: value is '', expected a number: fill the gap (--fill previous or linear)", {}),
    ("day,value\n1,nan\n", "line 2: value is 'nan', expected a number", {}),
    ("day;value\n1;12,356\n", "value is '12,356', which may be 12356 or 12.356: say --decimal . or --decimal ,", {}),
    ('day,value\n1,"12,356"\n', "which may be 12356 or 12.356", {}),
    ("day;a,b\n1;2\n", "has comma and semicolon in its header, expected one separator: name it with --separator", {}),
    (GAP.replace("05,", "05,5"), "line 4: day is 2024-01-04, expected 2024-01-03 next: fill what is missing with "
     "--fill", {"time": "day"}),
    ("day,value\n2024-01-01,1\n2024-01-01,2\n", "line 3: day is 2024-01-01, again, expected each time once",
     {"time": "day"}),
    ("day,value\n01/02/2024,1\n02/02/2024,2\n03/02/2024,2\n", "which may be day or month first", {"time": "day"}),
    ("day,value\n2024-01-01,1\nyesterday,2\n", "line 3: day is 'yesterday', expected a date", {"time": "day"}),
    ("day,value\n2024-01-01,\n2024-01-02,2\n", "value has no value to fill its first", {"fill": "previous"}),
    ("day,value\n1,2\n", "no columns named 'hour', expected exactly one; it has 'day', 'value'", {"time": "hour"}),
    ("", "it is empty", {}),
])
def test_what_is_refused_and_how(text, says, options, tmp_path):
    with pytest.raises(ValueError) as caught:
        read(tmp_path, text, **options)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("data, options", [(b"a,b\n\xff\xff,1\n", {}), ("é,b\n1,2\n".encode("latin-1"), {}),
                                           (b"a\0,b\n", {}), (b"a,b\n1,2\n", {"encoding": "klingon"})])
def test_other_encodings_ask_for_their_name(data, options, tmp_path):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(ValueError, match="name the right --encoding"):
        csv_files.read(tmp_path / "a.csv", "b", **options)


def test_read_csv_is_the_values_alone(tmp_path):
    (tmp_path / "a.csv").write_text(PLAIN)
    assert datasets.read_csv(tmp_path / "a.csv", "value").tolist() == VALUES
