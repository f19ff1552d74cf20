"""L-BFGS and its line search: on known functions, against SciPy's, and in the program that it compiles to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose

import gparams as gp
from gparams.fitting._lbfgs import _run, _start
from gparams.fitting._line_search import search
from gparams.fitting._problem import make_problem

LBFGS = gp.fitting.LBFGS


def look(f, most=25, noise=0.0):
    """Search from 0 down a function of one number; how far it went, its value and slope there, and what was tried."""
    tried = []

    def evaluate(t):
        jax.debug.callback(lambda t: tried.append(float(t)), t)
        value, slope = jax.value_and_grad(f)(t)
        return value, slope[None]

    value, slope = jax.value_and_grad(f)(0.0)
    direction = -jnp.sign(slope)[None]
    line = lambda t: evaluate(t * direction[0])  # noqa: E731
    point, grad, finite = search(
        line, direction, value, slope[None], noise=jnp.asarray(noise), most=most, here=jnp.asarray(False)
    )
    jax.effects_barrier()
    assert_allclose(point.slope, grad[0] * direction[0])
    assert_allclose(point.value, f(point.step * direction[0]), atol=noise)
    return point, tried, bool(finite)


@pytest.mark.parametrize("bad", [{"max_steps": -1}, {"memory": 0}, {"max_line_search_steps": 0}, {"every": 0}])
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match=f"LBFGS: expected .*{next(iter(bad))}"):
        LBFGS(**bad)
    assert gp.fit(gp.Parameter(1.0), lambda p: p**2, solver=LBFGS(max_steps=0)).loss == 1.0


LINES = {
    "near": lambda t: (t - 0.5) ** 2,
    "far": lambda t: (t - 1e4) ** 2,
    "very near": lambda t: (t - 1e-6) ** 2,
    "quartic": lambda t: (t - 3.0) ** 4,
    "two minima": lambda t: jnp.cos(3.0 * t) + 0.1 * t,
    "flat, then steep": lambda t: jnp.exp(5.0 * (t - 2.0)) - 0.01 * t,
    "a wall": lambda t: t + jnp.where(t < 0.0, jnp.nan, 0.0) - 20.0 * jnp.log1p(t),
    "a barrier": lambda t: -0.1 * jnp.log(1.1 - t) - t,
}


@pytest.mark.parametrize("name", LINES)
def test_a_step_meets_the_strong_wolfe_conditions(name):
    f = LINES[name]
    value, slope = jax.value_and_grad(f)(0.0)
    point, tried, finite = look(f)
    assert finite and point.step > 0.0 and len(tried) <= 12
    down = -abs(slope)
    assert point.value <= value + 1e-4 * point.step * down
    assert abs(point.slope) <= 0.9 * abs(down)
    assert (
        tried[0] == -jnp.sign(slope) and tried[-1] == -jnp.sign(slope) * point.step
    )  # none after the one that will do


def test_the_search_backs_off_from_what_is_not_finite():
    point, tried, finite = look(lambda t: jnp.where(t < 0.03, (t - 0.02) ** 2, jnp.nan))
    assert finite and 0.0 < point.step < 0.03
    assert sum(t >= 0.03 for t in tried) == len(tried) - 1


def test_the_search_ends_where_there_is_nothing():
    point, tried, finite = look(lambda t: jnp.where(t == 0.0, -t, jnp.nan), most=9)
    assert point.step == 0.0 and not finite and len(tried) == 9
    # A slope that promises a fall that never comes: it stops when what is left would not show.
    point, tried, finite = look(lambda t: 5.0 + 1e-3 * jnp.abs(t) - 2e-3 * jnp.where(t == 0.0, t, 0.0), most=40)
    assert point.step == 0.0 and finite and len(tried) < 25


def test_where_rounding_hides_the_fall_the_slope_decides():
    # Ten digits are lost to a constant: no step shows a fall, and the minimum of the slope is found all the same.
    f = lambda t: (1e10 + (t - 0.9) ** 2 * 1e-7) - 1e10  # noqa: E731
    point, _, _ = look(f, noise=1e-5)
    assert abs(point.slope) <= 0.9 * 1.8e-7 and 0.05 < point.step < 1.8


@pytest.mark.parametrize("n", [2, 6])
def test_rosenbrock(n):
    x0 = np.tile([-1.2, 1.0], n // 2)
    result = gp.fit(gp.Parameter(x0), lambda p: jnp.sum(100.0 * (p[1:] - p[:-1] ** 2) ** 2 + (1.0 - p[:-1]) ** 2))
    assert result.converged
    assert_allclose(result.model.value, 1.0, rtol=1e-5)
    theirs = scipy.optimize.minimize(
        scipy.optimize.rosen, x0, jac=scipy.optimize.rosen_der, method="L-BFGS-B", options={"gtol": 1e-5}
    )
    assert result.steps <= 1.5 * theirs.nit


def test_numbers_that_have_far_to_travel():
    # Variances have to come to 1e12, and on the way there the loss stops falling once: in units that no longer fit.
    rng = np.random.default_rng(0)
    X = rng.uniform(0.0, 5.0, (60, 1))
    Y = np.sin(2.0 * X) + 0.1 * rng.normal(size=(60, 1))
    near, far = (
        gp.fit(gp.models.GPR((X, scale * Y), gp.kernels.SquaredExponential(), noise_variance=1.0))
        for scale in (1.0, 1e6)
    )
    assert near.converged and far.converged
    assert_allclose(far.loss, near.loss + 60 * np.log(1e6), atol=1e-5)


def test_the_loss_stands_once_in_the_program():
    solver, problem = LBFGS(), make_problem(gp.Parameter(np.ones(3)), lambda p: jnp.sum(jax.lax.erf_inv(p * 0.1)), None)
    text = _run.lower(solver, problem, _start(solver, problem), np.asarray(5)).as_text()
    once = jax.jit(jax.value_and_grad(problem)).lower(problem.vector()).as_text()
    assert text.count("erf_inv") == once.count("erf_inv") > 0


def test_float32_and_strict_promotion():
    with jax.numpy_dtype_promotion("strict"):
        model = gp.Parameter(np.float32([4.0, 5.0]))
        result = gp.fit(model, lambda p: jnp.sum((p.value - jnp.float32(1.0)) ** 2))
    assert result.model.unconstrained.dtype == jnp.float32
    assert_allclose(result.model.value, 1.0, atol=1e-4)
