"""`python -m minirnn forecast`: a user's own series, measured on its last 15 % beside simpler forecasts, then forecast
past its end."""

import json
import sys

import numpy as np

from .. import baselines, datasets, files, metrics, models
from ..datasets import csv_files
from ..models.series_model import around, enough
from . import check_outputs, save_figure

LEVELS = 0.8, 0.95


def run(args):
    check_outputs(args.plot, args.save, args.json, args.checkpoint, source=args.file)
    column = csv_files.read(args.file, args.column, args.time, args.encoding, args.separator, args.decimal, args.where,
                            args.fill)
    said = f"{args.file}: {column.said}\n"
    report = _loaded(args, column) if args.load else _trained(args, column)
    said += report.pop("text")
    dates = column.following(args.horizon)
    rows = dates or [str(len(column.values) + k) for k in range(1, args.horizon + 1)]
    shown = list(dict.fromkeys(["model", report.get("best", "model")]))
    for name in shown:
        said += _table(name, rows, report["ahead"][name], args.time or "row")
        said += _measured(report["ahead"][name]["measured_on"], report["facts"].get("covered", {}).get(name))
    if args.json:
        result = {**report["errors"], "forecast": report["ahead"]["model"]["forecast"], "ahead": report["ahead"],
                  "dates": dates, **report["facts"]}
        with files.replacing(args.json) as file:
            file.write(json.dumps(result, indent=2).encode())
    if args.save:
        report["model"].save(args.save)
    if args.plot:
        _draw(args, column, report, shown)
    print(said, end="")  # after all is kept
    return 0


def _trained(args, column):
    """What is measured, and what is forecast, by a model that is fitted now."""
    series, H, season = column.values, args.horizon, args.season
    past, _, test = datasets.split(series, 0.85, 0)
    train, _, _ = datasets.split(series, 0.7, 0.15)
    start = len(past)
    if len(test) < H or len(train) <= season or len(train) < 12:
        raise ValueError(f"{args.file} has {len(series)} values of {args.column}, too few for a horizon of {H} and a "
                         f"season of {season}: expected {max(H * 7, season * 2, 20)} or more, or a smaller horizon or "
                         "season")
    model = models.Forecaster(season, H, seed=args.seed)
    model.fit(past, validation=1 - len(train) / start, checkpoint=args.checkpoint)
    interrupted = model.history["stopped"] == "interrupted"
    if interrupted:
        print("minirnn: training was interrupted, this is the best model until then", file=sys.stderr)

    ar = baselines.chosen_ar(past, len(train), season)
    younger = baselines.AR(ar.p, ar.ridge).fit(train)  # for its errors on the validation part
    alone = model.line.forecasts if model.params else model.forecasts  # the same, to the last digit
    makers = {"model": model.forecasts, "line": alone, "ridge_ar": ar.forecasts,
              "persistence": baselines.persistence}
    if season > 1:
        makers["seasonal_naive"] = lambda *question: baselines.seasonal_naive(*question, season)
    validated = {name: younger.forecasts if name == "ridge_ar" else make for name, make in makers.items()
                 if name not in ("model", "line")}
    known = baselines.truth(past, len(train), H)
    wrong = {name: known - make(past, len(train), H) for name, make in validated.items()}
    scores = model.history["rmse"] | {name: float(np.sqrt(np.mean(error**2))) for name, error in wrong.items()}

    truth, errors, covered = baselines.truth(series, start, H), {}, {}
    for name, make in makers.items():
        errors[name] = {}
        guess = make(series, start, H)
        for steps, ending in ((1, "1"), (H, "h")):
            said, right = (guess if steps == H else make(series, start, 1)), baselines.truth(series, start, steps)
            measured = {"rmse": metrics.rmse(said, right), "mae": metrics.mae(said, right),
                        "mase": metrics.mase(said, right, past, season)}
            errors[name] |= {f"{kind}_{ending}": error if np.isfinite(error) else None
                             for kind, error in measured.items()}
        errors[name]["rmse_validation"] = scores[name]
        covered[name] = {str(level): float(np.mean((low <= truth) & (truth <= high))) for level in LEVELS
                         for low, high in [_band(model, wrong, name, guess, level)]}
    winners = _least({name: scores[name] for name in makers})
    model.observe(series)
    ahead = {name: _ahead(model, wrong, name, model.predict(H) if name == "model" else _next(make, series, H))
             for name, make in makers.items()}
    text = f"{args.column}: {len(series)} values; errors on the last {len(test)}, in its own units\n"
    text += _errors(errors, H)
    text += f"best over steps 1..{H}: {' and '.join(_least({name: e['rmse_h'] for name, e in errors.items()}))}\n"
    text += f"best on the validation part, which chose: {' and '.join(winners)}\n"
    facts = {"stopped": model.history["stopped"], "epochs": model.history["best"], "covered": covered,
             "best": winners[0]}
    return {"text": text, "errors": errors, "ahead": ahead, "model": model, "best": winners[0], "facts": facts,
            "makers": makers, "start": start}


def _loaded(args, column):
    """What a saved model forecasts."""
    model = models.Forecaster.load(args.load).observe(column.values)
    ahead = {"model": _ahead(model, {}, "model", model.predict(args.horizon))}
    return {"text": f"{args.column}: {len(column.values)} values, forecast by {args.load}\n", "errors": {},
            "ahead": ahead, "model": model, "facts": {"loaded": str(args.load)}, "makers": {"model": model.forecasts},
            "start": model.reach}


def _next(make, series, H):
    """The H values after the end: a forecast does not look at what it is to be compared with."""
    return make(np.append(series, np.full(H, series[-1])), len(series), H)[0]


def _band(model, wrong, name, guess, level):
    return around(guess, wrong[name], level) if name in wrong else model.around(guess, level)


def _ahead(model, wrong, name, forecast):
    bands = {f"{int(100 * level)}%": np.stack(_band(model, wrong, name, forecast, level), axis=1).tolist()
             for level in LEVELS}
    errors = wrong.get(name, model.errors)
    return {"forecast": forecast.tolist(), "intervals": bands, "measured_on": len(errors)}


def _least(scores):
    """The names with the lowest score, up to rounding: ties are ties."""
    scores = {name: score for name, score in scores.items() if score is not None and np.isfinite(score)}
    lowest = min(scores.values())
    return [name for name, score in scores.items() if score <= lowest * (1 + 1e-9)]


def _errors(errors, H):
    """The table of errors, a row for each way to forecast."""
    text = f"{'':<16}{'one step ahead':<37}{f'steps 1..{H}'}\n{'':<16}" + f"{'RMSE':<12}{'MAE':<12}{'MASE':<13}" * 2
    for name, measured in errors.items():
        cells = [measured[f"{kind}_{ending}"] for ending in "1h" for kind in ("rmse", "mae", "mase")]
        text += f"\n{name:<16}" + "".join(f"{'none' if error is None else f'{error:.4g}':<{12 if k % 3 < 2 else 13}}"
                                          for k, error in enumerate(cells)).rstrip()
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _table(name, rows, ahead, first):
    """The forecast with its intervals, a row for each step."""
    bands = ahead["intervals"]
    digits = _digits([ahead["forecast"], *bands.values()])
    text = f"the next {len(rows)} by {name}:\n{first:<20}{'forecast':>16}"
    text += "".join(f"{band:>18}" + " " * 14 for band in bands)
    for k, row in enumerate(rows):
        ends = "".join(f"  {band[k][0]:>14.{digits}f} ..{band[k][1]:>14.{digits}f}" for band in bands.values())
        text += f"\n{row:<20}{ahead['forecast'][k]:>16.{digits}f}{ends}"
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _measured(count, covered):
    """What the intervals rest on, and how often they held where that is known."""
    text = f"intervals: measured on {count} errors of each step on the validation part, not guaranteed\n"
    text += "".join(f"{level:.0%} needs {enough(level)} errors or more: here it is the largest error\n"
                    for level in LEVELS if count < enough(level))
    if covered:
        held = " and ".join(f"{covered[str(level)]:.0%} for {level:.0%}" for level in LEVELS)
        text += f"on the last part, which chose nothing, they held {held} of the values\n"
    return text


def _digits(numbers):
    """How many decimals show the changes: 1412345678 and 38529.6 stay recognizable."""
    values = np.concatenate([np.ravel(part) for part in numbers])
    spread = np.ptp(values) or abs(values).max() or 1.0
    return int(np.clip(3 - np.floor(np.log10(spread)), 0, 10))


def _draw(args, column, report, shown):
    from .. import plots
    from matplotlib.figure import Figure

    series, H, makers = column.values, args.horizon, report["makers"]
    times = None if column.times is None else np.array(column.times, "datetime64[s]")
    figure = Figure(figsize=(11, 7), layout="constrained")
    above, below = figure.subplots(2, 1)
    rows = 1 + np.arange(len(series) + H)
    start = max(report["start"], len(series) - 150)
    if start < len(series):
        names = list(dict.fromkeys([*shown, *makers]))[:4]
        one_step = {name: makers[name](series, start, 1)[:, 0] for name in names}
        plots.forecast(rows[start:-H] if times is None else times[start:], series[start:], one_step, above)
    above.set(ylabel=args.column, title="One step ahead" + ", on values the models have not seen" * (not args.load))
    last = slice(max(0, len(series) - 4 * H - 20), len(series))
    plots.forecast(rows[last], series[last], {}, below)
    for name, colour in zip(shown, (plots.ORANGE, plots.BLUE)):
        ahead = report["ahead"][name]
        low, high = np.transpose(ahead["intervals"]["80%"])
        below.plot(rows[len(series):], ahead["forecast"], color=colour, marker=".", label=name)
        below.fill_between(rows[len(series):], low, high, color=colour, alpha=0.2, linewidth=0, label=f"{name}, 80 %")
    following = column.following(H)
    below.set(ylabel=args.column, xlabel="row of the series", title=f"The next {H}"
              + (f": {following[0]} to {following[-1]}" if following else ""))
    below.margins(y=0.15)  # room for the legend
    below.autoscale()
    below.legend(loc="upper left", frameon=False, ncols=5)
    save_figure(figure, args.plot)
