import numpy as np

from minirnn import gradcheck

from . import normal, weights

TITLE = "central differences: a derivative without backward"
FUNCTION = "numerical"
OUTPUTS = {"slope": "R C"}
MAPPED = {"R": "row ", "C": "column "}
EPS = 0.1  # large: other formulas differ in the second digit, and rounding stays far away


def cube(rng):
    return {"f": lambda w: float(w[0, 0] ** 3), "array": weights(rng, 1, 1), "eps": EPS}


def matrix(rng, R=3, C=5):
    x, r = 0.6 * normal(rng, C, 4), normal(rng, R, 4)
    array = weights(rng, R, C)
    array[0, 1], array[2, 3] = -0.46, -0.95  # these do not come back from (w - eps) + eps
    return {"f": lambda w: float(np.sum(r * np.exp(np.tanh(w @ x)))), "array": array, "eps": EPS}


CASES = {"f(w) = w³, for a single w": cube, "a matrix": matrix}


def reference(f, array, eps):
    return gradcheck.numerical(f, array, eps)


def terms(f, array, eps):
    step = lambda direction: np.array([f(array + direction * eps * unit.reshape(array.shape)) - f(array)
                                       for unit in np.eye(array.size)]).reshape(array.shape)
    return {"slope": {"(f(x + ε) - f(x)) / ε": step(1) / eps, "(f(x) - f(x - ε)) / ε": -step(-1) / eps}}


APART = "How far apart are the two points at which you ask f?"
ONE_SIDE = "How many sides of x does the formula look at, and what lies in the middle?"
PLACE = "When the second entry moves, where is the first?"
MANY = "How many entries have moved when you ask f?"
EVERY = "How many rows and how many columns does your loop visit?"
MUTANTS = [
    ("/ (2 * eps)", "/ eps", "divides by eps, not by 2 eps", APART),
    ("/ (2 * eps)", "/ 2 * eps", "divides by 2 and then multiplies by eps", "What does Python make of 1 / 2 * eps?"),
    (" / (2 * eps)", "", "does not divide by 2 eps", APART),
    ("/ (2 * eps)", "/ 2", "divides by 2 only", APART),
    ("f_up - f_down", "f_down - f_up", "subtracts f(x + eps) from f(x - eps)",
     "Where f rises, which of the two is larger?"),
    ("f_up - f_down", "f_up + f_down", "adds f(x + eps) and f(x - eps)",
     "If f is constant, what is its slope, and what do you return?"),
    ("f_up - f_down", "abs(f_up - f_down)", "drops the sign", "Which sign has the slope of a function that falls?"),
    ("f_up - f_down", "f_down - f_down",
     "asks f at one point twice, as it happens if two names stand for one array",
     "After `up = array` and `down = array`, how many arrays are there?"),
    ("f_up - f_down", "f(x + eps) - f(x - eps)", "moves all entries at once", MANY),
    ("(f_up - f_down) / (2 * eps)", "(f_up - f(x)) / eps", "takes the one-sided difference, up", ONE_SIDE),
    ("(f_up - f_down) / (2 * eps)", "(f(x) - f_down) / eps", "takes the one-sided difference, down", ONE_SIDE),
    ("(f_up - f_down) / (2 * eps)", "(f_up - 2 * f(x) + f_down) / eps ** 2", "takes the second derivative",
     "What would you return where f is a straight line?"),
    ("before + eps", "before", "asks f at x itself in place of x + eps", ONE_SIDE),
    ("before - eps", "before", "asks f at x itself in place of x - eps",
     "You went up by eps. How far down from there is x - eps?"),
    ("before + eps\n        f_up = f(x)\n        x[index] = before - eps",
     "before + eps / 2\n        f_up = f(x)\n        x[index] = before - eps / 2",
     "moves by eps / 2 each way, yet divides by 2 eps", APART),
    ("before + eps\n        f_up = f(x)\n        x[index] = before - eps",
     "before * (1 + eps)\n        f_up = f(x)\n        x[index] = before * (1 - eps)",
     "multiplies the entry by 1 + eps and 1 - eps instead of adding",
     "How far does an entry move that is 0? And one that is -3?"),
    ("before + eps\n        f_up = f(x)\n        x[index] = before - eps",
     "eps\n        f_up = f(x)\n        x[index] = -eps",
     "sets the entry to eps and -eps instead of adding", "Around which point do you look at f?"),
    ("x[index] = before  #", "#", "leaves each entry at x - eps when it goes on to the next", PLACE),
    ("x[index] = before  #", "x[index] = before + eps  #", "leaves each entry at x + eps when it goes on to the next",
     PLACE),
    ("x[index] = before  #", "x[index] = 0  #", "leaves each entry at 0 when it goes on to the next", PLACE),
    ({"x[index] = before - eps\n        f_down = f(x)": "f_down = f(2 * array - x)", "x[index] = before  #": "#"},
     "leaves each entry moved, in both copies, when it goes on to the next", PLACE),
    ("in np.ndindex(x.shape):", "in range(len(x)):",
     "moves a whole row at once, and whose `before` is a view that moves along", MANY),
    ("in np.ndindex(x.shape):  # every (row, column)\n        before = x[index]",
     "in range(len(x)):\n        before = x[index].copy()", "moves a whole row at once", MANY),
    ("in np.ndindex(x.shape):  # every (row, column)\n        before = x[index]",
     "in [(slice(None), k) for k in range(x.shape[1])]:\n        before = x[index].copy()",
     "moves a whole column at once", MANY),
    ("np.ndindex(x.shape)", "np.ndindex(len(x), len(x))", "visits as many columns as there are rows", EVERY),
    ("np.ndindex(x.shape)", "np.ndindex(1, x.shape[1])",
     "visits the first row only, as if `return` stood inside the loop over the rows", EVERY),
    ("np.ndindex(x.shape)", "np.ndindex(len(x), 1)",
     "visits the first column only, as if `return` stood inside the loop over the columns", EVERY),
    ("np.ndindex(x.shape)", "np.ndindex(1, 1)", "visits the first entry only, as if `return` stood inside both loops",
     EVERY),
    ("np.ndindex(x.shape)", "np.ndindex(len(x) - 1, x.shape[1])", "leaves out the last row", EVERY),
    ("np.ndindex(x.shape)", "np.ndindex(len(x), x.shape[1] - 1)", "leaves out the last column", EVERY),
    ("x = array.copy()", "x, eps = array.copy(), 1e-5", "takes an eps of 1e-5, whatever it is given",
     "Which eps are you asked to use?"),
    ("slope[index]", "slope[...]", "writes each slope into the whole array, so that the last one fills it",
     "Into which entry does each slope go?"),
    ("return slope", "return slope.T.reshape(slope.shape)", "goes down the columns but fills the result along the rows",
     "In which order does reshape fill an array, and in which order did you visit it?"),
]

HINTS = [
    "Two loops, one over the rows and one over the columns. Inside, move one entry up, ask f; move it down, ask f; put "
    "it back.",
    "Keep `before = array[i, j]`. Then array[i, j] = before + eps, and f(array) is the first number. The second is "
    "with before - eps. At the end of each turn: array[i, j] = before.",
    "slope = np.zeros(array.shape), and in the loops, with the two numbers called f_up and f_down: "
    "slope[i, j] = (f_up - f_down) / (2 * eps). Mind the brackets.",
]

ALTERNATIVES = ["""
import numpy as np

def numerical(f, array, eps):
    slope = []
    for k in range(array.size):
        unit = np.zeros(array.size)
        unit[k] = eps
        unit = unit.reshape(array.shape)
        slope.append(0.5 * f(array + unit) / eps - 0.5 * f(array - unit) / eps)
    return np.array(slope).reshape(array.shape)
""", """
import numpy as np

def numerical(f, array, eps):
    slope = np.empty_like(array)
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            kept = array[i, j]
            array[i, j] = kept + eps
            slope[i, j] = f(array)
            array[i, j] = kept - eps
            slope[i, j] -= f(array)
            array[i, j] = kept
    slope /= 2 * eps
    return slope
"""]
