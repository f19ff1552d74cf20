"""Log densities against SciPy's."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from numpy.testing import assert_allclose

from gparams import maths

rng = np.random.default_rng(0)
REAL, POSITIVE, SCALE, SHAPE = (
    rng.normal(size=6),
    rng.gamma(2.0, size=6),
    rng.uniform(0.3, 2.0, 6),
    rng.uniform(0.4, 5, 6),
)
UNIT, COUNT = rng.uniform(0.05, 0.95, 6), np.arange(6.0)

TABLE = {
    "log_gaussian": ((REAL, 0.3 * SHAPE, SCALE), lambda x, m, v: st.norm(m, np.sqrt(v)).logpdf(x)),
    "log_lognormal": ((POSITIVE, REAL, SCALE), lambda x, m, v: st.lognorm(np.sqrt(v), scale=np.exp(m)).logpdf(x)),
    "log_bernoulli": ((COUNT % 2, UNIT), lambda x, p: st.bernoulli(p).logpmf(x)),
    "log_poisson": ((COUNT, SHAPE), lambda x, r: st.poisson(r).logpmf(x)),
    "log_exponential": ((POSITIVE, SCALE), lambda x, s: st.expon(scale=s).logpdf(x)),
    "log_gamma": ((POSITIVE, SHAPE, SCALE), lambda x, a, s: st.gamma(a, scale=s).logpdf(x)),
    "log_student_t": ((REAL, SHAPE, SCALE, 2.5), lambda x, m, s, df: st.t(df, m, s).logpdf(x)),
    "log_beta": ((UNIT, SHAPE, SCALE), lambda x, a, b: st.beta(a, b).logpdf(x)),
    "log_laplace": ((REAL, SHAPE, SCALE), lambda x, m, s: st.laplace(m, s).logpdf(x)),
    "log_negative_binomial": (
        (COUNT, REAL, SCALE),
        lambda x, log_m, a: st.nbinom(1.0 / a, 1.0 / (1.0 + a * np.exp(log_m))).logpmf(x),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_values_are_scipys(name):
    args, expected = TABLE[name]
    assert_allclose(getattr(maths, name)(*(jnp.asarray(a) if np.ndim(a) else a for a in args)), expected(*args))
    single = getattr(maths, name)(*(jnp.asarray(a, jnp.float32) if np.ndim(a) else a for a in args))
    assert single.dtype == jnp.float32
    assert_allclose(single, expected(*args), rtol=1e-4, atol=1e-5)


def test_every_log_density_is_in_the_table():
    public = {name for name in vars(maths) if name.startswith("log_")}
    assert public - {"log_multivariate_normal"} == set(TABLE)


def test_multivariate_normal_is_scipys():
    A = rng.normal(size=(3, 3))
    S = A @ A.T + np.eye(3)
    x, m = rng.normal(size=(3, 4)), rng.normal(size=(3, 1))
    L = jnp.linalg.cholesky(S)
    expected = st.multivariate_normal(m[:, 0], S).logpdf(x.T)
    assert_allclose(maths.log_multivariate_normal(jnp.asarray(x), jnp.asarray(m), L), expected)


def test_no_counts_at_rate_zero_are_certain():
    assert maths.log_poisson(jnp.array(0.0), jnp.array(0.0)) == 0.0


def test_ends_of_a_beta_distribution_are_moved_inside():
    at_ends = maths.log_beta(jnp.array([0.0, 1.0]), 0.5, 0.5)
    assert_allclose(at_ends, st.beta(0.5, 0.5).logpdf([1e-6, 1.0 - 1e-6]), rtol=1e-9)
