"""Exercise 8. Bug clinic: six broken backward passes. Name the bug in each.

Six people wrote exercise 7, and each made one mistake. They were tried on a single step (columns 0 to 4)
and on five steps (columns 5 to 13, where dx_0 is dx at t = 0). A number says how wrong a gradient is,

    |theirs - right| / |right|

so a dot is right, and 1 is what you get for returning zero.

           dx     dW_ih  dU_h   db_h   dh0    dx_0   dx_1   dx_2   dx_3   dx_4   dW_ih  dU_h   db_h   dh0
    column 0      1      2      3      4      5      6      7      8      9      10     11     12     13
    one    1.422  2.239  2.473  2.782  2.783  1.802  2.085  2.093  1.715  1.567  2.053  2.534  2.161  1.926
    two    .      .      1.611  .      .      .      .      .      .      .      .      1.088  .      .
    three  .      2.239  .      .      .      .      .      .      .      .      1.370  .      .      .
    four   .      .      .      .      .      0.602  0.681  2.366  1.036  .      .      .      .      .
    five   .      .      .      .      .      0.602  0.681  2.366  1.036  .      0.803  0.630  0.753  0.639
    six    .      .      .      .      .      0.602  0.368  2.003  2.184  2.383  1.049  0.800  0.248  1.622

These are the bugs to choose from. No two of the six have the same one, so four are left over:

    A  assigns dW_ih at each step instead of adding to it
    B  computes dW_ih from dh_t instead of da_t
    C  computes dh_next from dh_t instead of da_t
    D  computes dx_t from dh_t instead of da_t
    E  computes the transpose of dU_h
    F  leaves out the step t = 0
    G  leaves what comes from later steps out of dx
    H  never adds dh_next
    I  takes tanh' for dh_next only, not for dh[t]
    J  walks from the first step to the last

Look first where a map is right: what could not be right with that bug? Then ask what a single step cannot show. If the
bug that you name makes another map, the checker says in which columns the two differ.
"""


def clinic(A, B, C, D, E, F, G, H, I, J):
    """Each letter is a bug: an array (14,), the map that it makes. Printing them would spoil it.
    Leave all inputs as they are.

    Returns the bugs of the maps one, two, three, four, five, six, such as: return A, B, C, D, E, F, without
    quotes. About 1 line.
    """
    raise NotImplementedError
