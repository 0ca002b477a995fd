"""`python -m minirnn`, the main job: gradients proven, the article's LSTM trained on the yearly sunspots, compared with
simpler forecasts, and pictured."""

import numpy as np

from .. import baselines, datasets, gradcheck, metrics, models
from ..layers import fast
from . import check_outputs, save_figure
from .gradcheck import cases

SEEDS = range(5)
PERIODS = (1921, 1955), (1956, 1979)


def run(args):
    check_outputs(args.plot)
    print("1. Is the backward pass right? Largest relative error over every entry, against central differences")
    rng = np.random.default_rng(0)
    for name, layer, params, inputs, settings in cases(rng)[:3]:
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
    fitted = [models.PlainForecaster("lstm", hidden=16, seed=seed) for seed in SEEDS]
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
    _draw(args.plot, years, numbers, start, shown, model, roots)
    print(f"\n3. {args.plot} shows these forecasts, and below them what the gates did")
    return 0


def _draw(path, years, numbers, start, forecasts, model, roots):
    from .. import plots
    from matplotlib.figure import Figure

    shown = slice(start, int(np.searchsorted(years, PERIODS[-1][1])) + 1)
    n = shown.stop - start
    pasts = baselines.pasts(roots, model.settings["window"], start, 1)[:n]
    _, _, (lstm_cache, *_) = model.network.forward(model.params, model.scale.apply(pasts)[..., None])
    inside = {name: values[:, -1] for name, values in fast.lstm.trace(lstm_cache).items()}  # as each forecast is made

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
    save_figure(figure, path)
