import numpy as np

from minirnn import rnn

from . import normal, weights

TITLE = "gradient flow: the norm of dh_T/dh_t"
FUNCTION = "gradient_norms"
OUTPUTS = {"norm": "T B", "limit": "T"}


def states(T, B=3):
    def inputs(rng, D=7, H=5):
        params = {"W_ih": weights(rng, H, D), "U_h": weights(rng, H, H), "b_h": 0.5 * weights(rng, H)}
        h, _, _ = rnn.forward(params, 0.3 * normal(rng, B, T, D), 0.5 * normal(rng, B, H))
        return {"U_h": params["U_h"], "h": h.transpose(1, 2, 0).copy()}
    return inputs


CASES = {"two states, one step between them": states(2), "six states": states(6),
         "three states of a single sequence": states(3, 1), "four states of seven sequences": states(4, 7)}


def reference(U_h, h):
    """Each state moved a little, by the complex step, and the recurrence run on from there to the end."""
    T, H, B = h.shape
    arriving = [None] + [np.arctanh(h[t]) - U_h @ h[t - 1] for t in range(1, T)]  # W_ih x_t + b_h
    norm = np.ones((T, B))
    for t in range(T - 1):
        jacobian = np.empty((B, H, H))
        for j in range(H):
            state = h[t].astype(complex)
            state[j] += 1e-30j
            for s in range(t + 1, T):
                state = np.tanh(U_h @ state + arriving[s])
            jacobian[:, :, j] = state.imag.T / 1e-30
        norm[t] = [np.sqrt(np.linalg.eigvalsh(A.T @ A)[-1]) for A in jacobian]
    return norm, np.sqrt(np.linalg.eigvalsh(U_h @ U_h.T)[-1]) ** (T - 1 - np.arange(T))


WHOSE = "J_{t+1} leads from h_t to h_{t+1}. Through whose tanh does that go?"
TANH = "By what is a_{t+1} followed on the way to h_{t+1}, and what is its slope there?"
ORDER = "In dh_{T-1}/dh_t = J_{T-1} ... J_{t+1}, on which side does the factor stand that comes last as t goes back?"
EACH = "Has every sequence the same states?"
NORM = "Which norm is the largest factor by which a matrix can stretch a vector?"
ZEROS = "[[0, 1], [0, 0]] has no eigenvalue but 0. Can it stretch a vector?"
FACTORS = "How many steps lie between t and T-1?"
MUTANTS = [
    ("(1 - h[t + 1, :, b] ** 2)[:, None] * U_h", "U_h", "forgets tanh'", TANH),
    ("1 - h[t + 1, :, b] ** 2", "1 - h[t + 1, :, b]", "takes 1 - h for tanh'", "What is tanh' where h = -1?"),
    ("1 - h[t + 1, :, b] ** 2", "1 - np.tanh(h[t + 1, :, b]) ** 2",
     "feeds tanh' with h instead of a, so the tanh is taken twice", "Is h[t] not already a tanh?"),
    ("1 - h[t + 1, :, b] ** 2", "h[t + 1, :, b] * (1 - h[t + 1, :, b])", "takes h (1 - h), which is σ', for tanh'",
     TANH),
    ("1 - h[t + 1, :, b] ** 2", "1 - (h[t + 1] ** 2).mean(axis=1)",
     "takes the mean of tanh' over the batch for every sequence", EACH),
    ("h[t + 1, :, b]", "h[t, :, b]", "takes tanh' from h_t instead of h_{t+1} in the step from t to t+1", WHOSE),
    ("[:, None] * U_h", " * U_h", "multiplies the columns of U_h by tanh', not the rows",
     "tanh' belongs to a[i], and J[i, j] leads from h[j] to a[i] to h[i]. Which index of U_h goes with tanh'?"),
    ("* U_h", "* U_h.T", "transposes U_h in the Jacobian, but not tanh'",
     "J[i, j] says how h_{t+1}[i] changes with h_t[j]. Which entry of U_h leads from j to i?"),
    ("product @ J", "J @ product", "multiplies the Jacobians in the wrong order", ORDER),
    ("product @ J", "product @ J.T", "transposes every Jacobian as a whole",
     "J[i, j] says how h_{t+1}[i] changes with h_t[j]. Is it so in yours? And which side of the product is which?"),
    ("product = np.eye(H)", "product = np.eye(H) if b == 0 else product",
     "goes on with the product of the sequence before", "Where does the product start, for each sequence?"),
    ("range(T - 1)", "range(1, T - 1)", "leaves out t = 0", "Which steps does your loop visit?"),
    ("product @ J", "product * J if t < T - 2 else J", "multiplies the Jacobians entry by entry, not as matrices",
     "How do you follow one linear map by another?"),
    ("product = product @ J", "product = J", "takes the Jacobian of a single step, not their product",
     "How many steps lie between h_t and the last state?"),
    ("product = product @ J", "product = product + J if t < T - 2 else J",
     "adds the Jacobians up, and does not multiply them",
     "Does h_t reach the last state by one step, or by one step after the other?"),
    ("np.linalg.norm(product, 2)", "np.linalg.norm(J, 2) * norm[t + 1, b]",
     "takes the product of the norms of the Jacobians, which may be larger than the norm of their product",
     "The first J stretches one direction most. Does the next J stretch that same direction most?"),
    ("np.linalg.norm(product, 2)", "np.linalg.norm(product)", "takes the Frobenius norm of the product", NORM),
    ("np.linalg.norm(product, 2)", "np.linalg.norm(product, 1)",
     "takes the 1-norm of the product, the largest column sum",
     NORM),
    ("np.linalg.norm(product, 2)", "np.linalg.norm(product, np.inf)",
     "takes the infinity norm of the product, the largest row sum", NORM),
    ("np.linalg.norm(product, 2)", "np.linalg.norm(product, -2)", "takes the smallest singular value, not the largest",
     NORM),
    ("np.linalg.norm(product, 2)", "abs(np.linalg.eigvals(product)).max()",
     "takes the largest eigenvalue of the product for its norm", ZEROS),
    ("np.linalg.norm(product, 2)", "np.linalg.norm(product, 2) ** 2", "squares the norm",
     "Is it the factor of a length or of an area?"),
    ("norm = np.ones((T, B))", "norm = np.zeros((T, B))", "leaves the last norm at 0",
     "How does the last state change with itself?"),
    ("norm[t, b]", "norm[T - 2 - t, b]", "writes the norms in reversed order of time",
     "Which t does norm[0] belong to?"),
    ("norm[t, b]", "norm[t]", "gives all sequences the norms of the last one", EACH),
    ("np.linalg.norm(U_h, 2)", "np.linalg.norm(U_h)", "takes the Frobenius norm of U_h for the limit", NORM),
    ("np.linalg.norm(U_h, 2)", "abs(np.linalg.eigvals(U_h)).max()",
     "takes the largest eigenvalue of U_h for the limit, which a single step can exceed", ZEROS),
    ("limit = np", "limit = (1 - h[1:] ** 2).max() ** np.arange(T - 1, -1, -1) * np",
     "uses the largest tanh' in the limit, which is to be known from U_h alone",
     "How large can tanh' be, whatever the states are?"),
    ("np.arange(T - 1, -1, -1)", "np.arange(T)", "writes the limit in reversed order of time", FACTORS),
    ("np.arange(T - 1, -1, -1)", "np.arange(T, 0, -1)", "counts one factor too many in the limit", FACTORS),
    ("np.linalg.norm(U_h, 2) ** np.arange(T - 1, -1, -1)", "np.linalg.norm(U_h, 2) * np.arange(T - 1, -1, -1)",
     "multiplies the norm of U_h by the number of steps in the limit", "Do the factors of the steps add up?"),
    ("np.linalg.norm(U_h, 2) ** np.arange(T - 1, -1, -1)",
     "np.array([np.linalg.norm(np.linalg.matrix_power(U_h, T - 1 - t), 2) for t in range(T)])",
     "takes the norm of a power of U_h for the limit, which the product can exceed",
     "Between two U_h stands a tanh'. Can it turn what the first has shrunk to what the next stretches?"),
]
for _limit in (False, True):  # a learner's loop may come by the last step, whose product is I, too
    for _last in (False, True):
        if _limit or _last:
            MUTANTS.append((
                {"np.linalg.norm(product, 2)": "np.linalg.norm(product)"}
                | ({"norm = np.ones((T, B))": "norm = np.full((T, B), H ** 0.5)"} if _last else {})
                | ({"np.linalg.norm(U_h, 2)": "np.linalg.norm(U_h)"} if _limit else {}),
                "takes the Frobenius norm of the product" + ", at the last step too, where it is √H" * _last
                + ", and that of U_h for the limit" * _limit, NORM))
MUTANTS += [
    ({"range(T - 1)": "range(T)", "h[t + 1, :, b]": "h[t, :, b]"},
     "multiplies one factor too many: the product for t contains J_t as well", FACTORS),
    ({"product = product @ J": "before = product; product = product @ J", "norm(product, 2)": "norm(before, 2)"},
     "multiplies one factor too few: the product for t lacks J_{t+1}", FACTORS),
    ({"product = np.eye(H)": "product = np.diag(1 - h[T - 1, :, b] ** 2)"},
     "starts the product with tanh' of the last step, which J has too",
     "What is the product of no factors?"),
    ({"(1 - h[t + 1, :, b] ** 2)[:, None] * U_h": "U_h @ np.diag(1 - h[t, :, b] ** 2)"},
     "puts tanh' of h_t on the right of U_h, where that of h_{t+1} belongs on the left", WHOSE),
    ("np.arange(T - 1, -1, -1)", "np.maximum(np.arange(T - 2, -2, -1), 0)", "counts one factor too few in the limit",
     FACTORS),
    ("np.arange(T - 1, -1, -1)", "np.arange(T - 2.0, -2, -1)",
     "counts one factor too few in the limit, below 0 at the end",
     FACTORS),
    ("np.arange(T - 1, -1, -1)", "(T - 1)", "takes the limit of all T - 1 steps at every t", FACTORS),
    ("np.arange(T - 1, -1, -1)", "np.ones(T)", "takes the norm of U_h itself for the limit, at every t", FACTORS),
    ("np.linalg.norm(U_h, 2)", "np.linalg.norm(U_h, 1)",
     "takes the 1-norm of U_h, the largest column sum, for the limit",
     NORM),
    ("np.linalg.norm(U_h, 2)", "np.linalg.norm(U_h, np.inf)",
     "takes the infinity norm of U_h, the largest row sum, for the limit", NORM),
    ("np.linalg.norm(U_h, 2)", "np.abs(U_h).max()", "takes the largest entry of U_h for the limit", NORM),
    ("np.linalg.norm(U_h, 2)", "(np.linalg.norm(U_h, 2) * (1 - h ** 2).max())",
     "uses the largest tanh' of all states in the limit, which is to be known from U_h alone",
     "How large can tanh' be, whatever the states are?"),
    ("np.linalg.norm(U_h, 2)", "np.linalg.norm(U_h, 2) ** 2", "squares the norm in the limit", NORM),
    ("np.linalg.norm(product, 2)", "np.abs(product).max()", "takes the largest entry of the product for its norm",
     NORM),
    ("np.linalg.norm(product, 2)", "abs(np.linalg.det(product))", "takes the determinant of the product for its norm",
     NORM),
    ("np.linalg.norm(product, 2)", "np.linalg.norm(product @ np.ones(H))",
     "takes the norm of the product with a vector of ones", NORM),
    ("np.linalg.norm(product, 2)", "np.linalg.norm(product @ np.ones(H) / H ** 0.5)",
     "takes the stretching of one vector, ones, for the norm", NORM),
    ("np.linalg.norm(product, 2)", "np.linalg.norm(product) / H ** 0.5", "takes the Frobenius norm over √H", NORM),
    ("1 - h[t + 1, :, b] ** 2", "1 - h[T - 1, :, b] ** 2", "takes tanh' from the last state at every step", WHOSE),
    ("1 - h[t + 1, :, b] ** 2", "1 - h[t + 1, :, 0] ** 2", "takes tanh' of the first sequence for all", EACH),
]
SPOKEN = {"product": "the product", "J": "J_{t+1}"}
EQUAL = [{"multiplies the Jacobians in the wrong order", "transposes every Jacobian as a whole"}]

HINTS = [
    "One loop over the sequences, and in it one from the last step to the first, as in exercise 7. Only that you carry "
    "the whole matrix dh_{T-1}/dh_t, not a vector. It starts as the identity.",
    "J_{t+1} is the derivative of tanh(a) with a = U_h h_t + ...: row i of U_h times tanh'(a[i]), "
    "which is 1 - h_{t+1}[i]². A column times a matrix does this: d[:, None] * U_h. "
    "The product grows on its right, by one J a step.",
    "product = product @ ((1 - h[t + 1, :, b]**2)[:, None] * U_h), then norm[t, b] = np.linalg.norm(product, 2), for t "
    "from T - 2 to 0. limit[t] is the norm of U_h to the power T - 1 - t.",
]

ALTERNATIVES = ["""
import numpy as np

def gradient_norms(U_h, h):
    T, H, B = h.shape
    J = np.einsum("tib,ij->tbij", (1 - h) * (1 + h), U_h)
    back, norms = np.array([np.eye(H)] * B), [np.ones(B)]
    for t in range(T - 1, 0, -1):
        back = np.einsum("bji,bjk->bik", J[t], back)
        norms.insert(0, np.linalg.svd(back, compute_uv=False)[:, 0])
    largest = np.linalg.svd(U_h, compute_uv=False)[0]
    return np.array(norms), np.cumprod([1] + [largest] * (T - 1))[::-1]
""", """
import numpy as np

def gradient_norms(U_h, h):
    norm = [[np.linalg.norm(np.linalg.multi_dot([np.eye(len(U_h)), *(np.diag(1 - state ** 2) @ U_h
             for state in h[:t:-1, :, b]), np.eye(len(U_h))]), 2) for b in range(h.shape[2])] for t in range(len(h))]
    return norm, [max(np.linalg.eigvalsh(U_h.T @ U_h)) ** ((len(h) - 1 - t) / 2) for t in range(len(h))]
"""]
