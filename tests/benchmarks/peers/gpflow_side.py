"""GPflow, as a worker of `bench_peers`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import gpflow
import numpy as np
import tensorflow as tf
from common import LENGTHSCALES, NOISE, RATE, STEPS, VARIANCE, data, serve, variational


def timed(model, *batch):
    batch = tuple(tuple(tf.constant(a) for a in b) for b in batch)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = model.training_loss(*batch)
        return loss, tape.gradient(loss, model.trainable_variables)

    return lambda: -step()[0].numpy()


def kernel():
    return gpflow.kernels.SquaredExponential(VARIANCE, LENGTHSCALES)


def gpr(N):
    return timed(gpflow.models.GPR(data(N), kernel(), noise_variance=NOISE))


def adam(N):
    model = gpflow.models.GPR(data(N), kernel(), noise_variance=NOISE)
    optimizer = tf.optimizers.Adam(RATE)
    optimizer.build(model.trainable_variables)
    state = [*model.trainable_variables, *optimizer.variables]
    start = [np.array(v) for v in state]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = model.training_loss()
        slopes = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(slopes, model.trainable_variables, strict=True))

    def run():
        for v, number in zip(state, start, strict=True):
            v.assign(number)
        for _ in range(STEPS):
            step()
        return -model.training_loss().numpy()

    return run


def sgpr(N, M=500):
    X, Y = data(N)
    return timed(gpflow.models.SGPR((X, Y), kernel(), X[:M].copy(), noise_variance=NOISE))


def svgp(size):
    M, B = size
    X, Y = data(10_000)
    q_mu, q_sqrt = variational(M)
    model = gpflow.models.SVGP(
        kernel(), gpflow.likelihoods.Gaussian(NOISE), X[:M].copy(), q_mu=q_mu, q_sqrt=q_sqrt, num_data=len(X)
    )
    return timed(model, (X[-B:], Y[-B:]))


def process(N):
    X, Y = data(N)
    model = gpflow.models.GPR((X, Y), gpflow.kernels.SquaredExponential(lengthscales=[1.0] * 5), noise_variance=1.0)

    def run():
        gpflow.optimizers.Scipy().minimize(model.training_loss, model.trainable_variables)
        model.predict_f(X[:100])
        return -model.training_loss().numpy()

    return run


serve({"gpr": gpr, "adam": adam, "sgpr": sgpr, "svgp": svgp, "process": process})
