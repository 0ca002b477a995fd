"""Answer to exercise 8. Bug clinic."""


def clinic(A, B, C, D, E, F, G, H, I, J):
    # one: in a single step all wrong, in five steps all wrong. From where does h_t get its gradient? There are two
    # places.
    one = I  # takes tanh' for dh_next only, not for dh[t]
    # two: in a single step only dU_h wrong, in five steps only dU_h wrong. dU_h[i, j] belongs to U_h[i, j], which
    # leads from h_{t-1}[j] to a_t[i]. Which comes first in the product?
    two = E  # computes the transpose of dU_h
    # three: in a single step only dW_ih wrong, in five steps only dW_ih wrong. What lies between h_t and W_ih?
    three = B  # computes dW_ih from dh_t instead of da_t
    # four: in a single step all right, in five steps only dx_0 dx_1 dx_2 dx_3 wrong. By how many ways does x_t reach
    # the loss?
    four = G  # leaves what comes from later steps out of dx
    # five: in a single step all right, in five steps only dx_4 right. Which quantity exists at every step but the
    # last?
    five = H  # never adds dh_next
    # six: in a single step all right, in five steps all wrong. dh_next comes from step t+1. Which step has to be done
    # first?
    six = J  # walks from the first step to the last
    return one, two, three, four, five, six
