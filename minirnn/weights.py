"""Save and load: any tree of arrays, numbers, strings and None as one .npz file, without pickle."""

import json
import zipfile

import numpy as np

from . import files, tree


def save(path, saved):
    """Write a tree (parameters, a state, a whole checkpoint) to `path`, beside and renamed.

    Each array is kept under its path in the tree, so `numpy.load` alone reads it too: `np.load(path)["0.W_x"]`.
    """
    arrays = {}
    nesting = json.dumps(_strip(saved, "", arrays))
    with files.replacing(path) as file:
        np.savez(file, **arrays, minirnn=nesting)


def load(path):
    """The tree that `save` wrote, bit for bit. ValueError if `path` holds anything else, or is cut short."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _restore(json.loads(str(arrays["minirnn"])), arrays)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is not a whole file written by minirnn, expected one that weights.save made: "
                         f"{type(error).__name__}") from None


def restore(params, saved):
    """Copy saved arrays into those of `params`, in place; ValueError unless the two trees mirror each other."""
    for p, q in tree.pairs(params, saved):
        p[...] = q


def _strip(node, path, arrays):
    """The nesting of a tree as JSON, its arrays moved into `arrays` under their paths."""
    if isinstance(node, dict):
        return {"dict": {key: _strip(child, f"{path}.{key}", arrays) for key, child in node.items()}}
    if isinstance(node, (list, tuple)):
        return {"tuple" if isinstance(node, tuple) else "list": [_strip(child, f"{path}.{k}", arrays) for k, child in enumerate(node)]}
    if isinstance(node, np.ndarray):
        arrays[path[1:]] = node
        return {"array": path[1:]}
    return node


def _restore(node, arrays):
    if not isinstance(node, dict):
        return node
    (kind, content), = node.items()
    if kind == "dict":
        return {key: _restore(child, arrays) for key, child in content.items()}
    if kind == "array":
        return arrays[content]
    return {"list": list, "tuple": tuple}[kind](_restore(child, arrays) for child in content)
