"""The benchmark's bookkeeping; how fast anything is, is never a test."""

import os
import platform
import re
import sys

import numpy as np
import pytest

from minirnn.commands import benchmark
from minirnn.__main__ import main

THREADS = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"


@pytest.fixture
def small(monkeypatch):
    """Two sizes, the least number of rounds, no PyTorch, no new process."""
    monkeypatch.setattr(benchmark, "SIZES", ((3, 2, 1, 4), (5, 1, 2, 3)))
    monkeypatch.setattr(benchmark, "torch_or_none", lambda: None)
    monkeypatch.setattr(benchmark, "pin_threads", lambda threads: None)
    monkeypatch.setattr(benchmark, "processes", lambda: None)
    monkeypatch.setattr(benchmark.alternating, "__defaults__", (1, 1, 0.0))


def test_a_row_for_each_size_and_layer(small, capsys):
    assert main(["benchmark"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("1 BLAS thread each")
    for size in ("3, 2, 1, 4 ", "5, 1, 2, 3 "):
        rows = [line for line in printed.splitlines() if line.startswith(size)]
        assert len(rows) == len(benchmark.LAYERS) and all(" ms" in row and row.endswith("%") for row in rows)


def test_the_picture_has_a_curve_against_each_size(small, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "curves", lambda name, threads: {
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


def test_each_function_has_its_turns_whose_first_call_does_not_count(monkeypatch):
    clock = iter([0, 2, 2, 5, 5, 9, 0, 1, 1, 2, 2, 10] * 2)  # when a counted call starts and ends
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(benchmark.time, "sleep", lambda seconds: calls.append(seconds))
    calls = []
    medians = benchmark.alternating({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2, 2, turn=9)
    assert calls == [0.15, *"aaaa", 0.15, *"bbbb"] * 2 and medians == {"a": 3, "b": 1}


def test_with_one_thread_no_turn_waits(monkeypatch):
    waited = []
    monkeypatch.setattr(benchmark.time, "sleep", waited.append)
    benchmark.alternating({"a": lambda: None}, threads=1, rounds=2, turn=0)
    assert waited == [0, 0]


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="where Linux says what a process takes")
def test_what_a_whole_process_takes(monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "MEMORY", benchmark.MEMORY.replace("100, 64, 128, 512", "100, 32, 16, 64"))
    monkeypatch.setattr(benchmark, "torch_or_none", lambda: None)
    monkeypatch.setattr(benchmark.alternating, "__defaults__", (1, 1, 0.0))
    benchmark.processes()
    first, memory = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"from the start .*: minirnn \d+\.\d\d s", first)
    megabytes = re.fullmatch(r"memory of training passes .*: minirnn (\d+) MB", memory).group(1)
    assert 4 < int(megabytes) < 40  # gates, cells and h of 100 steps are 7


def test_pytorchs_process_runs_too():
    pytest.importorskip("torch")
    assert 0 < float(benchmark._run(benchmark.PASSES["torch"] + benchmark.MEMORY.replace("128, 512", "32, 128")))


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
    assert np.isfinite(benchmark.alternating(benchmark.passes(name, 4, 3, 2, 5)["step"], 1, 1, 0)["torch"])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about the malloc of glibc")
def test_malloc_keeps_the_memory_that_a_pass_frees_for_the_next_one(python):
    done = python("-c", """
import resource
import numpy as np
from minirnn import lstm

params, x = lstm.init(np.random.default_rng(0), 1, 32), np.ones((32, 50, 1), np.float32)
faults = []
for _ in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    h, state, cache = lstm.forward(params, x)
    lstm.backward(cache, h)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sorted(faults)[10])
""")
    assert int(done.stdout) < 50, f"{done.stdout} pages are fresh in every pass"
