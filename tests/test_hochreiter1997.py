"""The experiments of 1997: what counts as solved, a run that goes on where it stopped, embedded Reber in seconds."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tutorials"))

import hochreiter1997 as paper  # noqa: E402

REBER = "1 embedded Reber"


def generator():
    return np.random.default_rng(0)


def test_embedded_reber_is_solved_in_fewer_sequences_than_the_papers_mean(capsys):
    run = paper.solve(REBER, "lstm", 0, paper.TASKS[REBER].paper)
    assert run["solved"] and run["test"] == 0 and run["sequences"] < 8440
    assert run["curve"][-1][0] <= run["sequences"] and "solved after" in capsys.readouterr().out


def test_a_run_stops_at_its_budget_and_is_the_same_again():
    one, two = (paper.solve("6a", "rnn", 3, 40) for _ in range(2))
    assert one["sequences"] == 40 and not one["solved"] and one["test"] is None
    assert one | {"seconds": 0} == two | {"seconds": 0}


def test_wrong_is_an_output_too_far_from_its_target():
    answer, y = np.array([[0.5], [0.5]]), np.array([[0.53], [0.45]])
    assert (paper.distance(answer, y, None) > paper.TASKS["4 adding T=100"].margin).tolist() == [False, True]
    logits = np.log([[0.9, 0.1], [0.75, 0.25]])
    assert np.allclose(paper.of_probabilities(logits, np.array([0, 0]), None), [0.1, 0.25])
    steps = np.log([[[0.9, 0.1], [0.5, 0.5]]])  # the worst step counts
    assert np.allclose(paper.of_probabilities(steps, np.array([[0, 1]]), None), [0.5])


def test_a_string_is_wrong_where_an_illegal_symbol_is_as_active_as_a_legal_one():
    batch = paper.reber(generator(), 3, None)
    right = batch.y[..., 1:].astype(float)
    assert not paper.illegal(right, batch.y, batch.mask).any()
    tie = right.copy()
    tie[1, 0] = 1
    assert paper.illegal(tie, batch.y, batch.mask).tolist() == [0, 1, 0]
    padding = np.where(batch.mask[..., None], right, 0)
    assert not paper.illegal(padding, batch.y, batch.mask).any()


@pytest.mark.parametrize("T", [2, 5, 100])
def test_the_curriculum_of_2a_keeps_the_ending(T):
    batch = paper.long_lag(generator(), 4, T)
    whole = paper.long_lag(generator(), 4, 100)
    assert batch.x.shape == (4, T, 101) and (batch.y[:, -1] == whole.y[:, -1]).all()
    assert (batch.x[:, 1:].argmax(axis=2) == batch.y[:, :-1]).all()
    assert (batch.x[:, 0] == whole.x[:, 0]).all() and (batch.x[:, 1:] == whole.x[:, 101 - T:]).all()


def test_every_task_ends_at_the_papers_length():
    for name, task in paper.TASKS.items():
        T = task.lengths[-1]
        assert f"T={T}" in name or T == (1000 if "1000" in name else 100)
        assert list(task.lengths) == sorted(task.lengths) and task.recent >= task.batch


def test_results_are_kept_after_each_run_and_not_run_again(tmp_path, monkeypatch):
    path, ran = tmp_path / "results.json", []

    def solve(name, kind, seed, budget):
        ran.append((name, kind, seed, budget))
        return {"solved": kind == "lstm", "test": 0, "sequences": 1000, "seconds": 1.0, "curve": [[500, 0.5]]}

    monkeypatch.setattr(paper, "solve", solve)
    paper.measure(["6a"], 2, 0, {}, path)
    assert ran == [("6a", kind, s, budget) for kind, budget in (("lstm", 62_780), ("rnn", 3000)) for s in (0, 1)]
    results = json.loads(path.read_text())
    del results["6a"]["trials"]["1"]["rnn"]  # interrupted here
    paper.measure(["6a"], 2, 0, results, path)
    assert ran[4:] == [("6a", "rnn", 1, 3000)]
    assert "| 6a | 31,390 | 1,000 (1,000-1,000) | 2 of 2 | 0-0 of 2,560 | 1 | 0 of 2, 1,000 |" in paper.table(results)
    monkeypatch.setitem(paper.TASKS, "6a", paper.TASKS["6a"]._replace(lr=0.5))
    paper.measure(["6a"], 1, 0, results, path)  # other settings are another experiment
    assert len(ran) == 7 and len(results["6a"]["trials"]) == 1


def test_an_unknown_task_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hochreiter1997.py", "7"])
    with pytest.raises(SystemExit):
        paper.main()
    assert "no task '7'" in capsys.readouterr().err


def test_the_recorded_trials_are_whole_so_that_the_command_prints_the_table_at_once():
    """Five trials of each task, with today's settings, each said on which processor; every LSTM solved it below the
    paper's number of sequences."""
    results = json.loads(paper.RESULTS.read_text(encoding="utf-8"))
    assert list(paper.TASKS) == sorted(results, key=list(paper.TASKS).index)
    for name, task in paper.TASKS.items():
        assert results[name]["settings"] == paper.described(task)
        trials = results[name]["trials"]
        assert sorted(trials) == ["0", "1", "2", "3", "4"]
        assert all(runs["lstm"]["solved"] and runs["lstm"]["sequences"] < task.paper for runs in trials.values())
        assert all(run["processor"] for runs in trials.values() for run in runs.values())
