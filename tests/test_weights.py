"""Saving and loading: what comes back is what went in, and a file name never stands for half a file."""

import math
import os
import re

import numpy as np
import pytest
from accidents import full_disk

from minirnn import files, linear, lstm, weights
from minirnn.layers.compose import chain, last_step

TREE = {
    "params": [{"W": np.arange(6, dtype=np.float32).reshape(2, 3) / 7}, {}, (np.float64([math.pi, -0.0]), None)],
    "odd arrays": (np.array(2.5), np.zeros((0, 3)), np.array(7, np.int8), np.array([True, False]), np.array("word"),
                   np.array([np.nan, np.inf]), np.array([1 + 2j]), np.asfortranarray(np.arange(6.0).reshape(2, 3))),
    "numbers": [0, -1, 2**200, True, 0.1, -0.0, math.inf, 5e-324],
    "words": ("", "h_t", "ünï\n\0\ud800", "array"),
    "dict": {"array": {"list": [], "tuple": ()}},  # the words that the file itself uses
    "": {"minirnn": np.ones(1), "a/b": np.ones(2)},
}


def exactly(node):
    """A tree as text in which every bit and every type shows."""
    if isinstance(node, dict):
        return {key: exactly(child) for key, child in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(exactly(child) for child in node)
    if isinstance(node, np.ndarray):
        return f"{node.dtype}{node.shape} {node.tobytes().hex()}"
    return repr(node)


@pytest.mark.parametrize("saved", [TREE, [], (), {}, None, 3, "text", np.ones(2), np.array(1.5)],
                         ids=lambda saved: type(saved).__name__)
def test_what_comes_back_is_what_went_in(saved, tmp_path):
    weights.save(tmp_path / "a file", saved)
    assert exactly(weights.load(tmp_path / "a file")) == exactly(saved)


def test_numpy_alone_reads_it_without_pickle(tmp_path):
    weights.save(tmp_path / "a.npz", TREE)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["params.0.W"], TREE["params"][0]["W"])


def test_a_generator_goes_on_where_it_was(tmp_path):
    rng = np.random.default_rng(5)
    rng.random(3)
    weights.save(tmp_path / "rng", rng.bit_generator.state)
    other = np.random.default_rng(0)
    other.bit_generator.state = weights.load(tmp_path / "rng")
    np.testing.assert_array_equal(other.random(4), rng.random(4))


@pytest.mark.parametrize("saved, says", [
    ({"a": [{1, 2}]}, "saved.a.0 is a set, expected an array of numbers, a number of Python"),
    ({"a": np.float32(1)}, "saved.a is a float32, expected"),
    ({"a": 1j}, "saved.a is a complex, expected"),
    ({"a": np.array([None])}, "saved.a is an array of objects, expected"),
    ({"a": {1: 2}}, "saved.a has the key 1, expected a string without a dot"),
    ({"a.b": np.ones(1), "a": {"b": np.ones(2)}}, "saved has the key 'a.b', expected a string without a dot"),
    ({"minirnn": np.ones(1)}, "an array is named 'minirnn', which has a meaning of its own"),
    ({"file": np.ones(1)}, "an array is named 'file', which has a meaning of its own"),
])
def test_what_could_not_come_back_is_refused_and_the_old_file_stays(saved, says, tmp_path):
    weights.save(tmp_path / "a", "old")
    with pytest.raises((TypeError, ValueError), match=re.escape(says)):
        weights.save(tmp_path / "a", saved)
    assert weights.load(tmp_path / "a") == "old" and os.listdir(tmp_path) == ["a"]


def test_a_full_disk_in_the_middle_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    weights.save(tmp_path / "a", "old")
    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        weights.save(tmp_path / "a", "new")
    assert weights.load(tmp_path / "a") == "old" and os.listdir(tmp_path) == ["a"]


def test_a_failing_rename_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    def refused(*names):
        raise PermissionError(13, "Permission denied")

    weights.save(tmp_path / "a", "old")
    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(PermissionError):
        weights.save(tmp_path / "a", "new")
    assert weights.load(tmp_path / "a") == "old" and os.listdir(tmp_path) == ["a"]


def test_the_name_holds_the_old_content_until_the_new_is_whole(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with files.replacing(path) as file:
        file.write(b"half and ")
        file.flush()
        assert path.read_bytes() == b"old"
        file.write(b"half")
    assert path.read_bytes() == b"half and half" and os.listdir(tmp_path) == ["a"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "whole.npz"
    weights.save(path, {"a": [np.arange(5.0), (1, None)], "b": np.ones((2, 2), np.float32)})
    return path.read_bytes()


def test_a_file_cut_short_anywhere_gets_one_line(whole, tmp_path):
    for length in range(0, len(whole), 7):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cut is not a whole file written by minirnn.*$") as caught:
            weights.load(tmp_path / "cut")
        assert "\n" not in str(caught.value)


def test_a_damaged_byte_is_either_refused_or_without_effect(whole, tmp_path):
    (tmp_path / "good").write_bytes(whole)
    good = exactly(weights.load(tmp_path / "good"))
    refused = 0
    for k in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[k] ^= 0xFF
        (tmp_path / "damaged").write_bytes(damaged)
        try:
            assert exactly(weights.load(tmp_path / "damaged")) == good
        except ValueError as error:
            assert "is not a whole file written by minirnn" in str(error)
            refused += 1
    assert refused > len(whole) // 3 / 2  # the rest are dates and other notes of the zip format


def foreign_npz(path):
    with path.open("wb") as file:
        np.savez(file, a=np.ones(3))


def pickled_npz(path):
    with path.open("wb") as file:
        np.savez(file, minirnn=np.array([{"a": 1}], dtype=object))


def npz_of_other_json(path):
    with path.open("wb") as file:
        np.savez(file, minirnn='{"array": "missing"}')


def npy(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


@pytest.mark.parametrize("make", [
    foreign_npz, pickled_npz, npz_of_other_json, npy,
    lambda path: path.write_bytes(b""),
    lambda path: path.write_text("year,sunspots\n1700,5\n"),
    lambda path: path.write_bytes(b"\x80\x04\x95pickle"),
], ids=["foreign npz", "pickled npz", "other json", "npy", "empty", "text", "pickle"])
def test_foreign_files_get_one_line(make, tmp_path):
    make(tmp_path / "foreign")
    with pytest.raises(ValueError, match="foreign is not a whole file written by minirnn, expected one that"):
        weights.load(tmp_path / "foreign")


def test_a_folder_or_nothing_says_so(tmp_path):
    with pytest.raises(IsADirectoryError):
        weights.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        weights.load(tmp_path / "nothing")


@pytest.mark.parametrize("name", [".", "no such folder/a", "pipe"])
def test_what_cannot_be_written_is_known_before(name, tmp_path):
    os.mkfifo(tmp_path / "pipe")  # a rename would replace it, as it would /dev/null
    with pytest.raises(ValueError, match="cannot be written: expected a file name in a folder that exists"):
        files.check_writable(tmp_path / name)


def test_parameters_are_restored_in_place():
    model = chain(lstm, last_step, linear)
    one, other = (model.init(np.random.default_rng(seed), 2, 3, 1) for seed in (0, 1))
    array = one[0]["W_x"]
    weights.restore(one, other)
    assert exactly(one) == exactly(other) and one[0]["W_x"] is array


def test_parameters_of_another_size_are_refused():
    params = linear.init(np.random.default_rng(0), 3, 1)
    with pytest.raises(ValueError, match=re.escape("saved holds {'W': (1, 2), 'b': (1,)}, expected {'W': (1, 3)")):
        weights.restore(params, linear.init(np.random.default_rng(0), 2, 1))
