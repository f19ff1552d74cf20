"""Chains of bijectors, a Module with lists and dictionaries of parameters, triangular."""

import gpflow
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from gpflow.utilities import to_default_float as f64
from gpflow.utilities import triangular

tfb = tfp.bijectors

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)


class Bag(gpflow.base.Module):
    def __init__(self):
        super().__init__()
        self.items = [gpflow.Parameter(1.0 + i, transform=tfb.Softplus()) for i in range(3)]
        self.named = {
            "a": gpflow.Parameter([0.1, 0.2], transform=tfb.Exp()),
            "b": gpflow.Parameter(np.eye(2), transform=triangular()),
        }
        self.chained = gpflow.Parameter(3.0, transform=tfb.Chain([tfb.Shift(f64(1.0)), tfb.Softplus()]))

    def loss(self):
        total = sum(p * p for p in self.items)
        return (
            total
            + tf.reduce_sum(tf.square(self.named["a"] - 0.5))
            + tf.reduce_sum(tf.square(self.named["b"] - 2.0))
            + self.chained
        )


bag = Bag()
start = bag.loss()
gpflow.set_trainable(bag.items[0], False)
gpflow.set_trainable(bag.chained, False)
gpflow.optimizers.Scipy().minimize(
    bag.loss, [bag.named["a"].unconstrained_variable, bag.named["b"].unconstrained_variable], options=TIGHT
)
results = {
    "start": float(start),
    "a": bag.named["a"].numpy(),
    "b": bag.named["b"].numpy(),
    "chained": bag.chained.unconstrained_variable.numpy(),
    "count": len(bag.trainable_variables),
    "paths": sorted(gpflow.utilities.parameter_dict(bag)),
}
