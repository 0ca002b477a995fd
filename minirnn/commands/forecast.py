"""`python -m minirnn forecast`: a user's own series, measured on its last 15 % beside simpler forecasts, then forecast
past its end."""

import json
import sys

import numpy as np

from .. import baselines, datasets, files, metrics, models
from . import check_outputs, save_figure


def run(args):
    check_outputs(args.plot, args.save, args.json, args.checkpoint, source=args.file)
    series = datasets.read_csv(args.file, args.column)
    H, season = args.horizon, args.season
    past, _, test = datasets.split(series, 0.85, 0)
    train, _, _ = datasets.split(series, 0.7, 0.15)
    start, window = len(past), min(max(24, season), 168, len(train) // 3)
    if window < 2 or len(test) < H or len(train) <= season:
        raise ValueError(f"{args.file} has {len(series)} values of {args.column}, too few for a horizon of {H} and a "
                         f"season of {season}: expected {max(H * 7, season * 2, 20)} or more, or a smaller horizon or "
                         "season")

    model = models.Forecaster("lstm", seed=args.seed, window=window, ahead=H)
    model.fit(past, validation=1 - len(train) / len(past), checkpoint=args.checkpoint)
    if model.history["stopped"] == "interrupted":
        print("minirnn: training was interrupted, this is the best model until then", file=sys.stderr)
    makers = {"model": model.forecasts, "persistence": baselines.persistence,
              "ridge_ar": baselines.chosen_ar(past, len(train), season).forecasts}
    if season > 1:
        makers["seasonal_naive"] = lambda *question: baselines.seasonal_naive(*question, season)
    result = {}
    print(f"{args.column}: {len(series)} values; errors on the last {len(test)}, in its own units")
    print(f"{'':<16}{'one step ahead':<32}{f'steps 1..{H}':<30}\n{'':<16}" + f"{'RMSE':<10}{'MAE':<10}{'MASE':<12}" * 2)
    for name, make in makers.items():
        errors = result[name] = {}
        for steps, ending in ((1, "1"), (H, "h")):
            guess, truth = make(series, start, steps), baselines.truth(series, start, steps)
            measured = {"rmse": metrics.rmse(guess, truth), "mae": metrics.mae(guess, truth),
                        "mase": metrics.mase(guess, truth, past, season)}
            errors |= {f"{kind}_{ending}": error if np.isfinite(error) else None for kind, error in measured.items()}
        print(f"{name:<16}" + "".join(f"{'none' if error is None else f'{error:.4g}':<{10 if k % 3 < 2 else 12}}"
                                      for k, error in enumerate(errors.values())))
    best = min((name for name in result if result[name]["rmse_h"] is not None), key=lambda name: result[name]["rmse_h"])
    print(f"best over steps 1..{H}: {best}")

    result["forecast"] = model.observe(series).predict(H).tolist()
    print(f"the model's next {H}: " + " ".join(f"{value:.5g}" for value in result["forecast"]))
    if args.save:
        model.save(args.save)
    if args.json:
        with files.replacing(args.json) as file:
            file.write(json.dumps(result, indent=2).encode())
    if args.plot:
        _draw(args, series, start, makers, result["forecast"])
    return 0


def _draw(args, series, start, makers, ahead):
    from .. import plots
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    above, below = figure.subplots(2, 1)
    rows = 1 + np.arange(len(series) + args.horizon)
    shown = slice(max(start, len(series) - 150), len(series))
    one_step = {name: make(series, shown.start, 1)[:, 0] for name, make in makers.items()}
    plots.forecast(rows[shown], series[shown], one_step, above)
    above.set(ylabel=args.column, title="One step ahead, on values the models have not seen")
    last = slice(max(0, len(series) - 4 * args.horizon - 20), len(series))
    plots.forecast(rows[last], series[last], {}, below)
    below.plot(rows[len(series):], ahead, color=plots.ORANGE, marker=".", label="model")
    below.set(ylabel=args.column, xlabel="row of the file", title=f"The next {args.horizon}")
    below.legend(loc="upper left", frameon=False)
    save_figure(figure, args.plot)
