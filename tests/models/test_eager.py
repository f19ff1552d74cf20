"""Derivatives taken outside `jit`, where each compiled piece hands its results to the next, are those of one program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import gparams as gp

RNG = np.random.default_rng(0)
X, Y, Xnew = RNG.uniform(-2.0, 2.0, (7, 2)), RNG.normal(size=(7, 2)), jnp.asarray(RNG.uniform(-2.0, 2.0, (7, 2)))
Q_MU = RNG.normal(size=(5, 2))


def make(name):
    kernel, Z = gp.kernels.SquaredExponential(1.2, [0.5, 0.9]), X[:5]
    gaussian = gp.likelihoods.Gaussian(0.1)
    return {
        "gpr": lambda: gp.models.GPR((X, Y), kernel, noise_variance=0.1),
        "sgpr": lambda: gp.models.SGPR((X, Y), kernel, Z, noise_variance=0.1),
        "vgp": lambda: gp.models.VGP((X, Y), kernel, gaussian),
        "svgp": lambda: gp.models.SVGP(kernel, gaussian, Z, num_latent_gps=2, q_mu=Q_MU),
    }[name]()


OUTPUTS = {
    "mean": lambda m: jnp.sum(m.predict_f(Xnew)[0] ** 2),
    "covariance": lambda m: jnp.sum(m.predict_f(Xnew, full_cov=True)[1] ** 2),
    "samples": lambda m: jnp.sum(m.predict_f_samples(Xnew, 2, key=jax.random.key(0)) ** 2),
    "loss": lambda m: m.training_loss(*([(X, Y)] if isinstance(m, gp.models.SVGP) else [])),
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("name", ["gpr", "sgpr", "vgp", "svgp"])
def test_gradients_by_the_parameters(name, output):
    params, static = gp.partition(make(name))
    gradient = jax.grad(lambda params: OUTPUTS[output](gp.combine(params, static)))
    apart, together = gradient(params), jax.jit(gradient)(params)
    for path in params:
        assert np.isfinite(together[path]).all()
        assert_allclose(apart[path], together[path], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "second", [jax.hessian, lambda f: jax.jacrev(jax.jacrev(f))], ids=["hessian", "jacrev(jacrev)"]
)
def test_second_derivatives_by_the_inputs(second):
    model = make("gpr")
    curvature = second(lambda x: jnp.sum(model.predict_f(x)[0] ** 2))
    apart = curvature(Xnew)
    assert np.isfinite(apart).all()
    assert_allclose(apart, jax.jit(curvature)(Xnew), rtol=1e-7, atol=1e-9)
