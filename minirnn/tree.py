"""Trees: parameters, states and gradients are dicts, tuples and lists of arrays, nested as the model is."""


def leaves(tree, path=""):
    """Every array of a tree with its path, in order; None is a tree without leaves.

    >>> [path for path, _ in leaves([{"W": 1.0, "b": 2.0}, (3.0, None)])]
    ['0.W', '0.b', '1.0']
    """
    if isinstance(tree, (dict, list, tuple)):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        return [leaf for key, child in items for leaf in leaves(child, f"{path}.{key}" if path else str(key))]
    return [] if tree is None else [(path, tree)]


def map(function, tree, *others):
    """The same tree with `function` applied to each leaf, and to the leaves at its place in the other trees.

    >>> map(lambda a, b: a + b, {"W": 1, "b": (2, None)}, {"W": 10, "b": (20, None)})
    {'W': 11, 'b': (22, None)}
    """
    if isinstance(tree, dict):
        return {key: map(function, child, *(other[key] for other in others)) for key, child in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(map(function, *children) for children in zip(tree, *others))
    return None if tree is None else function(tree, *others)


def pairs(params, grads):
    """(parameter, gradient) arrays side by side; the two trees must have the same leaves and shapes."""
    left, right = dict(leaves(params)), dict(leaves(grads))
    shapes = [{path: getattr(leaf, "shape", leaf) for path, leaf in side.items()} for side in (left, right)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"gradients {shapes[1]} do not mirror the parameters {shapes[0]}: pass what backward of the "
                         "same layer returned")
    return [(p, right[path]) for path, p in left.items()]
