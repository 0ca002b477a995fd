"""The command line: `python -m minirnn`, alone or with a command: `gradcheck`, `forecast FILE.csv ...`, `benchmark`."""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

from . import baselines, boundary, datasets, files, gradcheck, metrics, models, proof
from .layers import lstm

SEEDS = range(5)
PICTURES = ".png", ".jpg", ".pdf", ".svg", ".eps"
PERIODS = (1921, 1955), (1956, 1979)


def main(arguments=None):
    args = _parser().parse_args(arguments)
    try:
        return args.run(args)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (ValueError, FloatingPointError) as error:
        message = str(error)
    except KeyboardInterrupt:
        print("minirnn: interrupted", file=sys.stderr)
        return 130
    print(f"minirnn: error: {message}", file=sys.stderr)
    return 2


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m minirnn", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="RNNs and LSTMs from scratch in NumPy. Without a command: check the gradients, train the article's "
                    "LSTM on the\nyearly sunspots, compare it with simpler forecasts, and draw what its gates did.")
    parser.add_argument("--plot", type=Path, default=Path("sunspots.png"), metavar="OUT.png",
                        help="where the picture goes (default: %(default)s)")
    parser.set_defaults(run=sunspots)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    command = commands.add_parser("gradcheck", help="check every gradient of every layer",
                                  description="Compare every entry of every gradient with central differences and with "
                                              "the complex step. Exit status 1 if anything is off.")
    command.add_argument("--seed", type=_whole(0), default=0, help="of weights and inputs (default: %(default)s)")
    command.set_defaults(run=check_gradients)

    command = commands.add_parser("benchmark", help="time the layers, beside PyTorch where it is installed",
                                  description="Time a training pass, inference and a whole training step, the bare "
                                              "matrix products beside them, and PyTorch in the same process where it "
                                              "is installed. Medians of alternating runs; keep the machine idle.")
    command.add_argument("--threads", type=_whole(1), default=1, metavar="N", help="of BLAS (default: %(default)s)")
    command.add_argument("--plot", type=Path, metavar="OUT.png", help="draw the time against T, B and H")
    command.set_defaults(run=run_benchmark)

    command = commands.add_parser(
        "forecast", help="forecast a series of your own",
        description="Train the article's LSTM on the first 85 %% of one column of a CSV file (the last 15 of these "
                    "choose how long), measure it on the rest beside simpler forecasts, then forecast past the end.")
    command.add_argument("file", type=Path, metavar="FILE.csv", help="a header and one row a step, in time's order")
    command.add_argument("--column", required=True, metavar="NAME", help="the column to forecast")
    command.add_argument("--horizon", required=True, type=_whole(1), metavar="H", help="how many steps ahead")
    command.add_argument("--season", type=_whole(1), default=1, metavar="M", help="steps in a season, such as 7 or 24")
    command.add_argument("--seed", type=_whole(0), default=0, metavar="N", help="of weights and training order "
                                                                               "(default: %(default)s)")
    command.add_argument("--plot", type=Path, metavar="OUT.png", help="draw the forecasts")
    command.add_argument("--save", type=Path, metavar="MODEL.npz", help="keep the model, for models.Forecaster.load")
    command.add_argument("--json", type=Path, metavar="OUT.json", help="write errors and forecast")
    command.add_argument("--checkpoint", type=Path, metavar="FILE", help="renewed after each epoch; the same command "
                                                                         "goes on from it")
    command.set_defaults(run=forecast)
    return parser


def _check_outputs(plot, *others, source=None):
    """Refuse now what could not be written after hours of training, or would overwrite another file of this run."""
    outputs = [path for path in (plot, *others) if path]
    for path in outputs:
        files.check_writable(path)
    if plot and plot.suffix.lower() not in PICTURES:
        raise ValueError(f"{plot} is no picture that can be drawn, expected a name that ends in {', '.join(PICTURES)}")
    names = [path.resolve() for path in (source, *outputs) if path]
    if len(set(names)) < len(names):
        raise ValueError("two of the files named are the same: one would overwrite the other, give each its own name")


def _whole(least):
    def whole_number(text):
        try:
            return boundary.size("value", int(text), least)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}") from None
    return whole_number


def check_gradients(args):
    """Each layer and tensor: the largest relative error over every entry, by both methods."""
    print(f"{'':<6}{'tensor':<12}{'shape':<12}{'central':>10}{'complex':>10}   largest relative error over every entry")
    rng, wrong = np.random.default_rng(args.seed), []
    worst = dict.fromkeys(gradcheck.TOLERANCE, 0.0)
    for name, layer, params, inputs, settings in proof.cases(rng):
        reports = [gradcheck.check(layer, params, *inputs, rng=rng, method=method, **settings) for method in worst]
        print(name)
        for one, two in zip(*(report.rows for report in reports)):
            print(f"{'':<6}{one.tensor:<12}{one.shape!s:<12}{one.error:>10.1e}{two.error:>10.1e}")
        for report in reports:
            worst[report.method] = max(worst[report.method], report.max_error)
            if not report.ok:
                print(report)
                wrong.append(name)
    print("largest: " + ", ".join(f"{method} {error:.1e} (at most {gradcheck.TOLERANCE[method]:.0e} allowed)"
                                  for method, error in worst.items()))
    print(f"WRONG: {', '.join(dict.fromkeys(wrong))}" if wrong else "all right")
    return 1 if wrong else 0


def sunspots(args):
    """The main job: gradients proven, the article's LSTM trained on the yearly sunspots, compared and pictured."""
    _check_outputs(args.plot)
    print("1. Is the backward pass right? Largest relative error over every entry, against central differences")
    rng = np.random.default_rng(0)
    for name, layer, params, inputs, settings in proof.cases(rng)[:3]:
        report = gradcheck.check(layer, params, *inputs, rng=rng, **settings)
        print(f"   {name:<14}" + "  ".join(f"{row.tensor} {row.error:.0e}" for row in report.rows))
        if not report.ok:
            return 1

    years, numbers = datasets.sunspots()
    start = int(np.searchsorted(years, PERIODS[0][0]))
    print(f"\n2. Yearly sunspots: train {years[0]}-{years[start - 1]}, forecast each later year from the years before "
          "it")
    print(f"   One-step NMSE (MSE / 1535){'':<13}" + "".join(f"{first}-{last % 100:<8}" for first, last in PERIODS))
    roots = np.sqrt(numbers)  # steadies the swings; better than the raw scale on validation years before 1921
    fitted = [models.Forecaster("lstm", hidden=16, seed=seed) for seed in SEEDS]
    for model in fitted:
        if model.fit(roots[:start]).history["stopped"] == "interrupted":
            raise KeyboardInterrupt
    ar = baselines.AR(9).fit(numbers[:start])
    forecasts = {"persistence": baselines.persistence(numbers, start, 1)[:, 0],
                 "AR(9), least squares": ar.forecasts(numbers, start, 1)[:, 0]}
    runs = np.array([model.forecasts(roots, start, 1)[:, 0] ** 2 for model in fitted])

    def nmse(forecast):
        inside = [(years[start:] >= first) & (years[start:] <= last) for first, last in PERIODS]
        return np.array([metrics.nmse(forecast[years], numbers[start:][years], 1535) for years in inside])

    for name, forecast in forecasts.items():
        print(f"   {name:<38} " + "".join(f"{error:<13.3f}" for error in nmse(forecast)))
    errors = np.array([nmse(run) for run in runs])
    print(f"   {f'LSTM, mean of {len(runs)} seeds':<38} " + "".join(f"{error:<13.3f}" for error in errors.mean(axis=0)))
    print(f"   {'LSTM, best and worst seed':<38} " + "".join(f"{low:.3f}-{high:<7.3f}" for low, high in
                                                         zip(errors.min(axis=0), errors.max(axis=0))))
    linear_errors = nmse(forecasts["AR(9), least squares"])
    for (first, last), lstm_error, ar_error in zip(PERIODS, errors.mean(axis=0), linear_errors):
        print(f"   {first}-{last}: the {'LSTM' if lstm_error < ar_error else 'linear AR(9)'} is better")

    model, run = min(zip(fitted, runs), key=lambda pair: min(pair[0].history["validation"]))  # on years before the test
    shown = {"LSTM, one year ahead": run, "AR(9)": forecasts["AR(9), least squares"]}
    _draw_sunspots(args.plot, years, numbers, start, shown, model, roots)
    print(f"\n3. {args.plot} shows these forecasts, and below them what the gates did")
    return 0


def _draw_sunspots(path, years, numbers, start, forecasts, model, roots):
    from . import plots
    from matplotlib.figure import Figure

    shown = slice(start, int(np.searchsorted(years, PERIODS[-1][1])) + 1)
    n = shown.stop - start
    pasts = baselines.pasts(roots, model.settings["window"], start, 1)[:n]
    _, _, (lstm_cache, *_) = model.network.forward(model.params, model.scale.apply(pasts)[..., None])
    inside = {name: values[:, -1] for name, values in lstm.trace(lstm_cache).items()}  # as each forecast is made

    def with_the_cycle(gate):
        return gate[:, np.argsort([np.corrcoef(unit, numbers[shown])[0, 1] for unit in gate.T])]

    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(4, 1, 1, 1))
    plots.forecast(years[shown], numbers[shown], {name: values[:n] for name, values in forecasts.items()}, axes[0])
    axes[0].set(ylabel="sunspots", title="Yearly sunspots: forecasts of years the network was not trained on, "
                                         "and its gates as it reads them")
    for ax, (name, label) in zip(axes[1:], (("i", "input gate"), ("f", "forget gate"), ("o", "output gate"))):
        plots.through_time(with_the_cycle(inside[name]), ax, years[shown], label, limits=(0, 1))
    axes[-1].set(xlabel="year (a row of a heat map is one of the LSTM's units; the higher, the more it goes with the "
                        "cycle)")
    _save_figure(figure, path)


def _save_figure(figure, path):
    with files.replacing(path) as file:
        figure.savefig(file, format=path.suffix[1:], dpi=150)


def run_benchmark(args):
    """How fast: a table for each recurrent layer, and what a whole process takes."""
    from . import benchmark

    _check_outputs(args.plot)
    benchmark.pin_threads(args.threads)
    print(f"{args.threads} BLAS thread{'s' if args.threads > 1 else ''} each, on {os.cpu_count()} cores")
    for name in benchmark.LAYERS:
        benchmark.table(name, args.threads)
    benchmark.processes()
    if args.plot:
        from . import plots
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 4), layout="constrained")
        curves = benchmark.curves("lstm", args.threads).items()
        for ax, (axis, (values, milliseconds)) in zip(figure.subplots(1, 3, sharey=True), curves):
            plots.duration(values, milliseconds, ax, label=axis)
        figure.suptitle("LSTM, forward and backward, from T, B, D, H = 50, 32, 16, 64")
        _save_figure(figure, args.plot)
    return 0


def forecast(args):
    """A user's own series: measured on its last 15 % beside simpler forecasts, then forecast past its end."""
    _check_outputs(args.plot, args.save, args.json, args.checkpoint, source=args.file)
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
        _draw_forecast(args, series, start, makers, result["forecast"])
    return 0


def _draw_forecast(args, series, start, makers, ahead):
    from . import plots
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
    _save_figure(figure, args.plot)


if __name__ == "__main__":
    sys.exit(main())
