"""Missing observations: exactly the model without them, whatever is asked of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MODELS, data
from numpy.testing import assert_allclose

import gparams as gp
from gparams.maths import as_floating

X, Y = data(num_outputs=3)
Xnew = data(num_rows=4, seed=1)[0]
GAPS = {
    "none": (),
    "shared": ((0, (0, 1, 2)), (7, (0, 1, 2))),
    "mixed": ((0, (1,)), (3, (0, 2)), (4, (0, 2)), (10, (1,))),
}
each_gap = pytest.mark.parametrize("gaps", GAPS.values(), ids=GAPS)


def with_gaps(gaps):
    holes = Y.copy()
    for row, columns in gaps:
        holes[row, list(columns)] = np.nan
    return holes


def models(gaps, outputs=3):
    """The model with gaps, and one model an output with the rows dropped."""
    like = MODELS["gpr"]()
    mean = gp.mean_functions.Linear([[0.3], [-0.2]], [0.1])
    holes = with_gaps(gaps)
    whole = gp.models.GPR((X, holes), like.kernel, mean, likelihood=like.likelihood, allow_missing=True)
    dropped = []
    for p in range(outputs):
        keep = ~np.isnan(holes[:, p])
        pair = (X[keep], holes[keep, p])
        dropped.append(gp.models.GPR(pair, like.kernel, mean, likelihood=like.likelihood))
    return whole, dropped, holes


@each_gap
def test_value_and_gradient_are_those_without_the_rows(gaps):
    whole, dropped, _ = models(gaps)
    value, gradient = gp.filter_value_and_grad(lambda m: m.training_loss())(whole)
    expected_value = sum(float(d.training_loss()) for d in dropped)
    assert_allclose(value, expected_value, rtol=1e-11)
    totals = [gp.filter_grad(lambda m: m.training_loss())(d) for d in dropped]
    for path in gradient:
        assert np.isfinite(gradient[path]).all()
        assert_allclose(gradient[path], sum(np.asarray(t[path]) for t in totals), rtol=1e-9, atol=1e-10)


@each_gap
@pytest.mark.parametrize("full_cov", [False, True])
def test_predictions_are_those_without_the_rows(gaps, full_cov):
    whole, dropped, _ = models(gaps)
    mean, cov = whole.predict_f(Xnew, full_cov=full_cov)
    posterior = whole.posterior().predict_f(Xnew, full_cov=full_cov)
    for p, one in enumerate(dropped):
        expected_mean, expected_cov = one.predict_f(Xnew, full_cov=full_cov)
        for m, c in ((mean, cov), posterior):
            assert_allclose(m[:, p], expected_mean[:, 0], rtol=1e-10, atol=1e-12)
            assert_allclose(
                c[p] if full_cov else c[:, p], expected_cov[0] if full_cov else expected_cov[:, 0], rtol=1e-9
            )
    both = whole.predict_f(Xnew, full_cov=full_cov, full_output_cov=True)[1]
    diagonal = np.einsum("npmp->pnm", both) if full_cov else np.einsum("npp->np", both)
    assert_allclose(diagonal, cov, rtol=1e-12)


@each_gap
def test_leave_one_out_is_that_without_the_rows(gaps):
    whole, dropped, holes = models(gaps)
    report = whole.leave_one_out()
    for p, one in enumerate(dropped):
        seen = ~np.isnan(holes[:, p])
        for ours, theirs in zip(report, one.leave_one_out(), strict=True):
            assert_allclose(ours[seen, p], theirs[:, 0], rtol=1e-9, atol=1e-11)
            assert np.isnan(np.asarray(ours)[~seen, p]).all()
    objective, gradient = gp.filter_value_and_grad(lambda m: m.leave_one_out_objective())(whole)
    assert_allclose(objective, sum(float(one.leave_one_out_objective()) for one in dropped), rtol=1e-10)
    totals = [gp.filter_grad(lambda m: m.leave_one_out_objective())(d) for d in dropped]
    for path in gradient:
        assert_allclose(gradient[path], sum(np.asarray(t[path]) for t in totals), rtol=1e-8, atol=1e-9)


def test_fits_and_samples(key):
    whole, _, holes = models(GAPS["mixed"])
    result = gp.fit(whole)
    assert result.converged and np.isfinite(result.loss)
    f = result.model.sample_functions(2, key=key)
    assert f(Xnew).shape == (2, 4, 3)
    # A function passes near the observations that were made.
    seen = ~np.isnan(holes)
    noise = float(result.model.likelihood.variance.value) ** 0.5
    assert np.abs(np.asarray(f(X))[:, seen] - holes[seen]).max() < 6.0 * noise
    assert np.isfinite(f(X)).all()


def test_columns_with_one_pattern_share_a_factor():
    whole, _, _ = models(GAPS["mixed"])
    assert whole.patterns == ((0, 2), (1,))
    assert whole.posterior().L.shape == (3, 11, 11)
    assert models(GAPS["shared"])[0].posterior().L.shape == (11, 11)


def test_shapes_under_jit_do_not_depend_on_what_is_missing():
    traces = []

    @jax.jit
    def loss(Y):
        traces.append(1)
        return gp.models.GPR((X, Y), MODELS["gpr"]().kernel, allow_missing=True).training_loss()

    values = [loss(jnp.asarray(with_gaps(gaps))) for gaps in GAPS.values()]
    assert len(traces) == 1
    for value, gaps in zip(values, GAPS.values(), strict=True):
        model = gp.models.GPR((X, with_gaps(gaps)), MODELS["gpr"]().kernel, allow_missing=True)
        assert_allclose(value, model.training_loss(), rtol=1e-11)


def test_an_output_without_observations_is_the_prior():
    holes = Y.copy()
    holes[:, 1] = np.nan
    model = gp.models.GPR((X, holes), MODELS["gpr"]().kernel, allow_missing=True)
    mean, var = model.predict_f(Xnew)
    assert_allclose(mean[:, 1], 0.0, atol=1e-12)
    assert_allclose(var[:, 1], 1.3, rtol=1e-12)
    without = gp.models.GPR((X, Y[:, [0, 2]]), MODELS["gpr"]().kernel)
    assert_allclose(model.training_loss(), without.training_loss(), rtol=1e-11)


def test_is_asked_for_by_name():
    holes = with_gaps(GAPS["mixed"])
    with pytest.raises(ValueError, match=r"Y: row 0 is .*allow_missing=True"):
        gp.models.GPR((X, holes), MODELS["gpr"]().kernel)
    holes[5, 1] = np.inf
    with pytest.raises(ValueError, match="Y: row 5 is"):
        gp.models.GPR((X, holes), MODELS["gpr"]().kernel, allow_missing=True)
    bad = X.copy()
    bad[2, 0] = np.nan
    with pytest.raises(ValueError, match="X: row 2 is"):
        gp.models.GPR((bad, Y), MODELS["gpr"]().kernel, allow_missing=True)


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_what_a_masked_array_hides_is_missing(dtype):
    whole = np.round(4.0 * Y).astype(dtype)
    hidden = np.zeros(Y.shape, bool)
    hidden[3, 1] = hidden[5] = True
    kernel = gp.kernels.SquaredExponential()

    def loss(Y, **options):
        return gp.models.GPR((X, Y), kernel, **options).training_loss()

    expected = loss(np.where(hidden, np.nan, whole), allow_missing=True)
    assert np.isfinite(expected)
    assert loss(np.ma.array(whole, mask=hidden), allow_missing=True) == expected
    assert loss(np.ma.array(whole)) == loss(whole)
    with pytest.raises(ValueError, match="Y.*allow_missing"):
        loss(np.ma.array(whole, mask=hidden))
    with pytest.raises(ValueError, match=r"X: row 1 is \[ *nan"):
        gp.models.GPR((np.ma.array(X, mask=np.eye(*X.shape, k=-1, dtype=bool)), Y), kernel)


def test_a_masked_array_keeps_its_precision():
    array = as_floating(np.ma.array(np.ones(3, np.float32), mask=[False, True, False]), "Y")
    assert array.dtype == np.float32
    assert np.array_equal(array, [1.0, np.nan, 1.0], equal_nan=True)
