"""Save and load: any tree of arrays, numbers, strings and None as one .npz file, without pickle. And to_torch and
from_torch, from exchange.py: parameters as PyTorch names them."""

import json
import math

import numpy as np

from . import boundary, files, tree
from .exchange import from_torch, to_torch


def save(path, saved):
    """Write a tree (parameters, a state, a whole checkpoint) to `path`, beside and renamed.

    Each array is kept under its path in the tree, so `numpy.load` alone reads it too: `np.load(path)["0.W_x"]`.
    Errors: TypeError or ValueError, before anything is written, for what could not come back as it was.
    """
    arrays = {}
    nesting = json.dumps(_strip(saved, "", arrays))
    taken = arrays.keys() & {"minirnn", "file", "allow_pickle"}  # ours, and the other arguments of savez
    if taken:
        raise ValueError(f"an array is named {taken.pop()!r}, which has a meaning of its own: choose another name")
    with files.replacing(path) as file:
        np.savez(file, **arrays, minirnn=nesting)


def load(path, limit=2**30):
    """The tree that `save` wrote, bit for bit. ValueError if `path` holds anything else, or is cut short, or would take
    more than `limit` bytes of memory: a small file can unpack to any size, so raise it only for one you trust."""
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                needed = sum(_size(arrays.zip, member) for member in arrays.zip.namelist())
                if needed <= limit:
                    return _restore(json.loads(str(arrays["minirnn"])), dict(arrays))
        except Exception as error:  # a damaged or foreign file can make NumPy, zipfile and json raise nearly anything
            raise ValueError(f"{path} is not a whole file written by minirnn, expected one that weights.save made: "
                             f"{type(error).__name__}") from None
    raise ValueError(f"{path} unpacks to {needed / 2**30:.3g} GiB, expected at most {limit / 2**30:.3g}: pass "
                     f"limit={needed} to weights.load if you trust it")


def _size(archive, member):
    """How many bytes of memory a member takes: what its header says or what it unpacks to, whichever is more."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, _, dtype = read(file)
    return max(math.prod(shape) * dtype.itemsize, archive.getinfo(member).file_size)


def restore(params, saved):
    """Copy saved arrays into those of `params`, in place; ValueError unless the two trees mirror each other."""
    came, expected = ({path: np.shape(leaf) for path, leaf in tree.leaves(one)} for one in (saved, params))
    if came != expected:
        raise ValueError(f"saved holds {came}, expected {expected}: restore into a model of the same layers and sizes")
    saved = dict(tree.leaves(saved))
    pairs = [(path, p, boundary.regular(f"saved {path}", saved[path])) for path, p in tree.leaves(params)]
    for path, p, q in pairs:  # all or nothing
        boundary.in_place(f"params {path}".strip(), p)
        if not np.can_cast(q.dtype, p.dtype, "same_kind"):
            raise TypeError(f"saved {path} is {q.dtype}, expected what fits into {p.dtype}: restore into a model of "
                            "that dtype")
    for _, p, q in pairs:
        p[...] = q


def _strip(node, path, arrays):
    """The nesting of a tree as JSON, its arrays moved into `arrays` under their paths."""
    if isinstance(node, dict):
        for key in node:
            if not isinstance(key, str) or "." in key:  # JSON would make it a string; a dot, two arrays of one name
                raise TypeError(f"saved{path} has the key {key!r}, expected a string without a dot: rename it")
        return {"dict": {key: _strip(child, f"{path}.{key}", arrays) for key, child in node.items()}}
    if isinstance(node, (list, tuple)):
        kind = "tuple" if isinstance(node, tuple) else "list"
        return {kind: [_strip(child, f"{path}.{k}", arrays) for k, child in enumerate(node)]}
    plain = isinstance(node, np.ndarray) and not isinstance(node, boundary.UNLIKE)
    if plain and not node.dtype.hasobject:  # an array of objects would need pickle
        arrays[path[1:]] = node
        return {"array": path[1:]}
    if node is None or isinstance(node, (str, int, float)):
        return node
    came = "an array of objects" if type(node) is np.ndarray else f"a {type(node).__name__}"
    raise TypeError(f"saved{path} is {came}, expected an array of numbers, a number of Python, a string or None: "
                    "convert it or leave it out")


def _restore(node, arrays):
    if not isinstance(node, dict):
        return node
    (kind, content), = node.items()
    if kind == "dict":
        return {key: _restore(child, arrays) for key, child in content.items()}
    if kind == "array":
        return arrays[content]
    return {"list": list, "tuple": tuple}[kind](_restore(child, arrays) for child in content)
