"""What a layer says of itself, so that a composition can use it.

A layer says in `takes` which of state, lengths, rng, training and inference its forward takes. A composition passes on
to each layer what that one takes. What nobody inside takes is an error, and so is a layer that does not say.

A layer of your own is three functions. It fits into a chain, a training and a gradient check as ours do:

    >>> import numpy as np
    >>> from minirnn import gradcheck, linear, optim, training
    >>> from minirnn.layers.compose import chain, last_step
    >>> def init(rng, D, H, dtype=np.float32):                         # h_t = h_{t-1} + w ⊙ x_t
    ...     return {"w": np.ones(D, dtype)}
    >>> def forward(params, x, state=None):
    ...     h = np.cumsum(params["w"] * x, axis=1) + (0 if state is None else state[:, None])
    ...     return h, h[:, -1], (params, x)
    >>> def backward(cache, dh, dstate=None):
    ...     (params, x), dh = cache, dh.copy()
    ...     dh[:, -1] += 0 if dstate is None else dstate
    ...     dsum = np.cumsum(dh[:, ::-1], axis=1)[:, ::-1]             # all that h_t adds to, from step t on
    ...     return {"w": (dsum * x).sum(axis=(0, 1))}, params["w"] * dsum, dsum[:, 0]
    >>> total = Layer(init, forward, backward, takes=["state"])
    >>> model = chain(total, last_step, linear)
    >>> rng = np.random.default_rng(0)
    >>> params, x = model.init(rng, 2, 2, 1, dtype=np.float64), rng.normal(size=(4, 7, 2))
    >>> gradcheck.check(model, params, x, (rng.normal(size=(4, 2)),), rng=rng).ok
    True
    >>> history = training.fit(model, params, optim.Adam(), (x, x.sum(axis=(1, 2))[:, None]), rng=rng, epochs=2)
"""

import inspect
from typing import Callable, NamedTuple

from .. import boundary

SETTINGS = "state", "lengths", "rng", "training", "inference"


class Layer(NamedTuple):
    """Three functions under the law. A module with the same names serves as well."""
    init: Callable
    forward: Callable
    backward: Callable
    sizes: int | None = None  # how many sizes init takes; None: as its signature says
    takes: tuple | None = None  # which of SETTINGS its forward takes
    name: str = "a layer"
    direction: str = ""  # what its output at step t has seen: the "past", "both" sides, or "" what its input has
    reads: str = ""  # what its input has to have seen, if that matters


def accepted(layer, state=None, lengths=None, **hints):
    """The settings to call the layer's forward with: state and lengths where given, for they change what it computes;
    of the hints rng, training and inference those that it takes."""
    taken = takes_of(layer)
    given = _given(state=state, lengths=lengths)
    _refuse(name_of(layer), given, taken)
    return given | {name: value for name, value in hints.items() if name in taken}


def sizes(layer):
    """How many sizes init takes, after rng, that have no default."""
    if getattr(layer, "sizes", None) is not None:
        return layer.sizes
    parameters = list(inspect.signature(layer.init).parameters.values())[1:]
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        raise ValueError(f"{name_of(layer)}.init takes any number of sizes, expected to know how many: give the Layer "
                         "sizes=2, or as many as it takes")
    return sum(p.default is p.empty and p.kind != p.VAR_KEYWORD for p in parameters)


def name_of(layer):
    """What an error calls the layer."""
    name = getattr(layer, "name", None) or getattr(layer, "__name__", type(layer).__name__)
    return name.split("layers.")[-1]


def takes_of(layer):
    """What the layer declares, checked against the arguments that its forward has."""
    takes = getattr(layer, "takes", None)
    if takes is None:
        raise ValueError(f"{name_of(layer)} does not say what it takes, expected `takes`, a tuple of some of "
                         f"{', '.join(SETTINGS)}, or (): see layers/layer.py")
    known = inspect.signature(layer.forward).parameters
    fixed = getattr(layer.forward, "keywords", {})  # by with_settings
    for setting in takes:
        boundary.one_of(f"takes of {name_of(layer)}", setting, SETTINGS)
        if setting not in known and not any_keyword(known):
            raise ValueError(f"{name_of(layer)} says that it takes {setting}, expected an argument of that name in its "
                             f"forward, which has {', '.join(known)}")
    undeclared = [setting for setting in SETTINGS if setting in known and setting not in (*takes, *fixed)]
    if undeclared and not known.keys() >= set(SETTINGS):  # a composition has them all, and refuses what it cannot use
        raise ValueError(f"{name_of(layer)}.forward has the argument {undeclared[0]}, expected {undeclared[0]!r} in "
                         "its `takes` too")
    return takes


def any_keyword(parameters):
    return any(p.kind == p.VAR_KEYWORD for p in parameters.values())


def sides_of(layer):
    """The direction of the layer and what it reads; a layer with a state that does not say goes forward."""
    return getattr(layer, "direction", "") or ("past" if "state" in layer.takes else ""), getattr(layer, "reads", "")


def _given(**settings):
    """Those that say anything: None, False and the state () of a layer without one do not."""
    return {name: value for name, value in settings.items()
            if not (value is None or value is False or isinstance(value, tuple) and not value)}


def _refuse(name, given, takes):
    for setting in given:
        if setting not in takes:
            raise ValueError(f"{name} got {setting}, which nothing in it takes: leave {setting} out")


def inside(layer):
    """The layer as a composition calls it: forward(params, x, state, **given) is handed what the layer takes and
    returns y, state, cache. Without a state it is (). Further outputs, such as attention's weights, are left out."""
    takes, direction_and_reads = takes_of(layer), sides_of(layer)

    def forward(params, x, state=None, lengths=None, **given):
        if "state" in takes and "lengths" not in takes and lengths is not None:
            raise ValueError(f"{name_of(layer)} has a state and does not take lengths, expected lengths=None, or a "
                             "layer that takes them: else padding would count as data")
        given |= {"state": state, "lengths": lengths}
        y, *rest, cache = layer.forward(params, x, **{name: given[name] for name in given if name in takes})
        return y, rest[0] if "state" in takes else (), cache

    def backward(cache, dy, dstate=None):
        grads, dx, *rest = layer.backward(cache, dy, *[dstate] * ("state" in takes))
        return grads, dx, rest[0] if "state" in takes else ()

    return Layer(layer.init, forward, backward, sizes(layer), takes, name_of(layer), *direction_and_reads)


def composed(layer):
    """The layer with the one signature of whatever is composed. What nobody inside takes is refused."""
    def forward(params, x, state=None, lengths=None, rng=None, training=False, inference=False):
        given = {"lengths": lengths, "rng": rng, "training": training, "inference": inference}
        _refuse(layer.name, _given(state=state, **given), layer.takes)
        return layer.forward(params, x, state, **given)

    return layer._replace(forward=forward)


def around(inner, name, forward, backward, takes=()):
    """A composition of one layer, of the same sizes."""
    return composed(inner._replace(forward=forward, backward=backward, takes={*inner.takes, *takes},
                                    name=f"{name}({inner.name})"))
