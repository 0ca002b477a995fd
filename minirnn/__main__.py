"""The command line: `python -m minirnn`, alone or with a command: `gradcheck`, `watch`, `forecast FILE.csv ...`,
`benchmark`. Arguments only; what a command does is a file of commands/."""

import argparse
import sys
from pathlib import Path

from . import boundary, printing
from .commands import benchmark, forecast, gradcheck, sunspots, watch


def main(arguments=None):
    with printing.steady():
        return _run(_parser().parse_args(arguments))


def _run(args):
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
    parser.set_defaults(run=sunspots.run)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    command = commands.add_parser("gradcheck", help="check every gradient of every layer",
                                  description="Compare every entry of every gradient with central differences and with "
                                              "the complex step. Exit status 1 if anything is off.")
    command.add_argument("--seed", type=_whole(0), default=0, help="of weights and inputs (default: %(default)s)")
    command.set_defaults(run=gradcheck.run)

    command = commands.add_parser(
        "watch", help="see a gradient travel, one operation at a time",
        description="A network of one unit, forward and back: each operation with its equation, the numbers in it and "
                    "its line of code. In a window the keys → and ← step, space plays, home and end jump.")
    command.add_argument("network", nargs="?", choices=watch.NETWORKS, default="lstm", help="(default: %(default)s)")
    command.add_argument("--steps", type=_whole(1), metavar="T", help="1 to 4 (default: as in the tutorials, 2 for "
                         "lstm and gru, 3 for rnn)")
    command.add_argument("--out", type=Path, metavar="FILE", help="instead of a window write a .gif, a page .html that "
                                                                  "plays and steps, or a .png of one operation")
    command.add_argument("--at", metavar="t=1,B2", help="begin at this operation; for a .png, the one to draw "
                                                        "(default: the last)")
    command.add_argument("--forget", type=float, nargs="+", metavar="B_F", help="only the cells of the LSTM, once for "
                         "each of these biases of the forget gate, such as --forget -1 1 3")
    command.set_defaults(run=watch.run)

    command = commands.add_parser("benchmark", help="time the layers, beside PyTorch where it is installed",
                                  description="Time a training pass, inference and a whole training step, the bare "
                                              "matrix products beside them, and PyTorch in the same process where it "
                                              "is installed. Medians of alternating runs; keep the machine idle.")
    command.add_argument("--threads", type=_whole(1), default=1, metavar="N", help="of BLAS (default: %(default)s)")
    command.add_argument("--plot", type=Path, metavar="OUT.png", help="draw the time against T, B and H")
    command.set_defaults(run=benchmark.run)

    command = commands.add_parser(
        "forecast", help="forecast a series of your own",
        description="Fit a line and LSTMs that learn what it leaves to the first 85 %% of one column of a CSV "
                    "file (the last 15 of these choose its form and how long to train), measure it on the rest beside "
                    "simpler forecasts, then forecast past the end, with intervals.")
    command.add_argument("file", type=Path, metavar="FILE.csv", help="a header and one row a step")
    command.add_argument("--column", required=True, metavar="NAME", help="the column to forecast")
    command.add_argument("--horizon", required=True, type=_whole(1), metavar="H", help="how many steps ahead")
    command.add_argument("--season", type=_whole(1), default=1, metavar="M", help="steps in a season, such as 7 or 24")
    command.add_argument("--time", metavar="NAME", help="the column of dates or times: order, duplicates and gaps "
                                                                "are checked")
    command.add_argument("--fill", choices=("previous", "linear"), help="what becomes of missing rows and empty cells")
    command.add_argument("--where", type=_condition, metavar="NAME=TEXT",
                         help="read only the rows with this text there")
    command.add_argument("--encoding", metavar="NAME", help="of the file, such as latin-1 (default: found out)")
    command.add_argument("--separator", type=_separator, metavar="C",
                         help="between cells; tab is a name too (default: found out)")
    command.add_argument("--decimal", choices=(".", ","), help="the decimal mark (default: found out)")
    command.add_argument("--load", type=Path, metavar="MODEL.npz", help="forecast with a saved model, train nothing")
    command.add_argument("--seed", type=_whole(0), default=0, metavar="N", help="of weights and training order "
                                                                               "(default: %(default)s)")
    command.add_argument("--plot", type=Path, metavar="OUT.png", help="draw the forecasts")
    command.add_argument("--save", type=Path, metavar="MODEL.npz", help="keep the model, for models.Forecaster.load")
    command.add_argument("--json", type=Path, metavar="OUT.json", help="write errors and forecast")
    command.add_argument("--checkpoint", type=Path, metavar="FILE", help="renewed after each epoch; the same command "
                                                                         "goes on from it")
    command.set_defaults(run=forecast.run)
    return parser


def _whole(least):
    def whole_number(text):
        try:
            return boundary.size("value", int(text), least)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}") from None
    return whole_number


def _separator(text):
    if text in ("tab", "\\t"):
        return "\t"
    if len(text) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, or tab")
    return text


def _condition(text):
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=TEXT, such as store=A")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
