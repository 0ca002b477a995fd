"""Answer to exercise 8. Bug clinic."""


def clinic(A, B, C, D, E, F, G, H, I, J):
    # one: in a single step only dU_h wrong, in five steps only dU_h wrong. dU_h[i, j] belongs to U_h[i, j], which
    # leads from h_prev[j] to a[i]. Which comes first in the product?
    one = E  # computes the transpose of dU_h
    # two: in a single step only dW_ih wrong, in five steps only dW_ih wrong. What lies between h_t and W_ih?
    two = B  # computes dW_ih from dh_t instead of da_t
    # three: in a single step all right, in five steps only dx_0 dx_1 dx_2 dx_3 wrong. By how many ways does x_t reach
    # the loss?
    three = H  # leaves what comes from later steps out of dx
    # four: in a single step all right, in five steps only dx_4 right. Which quantity exists at every step but the
    # last?
    four = I  # never adds dh_next
    # five: in a single step all right, in five steps all wrong. dh_next comes from step t+1. Which step has to be
    # done first?
    five = J  # walks from the first step to the last
    # six: in a single step all wrong, in five steps all wrong. Through which function do you go back from h_t to a_t,
    # and what is its slope there?
    six = F  # forgets tanh'
    return one, two, three, four, five, six
