"""The benchmark's bookkeeping; how fast anything is, is never a test."""

import os
import sys

import numpy as np
import pytest

from minirnn import benchmark
from minirnn.__main__ import main

THREADS = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"


@pytest.fixture
def small(monkeypatch):
    """Two sizes, the least number of rounds, no PyTorch, no new process."""
    monkeypatch.setattr(benchmark, "SIZES", ((3, 2, 1, 4), (5, 1, 2, 3)))
    monkeypatch.setattr(benchmark, "torch_or_none", lambda: None)
    monkeypatch.setattr(benchmark, "pin_threads", lambda threads: None)
    monkeypatch.setattr(benchmark, "first_model", lambda: None)
    monkeypatch.setattr(benchmark.alternating, "__defaults__", (0.0, 2))
    monkeypatch.setattr(benchmark.table, "__defaults__", (0.0,))
    monkeypatch.setattr(benchmark.curves, "__defaults__", (0.0,))


def test_a_row_for_each_size_and_layer(small, capsys):
    assert main(["benchmark"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("1 BLAS thread each")
    for size in ("3, 2, 1, 4 ", "5, 1, 2, 3 "):
        rows = [line for line in printed.splitlines() if line.startswith(size)]
        assert len(rows) == len(benchmark.LAYERS) and all(" ms" in row and row.endswith("%") for row in rows)


def test_the_picture_has_a_curve_against_each_size(small, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "curves", lambda name: {
        axis: ((1, 2), {"minirnn": [1.0, 2.0], "products": [0.5, 1.0]}) for axis in "TBH"})
    assert main(["benchmark", "--plot", str(tmp_path / "out.png")]) == 0
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_threads_are_pinned_before_numpy_is_imported(monkeypatch):
    started = []
    monkeypatch.setattr(os, "execve", lambda *call: started.append(call))
    monkeypatch.setattr(sys, "argv", ["minirnn", "benchmark", "--threads", "2"])
    for name in THREADS:
        monkeypatch.setenv(name, "1")
    benchmark.pin_threads(2)
    (_, command, environment), = started
    assert command[1:] == ["-m", "minirnn", "benchmark", "--threads", "2"]
    assert all(environment[name] == "2" for name in THREADS)
    for name in THREADS:
        monkeypatch.setenv(name, "2")
    benchmark.pin_threads(2)
    assert len(started) == 1


def test_each_function_has_its_turn_and_the_first_round_does_not_count(monkeypatch):
    clock = iter([0.0, 0.0, 0, 9, 0, 9, 0.0, 0, 1, 0, 2, 0.0, 0, 1, 0, 2, 5.0])
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))
    calls = []
    medians = benchmark.alternating({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 1.0, least=2)
    assert calls == ["a", "b"] * 3 and medians == {"a": 1, "b": 2}


@pytest.mark.parametrize("name", benchmark.LAYERS)
def test_everything_that_is_timed_runs_again_and_again(name, small):
    timed = benchmark.passes(name, 4, 3, 2, 5)
    for functions in timed.values():
        assert set(functions) >= {"minirnn"}
        assert all(seconds > 0 for seconds in benchmark.alternating(functions).values())


@pytest.mark.parametrize("name", benchmark.LAYERS)
def test_pytorch_is_timed_at_the_same_work(name):
    pytest.importorskip("torch")
    assert all("torch" in kind for kind in benchmark.passes(name, 4, 3, 2, 5).values())
    assert np.isfinite(benchmark.alternating(benchmark.passes(name, 4, 3, 2, 5)["step"], 0.0, 2)["torch"])
