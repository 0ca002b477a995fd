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
    left, right = leaves(params), leaves(grads)
    if [(path, p.shape) for path, p in left] != [(path, g.shape) for path, g in right]:
        raise ValueError(f"gradients {[(k, g.shape) for k, g in right]} do not mirror the parameters "
                         f"{[(k, p.shape) for k, p in left]}: pass what backward of the same layer returned")
    return [(p, g) for (_, p), (_, g) in zip(left, right)]
