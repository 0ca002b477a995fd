"""From sequence to sequence: one network reads the source, another says the target, word by word.

    h = encoder(source),                  the decoder starts from the encoder's final state
    s = decoder(inputs)                   inputs: the target one step late, after a start symbol (teacher forcing)
    context_i = attention(s_i, h, h)      where to look in the source, asked anew at each step
    logits_i = W [s_i; context_i] + b

Without attention all that the decoder learns of the source is one state, however long the source was.

Source: Sutskever, Vinyals and Le 2014; attention after the decoder's recurrence: Luong, Pham and Manning 2015.
"""

import numpy as np

from .. import boundary
from ..layers import compose, embedding, fast, linear
from ..layers.layer import accepted, sizes


class EncoderDecoder:
    """A layer under the law, for `training.fit` with losses.cross_entropy, and greedy decoding.

        attention  attention.dot, attention.additive, attention.multi_head, or None for none
        layer      the recurrent layer of both sides, reading forward, such as compose.stack(fast.lstm, 2)

    >>> from minirnn import attention
    >>> model = EncoderDecoder(attention.dot)
    >>> params = model.init(np.random.default_rng(0), 12, 12, 8, 16)
    >>> source, inputs = np.array([[3, 1, 2], [5, 4, 0]]), np.array([[10, 2, 1], [10, 4, 5]])
    >>> logits, weights, cache = model.forward(params, (source, inputs), lengths=np.array([3, 2]))
    >>> logits.shape, weights.shape
    ((2, 3, 12), (2, 3, 3))
    """

    takes = "lengths", "rng", "training"

    def __init__(self, attention=None, layer=fast.lstm):
        self.attention, self.reader = attention, compose.chain(embedding, layer)
        if self.reader.direction == "both":
            raise ValueError(f"layer is {self.reader.name}, which reads both ways, expected one that reads forward: "
                             "the decoder would see what it has to say")

    def init(self, rng, V_source, V_target, D, H, dtype=np.float32):
        """D is the width of the embeddings, H of the states: {"encoder", "decoder", "attention", "read_out"}."""
        rng = boundary.generator(rng)
        params = {"encoder": self.reader.init(rng, V_source, D, H, dtype=dtype),
                  "decoder": self.reader.init(rng, V_target, D, H, dtype=dtype)}
        if self.attention:
            params["attention"] = self.attention.init(rng, *[H] * sizes(self.attention), dtype=dtype)
        return params | {"read_out": linear.init(rng, 2 * H if self.attention else H, V_target, dtype=dtype)}

    def forward(self, params, x, lengths=None, rng=None, training=False):
        """x is a pair, source ids (B, T) and input ids (B, Ty); lengths (B,) are those of the source. Returns logits
        (B, Ty, V_target), the attention's weights (B, Ty, T), or None without it, and a cache."""
        source, inputs = boundary.pair("x", x, "(source, inputs)")
        hints = accepted(self.reader, rng=rng, training=training)
        h, state, encoder = self.reader.forward(params["encoder"], source, None, lengths, **hints)
        logits, weights, _, decoder = self._decode(params, inputs, state, h, lengths, hints)
        return logits, weights, (h.shape, encoder, decoder)

    def _decode(self, params, inputs, state, h, lengths, hints):
        s, state, decoder = self.reader.forward(params["decoder"], inputs, state, **hints)
        weights = attended = None
        if self.attention:
            context, weights, attended = self.attention.forward(params["attention"], s, h, h, lengths)
            s = np.concatenate([s, context], axis=2)
        logits, read_out = linear.forward(params["read_out"], s)
        return logits, weights, state, (decoder, attended, read_out)

    def backward(self, cache, dlogits, dweights=None):
        """The mirror image: to grads, and None for the ids.

            (B1)  ds, dcontext  from dlogits, through the read-out
            (B2)  ds, dh        from dcontext, through the attention: h is its keys and its values, so dh is two's sum
            (B3)  dstate        from ds, through the decoder to the state it started from
            (B4)                dh and dstate through the encoder
        """
        h_shape, encoder, (decoder, attended, read_out) = boundary.cache("EncoderDecoder", cache, parts=3)
        grads = {}
        grads["read_out"], ds = linear.backward(read_out, dlogits)  # (B1)
        dh = np.zeros(h_shape, ds.dtype)
        if self.attention:
            ds, dcontext = np.split(ds, [h_shape[2]], axis=2)  # (B1)
            grads["attention"], ds_asked, dk, dv = self.attention.backward(attended, dcontext, dweights)
            ds, dh = ds + ds_asked, dk + dv  # (B2)
        grads["decoder"], _, dstate = self.reader.backward(decoder, ds)  # (B3)
        grads["encoder"], _, _ = self.reader.backward(encoder, dh, dstate)  # (B4)
        return grads, None

    def greedy(self, params, source, start, steps, lengths=None):
        """Say the likeliest next word, `steps` times, each time reading it back in after `start`. Returns the ids
        (B, steps) and the weights (B, steps, T), None without attention; cut the ids at your stop symbol."""
        hints = accepted(self.reader, inference=True)
        h, state, _ = self.reader.forward(params["encoder"], source, None, lengths, **hints)
        said, looked = [np.full(len(h), start)], []
        for _ in range(boundary.size("steps", steps)):
            logits, weights, state, _ = self._decode(params, said[-1][:, None], state, h, lengths, hints)
            said.append(logits[:, 0].argmax(axis=1))
            looked.append(weights)
        return np.stack(said[1:], axis=1), np.concatenate(looked, axis=-2) if self.attention else None
