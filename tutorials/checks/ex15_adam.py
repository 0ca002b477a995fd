import numpy as np

from minirnn import optim

from . import weights

TITLE = "Adam"
FUNCTION = "adam"
OUTPUTS = {"p": "T H D"}


def steps(T, size, H=5, D=3):
    """T steps with gradients of this size; none is near zero, so that eps shows in the case of tiny ones only."""
    def inputs(rng):
        dp = size * rng.uniform(0.4, 2.0, (T, H, D)) * rng.choice([-1, 1], (T, H, D))
        return {"p0": weights(rng, H, D), "dp": dp, "lr": 0.001, "beta1": 0.8, "beta2": 0.95, "eps": 1e-8}
    return inputs


CASES = {"a single step": steps(1, 1.0), "six steps": steps(6, 1.0), "six steps, gradients near 1e-8": steps(6, 1e-8),
         "four steps, gradients near 30": steps(4, 30.0, H=3, D=7)}


def reference(p0, dp, lr, beta1, beta2, eps):
    params, opt, after = {"p": p0.copy()}, optim.Adam(lr, (beta1, beta2), eps), []
    for gradient in dp:
        opt.step(params, {"p": gradient})
        after.append(params["p"].copy())
    return np.array(after)


def terms(p0, dp, lr, beta1, beta2, eps):
    if len(dp) > 1:
        return {}
    return {"p": {"p0": p0[None], "lr · dp / (√dp² + eps)": lr * dp / (np.abs(dp) + eps), "lr · dp": lr * dp,
                  "lr · dp / (dp² + eps)": lr * dp / (dp ** 2 + eps)}}


START = "m and v start at zero. What is m after the first step, if nothing is corrected, and what should m̂ be?"
MEAN = "In a running mean, how much weight has the past, and how much has the new gradient?"
EPS = "Where exactly does eps stand in the last equation? It is seen only where the gradients are tiny."
ENTRY = "Which of the operations belong to each entry by itself?"
COUNT = "What is n at the third step in your code?"
CARRY = "Which m goes on to the next step, m or m̂?"
TIMES = "Compute 1 - β₁ⁿ by hand, with β₁ = 0.8 and n = 2, and then with your line. Where do they part?"
POWER = "Compare your correction with the equations, sign by sign: what becomes of 1 - βⁿ after many steps?"
MUTANTS = [
    ("m / (1 - beta1 ** n)", "m", "never corrects m, and uses m itself for m̂", START),
    ("v / (1 - beta2 ** n)", "v", "never corrects v, and uses v itself for v̂", START),
    ("m_hat / (np.sqrt(v_hat)", "m / (np.sqrt(v)", "has no bias correction at all", START),
    ("n = t + 1", "n = 1", "never counts the steps, so n is always 1", COUNT),
    ("n = t + 1", "n = t + 2", "counts the steps from 2", COUNT),
    ("n = t + 1", "n = len(dp)", "uses T, the number of all steps, for n", COUNT),
    ("beta1 ** n", "beta1 * n", "multiplies β₁ by n instead of raising it to the power n", TIMES),
    ("(1 - beta1 ** n)", "(1 - beta1)", "divides m by 1 - β₁ at every step, without the power n", POWER),
    ("(1 - beta2 ** n)", "(1 - beta2)", "divides v by 1 - β₂ at every step, without the power n", POWER),
    ("(1 - beta1 ** n)", "(1 - beta1) ** n", "raises 1 - β₁ to the power n, not β₁", POWER),
    ("(1 - beta2 ** n)", "(1 - beta2) ** n", "raises 1 - β₂ to the power n, not β₂", POWER),
    ("m / (1", "m * (1", "multiplies m by 1 - β₁ⁿ instead of dividing", START),
    ("v / (1", "v * (1", "multiplies v by 1 - β₂ⁿ instead of dividing", START),
    ("- beta1 ** n", "- beta2 ** n", "corrects m with β₂", "Which β belongs to m?"),
    ("- beta2 ** n", "- beta1 ** n", "corrects v with β₁", "Which β belongs to v?"),
    ("beta1, beta2, eps)", "beta2, beta1, eps)", "exchanges β₁ and β₂", "Which β belongs to m, which to v?"),
    ("m_hat = m /", "m_hat = m = m /", "carries m̂ on to the next step, where m belongs", CARRY),
    ("v_hat = v /", "v_hat = v = v /", "carries v̂ on to the next step, where v belongs", CARRY.replace("m", "v")),
    ("beta1 * m + ", "", "forgets the old m at each step", "What is m made of, besides the new gradient?"),
    ("beta2 * v + ", "", "forgets the old v at each step", "What is v made of, besides the new gradient?"),
    ("(1 - beta1) * dp[t]", "dp[t]", "adds the whole dp to m, without 1 - β₁", MEAN),
    ("(1 - beta2) * dp[t]", "dp[t]", "adds the whole dp² to v, without 1 - β₂", MEAN),
    ("beta1 * m + (1 - beta1) *", "(1 - beta1) * m + beta1 *", "exchanges β₁ and 1 - β₁ in m", MEAN),
    ("beta2 * v + (1 - beta2) *", "(1 - beta2) * v + beta2 *", "exchanges β₂ and 1 - β₂ in v", MEAN),
    ("beta1 * m + (1 - beta1) *", "m +", "adds up all gradients in m and never fades them", MEAN),
    ("beta2 * v + (1 - beta2) *", "v +", "adds up all squares in v and never fades them", MEAN),
    ("beta1 * m +", "m +", "does not decay m: adds (1 - β₁) dp to the whole old m, without β₁", MEAN),
    ("beta2 * v +", "v +", "does not decay v: adds (1 - β₂) dp² to the whole old v, without β₂", MEAN),
    ("dp[t] ** 2", "np.abs(dp[t])", "takes |dp| for dp² in v", "Of what is v the running mean?"),
    ("dp[t] ** 2", "m ** 2", "takes the square of m for dp² in v", "Of what is v the running mean?"),
    ("dp[t] ** 2", "(dp[t] - m) ** 2", "takes (dp - m)² for dp² in v", "Of what is v the running mean?"),
    ("dp[t] ** 2", "(dp[t] ** 2).mean()", "has one v for all entries, from the mean of dp²", ENTRY),
    ("dp[t] ** 2", "(dp[t] ** 2).sum()", "has one v for all entries, from the sum of dp²", ENTRY),
    ("np.zeros_like(p0), np.zeros_like(p0)", "dp[0], dp[0] ** 2", "starts m and v from the first gradient",
     "What are m and v before the first step?"),
    ("lr * m_hat", "lr * dp[t]", "steps along dp instead of m̂", "Which quantity do you divide by the root?"),
    ("np.sqrt(v_hat)", "v_hat", "forgets the root of v̂", "If all gradients were twice as large, how would your step "
     "change? It should stay as it is."),
    ("np.sqrt(v_hat) + eps", "np.sqrt(v_hat + eps)", "adds eps inside the root", EPS),
    ("np.sqrt(v_hat) + eps", "np.sqrt(v_hat) + eps / np.sqrt(1 - beta2 ** n)",
     "adds eps to √v, before the bias correction of v", EPS),
    ("(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat) + eps", "adds eps to the step, not to the root: brackets are missing",
     "What exactly is divided by what in the last equation, and to which of the two does eps belong?"),
    (" + eps)", ")", "leaves out eps", EPS),
    ("now - lr", "now + lr", "goes up the slope, with + for -", "In which direction does the loss fall?"),
    ("now - lr * m_hat", "now - m_hat", "forgets lr", "How far should the first step go?"),
    ("now = now - lr", "now = p0 - lr", "starts each step from p0", "From where does the second step go on?"),
    ("p[t] = now", "p[:] = now", "holds the last parameters at every step, as if all p[t] were one array",
     "Print your p[0] when the loop is done. Is it what it was after the first step?"),
    ("return p", "return np.concatenate([p0[None], p[:-1]])", "returns the parameters before each step",
     "Has dp[0] been used in your p[0]?"),
]
SPOKEN = {"beta1": "β₁", "beta2": "β₂", "m_hat": "m̂", "v_hat": "v̂", "now": "p"}

BOTH = [  # (what is done to m and v alike, the same of m, the same of v)
    ("fades neither m nor v: adds up all gradients and all squares", "beta1 * m + (1 - beta1) *|m +",
     "beta2 * v + (1 - beta2) *|v +"),
    ("decays neither m nor v, without β₁ and β₂", "beta1 * m +|m +", "beta2 * v +|v +"),
    ("adds the whole dp to m and the whole dp² to v, without 1 - β", "(1 - beta1) * dp[t]|dp[t]",
     "(1 - beta2) * dp[t]|dp[t]"),
    ("exchanges β and 1 - β in both m and v", "beta1 * m + (1 - beta1) *|(1 - beta1) * m + beta1 *",
     "beta2 * v + (1 - beta2) *|(1 - beta2) * v + beta2 *"),
    ("forgets both old m and old v at each step", "beta1 * m + |", "beta2 * v + |"),
    ("multiplies by 1 - βⁿ where it should divide, for both m̂ and v̂", "m / (1|m * (1", "v / (1|v * (1"),
    ("raises 1 - β to the power n, not β, for both m̂ and v̂", "(1 - beta1 ** n)|(1 - beta1) ** n",
     "(1 - beta2 ** n)|(1 - beta2) ** n"),
    ("multiplies β by n instead of raising it to the power n, for both m̂ and v̂", "beta1 ** n|beta1 * n",
     "beta2 ** n|beta2 * n"),
    ("carries both m̂ and v̂ on to the next step, where m and v belong", "m_hat = m /|m_hat = m = m /",
     "v_hat = v /|v_hat = v = v /"),
    ("exchanges β₁ and β₂ in the corrections", "- beta1 ** n|- beta2 ** n", "- beta2 ** n|- beta1 ** n"),
    ("exchanges β₁ and β₂ in the running means", "beta1 * m + (1 - beta1)|beta2 * m + (1 - beta2)",
     "beta2 * v + (1 - beta2)|beta1 * v + (1 - beta1)"),
]
for _words, *_both in BOTH:
    _asks = next((asks for part, asks in (("power n", TIMES), ("divide", START), ("carries", CARRY), (
        "corrections", "Which β belongs to m, and which to v?")) if part in _words), MEAN)
    MUTANTS.append((dict(text.split("|") for text in _both), _words, _asks))
AFTER = "What stands under the root in the last equation, v or v̂? Which of the two is corrected, v or its root?"
MUTANTS += [
    ({"v_hat = v / (1 - beta2 ** n)": "v_hat = v", "np.sqrt(v_hat) + eps": "np.sqrt(v_hat) / (1 - beta2 ** n) + eps"},
     "corrects after the root: divides √v by 1 - β₂ⁿ, not v", AFTER),
    ({"v_hat = v / (1 - beta2 ** n)": "v_hat = v", "np.sqrt(v_hat) + eps": "(np.sqrt(v_hat) + eps) / (1 - beta2 ** n)"},
     "corrects after the root: divides √v + eps by 1 - β₂ⁿ, not v", AFTER),
    ({"v_hat = v / (1 - beta2 ** n)": "v_hat = v", "np.sqrt(v_hat) + eps": "np.sqrt(v_hat) * (1 - beta2 ** n) + eps"},
     "corrects after the root: multiplies √v by 1 - β₂ⁿ", AFTER),
    *[(f"- {beta} ** n", f"- {beta} ** {n}", f"{words} in the correction of {m} only", COUNT)
      for beta, m in (("beta1", "m"), ("beta2", "v"))
      for n, words in (("max(t, 1)", "counts n from 0, but the first step as 1,"), ("(t + 2)",
      "counts the steps from 2"),
                       ("len(dp)", "uses T for n"), ("(n * 2)", "doubles n"))],
    ("n = t + 1", "n = t", "counts n from 0, so that the first correction divides by zero (1 - β⁰ = 0)", COUNT),
    ("n = t + 1", "n = max(t, 1)", "counts n from 0, but the first step as 1: n is one too small from step 2 on",
     COUNT),
    ("n = t + 1", "n = len(dp) - t", "counts n down from T", COUNT),
    ("(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat + eps ** 2)", "adds eps² inside the root", EPS),
    ("(np.sqrt(v_hat) + eps)", "np.maximum(np.sqrt(v_hat), eps)", "takes the larger of the root and eps, not the sum",
     EPS),
    ("dp[t] ** 2", "dp[t]", "forgets the square of dp in v", "Of what is v the running mean?"),
    ("dp[t] ** 2", "2 * dp[t]", "takes 2 dp for dp² in v", "Of what is v the running mean?"),
    ("dp[t] ** 2", "m_hat ** 2 if t else dp[t] ** 2", "takes the square of the last m̂ for dp² in v",
     "Of what is v the running mean?"),
    ("now = now - lr * m_hat", "lr_n = lr / np.sqrt(n); now = now - lr_n * m_hat", "divides lr by √n", "Does the step "
     "become smaller by itself?"),
    ("now = now - lr * m_hat", "now = now - lr * n * m_hat", "multiplies lr by n", "Does the step become larger by "
     "itself?"),
    ("now = now - lr * m_hat", "now = now - lr / n * m_hat", "divides lr by n", "Does the step become smaller by "
     "itself?"),
    ("now = now - lr * m_hat", "now = now * (1 - lr) - lr * m_hat", "lets p itself fade by lr", "What is taken off p?"),
    ("now = now - lr * m_hat / (np.sqrt(v_hat) + eps)",
     "now = now - lr * np.sign(m_hat) + 0 * v_hat / (np.sqrt(v_hat) + eps)", "uses only the sign of m̂", "What is m̂ "
     "divided by?"),
    ("now = now - lr * m_hat / (np.sqrt(v_hat) + eps)",
     "now = now - lr * m_hat + 0 * v_hat / (np.sqrt(v_hat) + eps)", "never divides by the root: a step along m̂ alone",
     "What is m̂ divided by?"),
    ("p[t] = now", "p[t] = now - p0", "holds the change since p0, not the parameters", "What is p[t] to hold?"),
    ("p[t] = now", "p[len(dp) - 1] = now", "writes every p to the last step, so that the others stay zero",
     "What is p[t] to hold?"),
    ("return p", "return p[::-1]", "returns the steps in reversed order", "Which step does p[0] belong to?"),
    ("return p", "return now", "returns only the last parameters", "How many parameters are to be returned?"),
]
STEP = "lr * m_hat / (np.sqrt(v_hat) + eps)"
M_HAT, V_HAT = "m_hat = m / (1 - beta1 ** n)", "v_hat = v / (1 - beta2 ** n)"
M, V, START_V = "beta1 * m + (1 - beta1) * dp[t]", "beta2 * v + (1 - beta2) * dp[t] ** 2", "m, v = np.zeros"
TOP = {START_V: "top = 0; m, v = np.zeros"}
OTHER = "Write the five equations beside your five lines. Which line is another equation?"
for _patches, _words in (
        (TOP | {V_HAT: "v_hat = top = np.maximum(top, v / (1 - beta2 ** n))"},
         "keeps the largest v̂ so far and divides by its root: that is AMSGrad"),
        (TOP | {V_HAT: "top = np.maximum(top, v); v_hat = top / (1 - beta2 ** n)"},
         "keeps the largest v so far and corrects that: that is AMSGrad"),
        (TOP | {V_HAT: "v_hat = top = np.maximum(top, v)", M_HAT: "m_hat = m"},
         "keeps the largest v so far, without any bias correction: that is AMSGrad as first published"),
        ({V: "np.maximum(v, beta2 * v + (1 - beta2) * dp[t] ** 2)"}, "never lets v fall: takes the larger of the old v "
         "and the new one"),
        ({V: "np.maximum(beta2 * v, dp[t] ** 2)"}, "takes the larger of β₂ v and dp² for v, not their mean"),
        ({V: "np.maximum(beta2 * v, np.abs(dp[t]))", STEP: "lr * m_hat / (v + eps) + 0 * v_hat"},
         "divides by the larger of β₂ v and |dp|, faded, without a root: that is AdaMax"),
        ({V: "np.maximum(beta2 * v, np.abs(dp[t]))", STEP: "lr * m_hat / v + 0 * v_hat"},
         "divides by the larger of β₂ v and |dp|, faded, without a root and eps: that is AdaMax"),
        ({STEP: "lr * (beta1 * m_hat + (1 - beta1) * dp[t] / (1 - beta1 ** n)) / (np.sqrt(v_hat) + eps)"},
         "steps along β₁ m̂ and (1 - β₁) dp / (1 - β₁ⁿ): that is NAdam"),
        ({STEP: "lr * (beta1 * m / (1 - beta1 ** (n + 1)) + (1 - beta1) * dp[t] / (1 - beta1 ** n)) / (np.sqrt(v_hat) "
          "+ eps)"}, "steps along β₁ m / (1 - β₁ⁿ⁺¹) and (1 - β₁) dp / (1 - β₁ⁿ): that is NAdam"),
        ({STEP: "lr * dp[t] / (np.sqrt(v) + eps)"}, "steps along dp and corrects nothing: that is RMSProp"),
        ({STEP: "lr * dp[t] / (np.sqrt(v) + eps)", V: "v + dp[t] ** 2"},
         "steps along dp and adds all squares up in v, without corrections: that is Adagrad"),
        ({STEP: "lr * dp[t]"}, "steps along dp alone: that is plain gradient descent"),
        ({STEP: "lr * m"}, "steps along m alone, which is not corrected: gradient descent with momentum"),
        ({STEP: "lr * m", M: "beta1 * m + dp[t]"},
         "steps along m alone, to which the whole dp is added: gradient descent with momentum"),
        ({V: "v - (1 - beta2) * np.sign(v - dp[t] ** 2) * dp[t] ** 2"}, "moves v by (1 - β₂) dp², up or down: that is "
         "Yogi"),
        ({V: "beta2 * v + (1 - beta2) * (dp[t] - m) ** 2 + eps"}, "takes (dp - m)² for dp² in v and adds eps: that is "
         "AdaBelief"),
        ({STEP: "lr * np.sign(beta1 * m + (1 - beta1) * dp[t])", M: "beta2 * m + (1 - beta2) * dp[t]"},
         "steps along a sign, with β₂ in m"),
        ({V: "beta2 * m + (1 - beta2) * dp[t] ** 2; m = v"}, "has one array for m and v, so that what is done to one "
         "is done to the other")):
    MUTANTS.append((_patches, _words, OTHER))
for _name, _given, _words in (("m", "dp[0]", "the first gradient"), ("v", "dp[0] ** 2", "the first gradient's square")):
    _starts = ", ".join(_given if name == _name else "np.zeros_like(p0)" for name in "mv")
    MUTANTS.append(("np.zeros_like(p0), np.zeros_like(p0)", _starts, f"starts {_name} from {_words}, not from zero",
                    f"What is {_name} before the first step?"))

HINTS = [
    "Before the loop, m and v are zeros of the shape of p0. Each turn of the loop is the five equations, in order.",
    "range(len(dp)) counts from 0, and n counts from 1: n = t + 1. Give m̂ and v̂ names of their own, so that m and v "
    "go on uncorrected. p0 is the caller's: now = now - ... makes a new array, now -= ... would change it.",
    "In the loop: m = beta1 * m + (1 - beta1) * dp[t], v the same with beta2 and dp[t] ** 2, then "
    "m_hat = m / (1 - beta1 ** n), v_hat likewise, then now = now - lr * m_hat / (np.sqrt(v_hat) + eps), p[t] = now.",
]

ALTERNATIVES = ["""
import numpy as np

def adam(p0, dp, lr, beta1, beta2, eps):
    n = np.arange(1, len(dp) + 1)
    age = n[:, None] - n
    means = []
    for beta, values in ((beta1, dp), (beta2, dp * dp)):
        share = np.where(age >= 0, beta ** np.maximum(age, 0), 0.0)
        share = share / share.sum(axis=1, keepdims=True)
        means.append(np.einsum("ts,shd->thd", share, values))
    return p0 - np.cumsum(lr * means[0] / (np.sqrt(means[1]) + eps), axis=0)
""", """
import math
import numpy as np

def adam(p0, dp, lr, beta1, beta2, eps):
    p = np.empty(dp.shape)
    for i in range(p0.shape[0]):
        for j in range(p0.shape[1]):
            value, m, v, power1, power2 = p0[i, j], 0.0, 0.0, 1.0, 1.0
            for t, g in enumerate(dp[:, i, j]):
                power1, power2 = power1 * beta1, power2 * beta2
                m += (1 - beta1) * (g - m)
                v += (1 - beta2) * (g * g - v)
                value -= lr * math.sqrt(1 - power2) / (1 - power1) * m / (math.sqrt(v) + eps * math.sqrt(1 - power2))
                p[t, i, j] = value
    return p
"""]
