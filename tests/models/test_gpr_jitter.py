"""A covariance that can't be factorised: jitter only where it is needed, and messages that name the cause."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import MODELS, positive
from numpy.testing import assert_allclose

import gparams as gp

GPR, SE = gp.models.GPR, gp.kernels.SquaredExponential
JitterWarning = gp.models.JitterWarning
X = np.linspace(0.0, 1.0, 6)[:, None]
Y = np.sin(X)
# Six times one input, and noise too small to be seen beside the kernel's variance.
REPEATED = GPR((np.zeros((6, 1)), Y), kernel=SE(1e14), noise_variance=2e-6)


class Indefinite(gp.kernels.Kernel):
    variance: gp.Parameter
    value: float

    def __init__(self, value):
        self.variance = positive(1.0)
        self.value = value

    def K(self, X, X2=None):
        columns = X.shape[0] if X2 is None else X2.shape[0]
        return jnp.full((X.shape[0], columns), self.value) - 2.0 * jnp.eye(X.shape[0], columns)

    def K_diag(self, X):
        return jnp.full(X.shape[0], self.value - 2.0)


def predictions(model, key):
    new = jnp.zeros((2, 1))
    return {
        "posterior": lambda: model.posterior(),
        "predict_f": lambda: model.predict_f(new),
        "predict_y": lambda: model.predict_y(new),
        "predict_log_density": lambda: model.predict_log_density((new, new)),
        "predict_f_samples": lambda: model.predict_f_samples(new, key=key),
        "sample_functions": lambda: model.sample_functions(1, key=key),
        "leave_one_out": lambda: model.leave_one_out(),
    }


USES = ["posterior", "predict_f", "predict_y", "predict_log_density", "predict_f_samples", "leave_one_out"]


def test_no_jitter_where_none_is_needed():
    for make in MODELS.values():
        model = make()
        if isinstance(model, GPR):
            assert model.jitter_used() == 0.0


def test_a_fit_reports_the_jitter_of_its_loss(key):
    model = gp.set_trainable([REPEATED.at.kernel.variance, REPEATED.at.likelihood.variance], False)
    said = "the covariance of the data has jitter of 1e+02 on its diagonal"
    assert gp.fit(model).message.endswith(said)
    assert gp.fit_restarts(model, num=2, key=key).messages[0].endswith(said)
    assert "jitter" not in gp.fit(MODELS["gpr"](), solver=gp.fitting.LBFGS(max_steps=1)).message


def test_jitter_is_that_much_more_noise():
    model = GPR((np.zeros((6, 1)), Y), kernel=SE(1e14), noise_variance=2e-6)
    amount = float(model.jitter_used())
    assert amount == pytest.approx(1e-12 * 1e14, rel=1e-6)
    noisier = GPR(model.data, kernel=SE(1e14), noise_variance=2e-6 + amount)
    assert noisier.jitter_used() == 0.0
    assert_allclose(model.training_loss(), noisier.training_loss(), rtol=1e-9)
    with pytest.warns(JitterWarning):
        mean, var = model.predict_f(X)
    assert np.isfinite(mean).all() and (np.asarray(var) >= 0.0).all()
    assert_allclose(mean, noisier.predict_f(X)[0], rtol=1e-6)
    gradient = gp.filter_grad(lambda m: m.training_loss())
    ours, theirs = gradient(model), gradient(noisier)
    for path in ("kernel.variance", "kernel.lengthscales"):
        assert_allclose(ours[path], theirs[path], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("use", USES)
def test_each_prediction_warns_and_says_why(use, key):
    with pytest.warns(JitterWarning) as seen:
        predictions(REPEATED, key)[use]()
    (warning,) = seen
    text = str(warning.message)
    assert text.startswith("jitter of 1e+02 was added to the covariance of the data")
    assert (
        "of SquaredExponential (kernel.variance = 1e+14, kernel.lengthscales = 1, likelihood.variance = 2e-06" in text
    )
    assert "rows 0 and 1 of X are equal (5 rows repeat another)" in text
    assert "merge repeated rows" in text


@pytest.mark.parametrize(
    ("dtype", "mend"), [("float32", "float64, or a jitter above -10"), ("float64", "a jitter above -10")]
)
def test_samples_that_can_not_be_drawn_say_what_to_try(dtype, mend, key):
    x = np.linspace(0.0, 1.0, 6, dtype=dtype)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gp.models.Float32Warning)
        model = GPR((x, x), kernel=SE(*np.ones(2, dtype)), noise_variance=np.ones((), dtype))
    with pytest.raises(np.linalg.LinAlgError, match=rf"at 6 inputs in {dtype}; try {mend}$"):
        model.predict_f_samples(x + 10, key=key, jitter=-10.0)


def test_the_mended_model_warns_no_more():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GPR(([[0.0]], [[1.0]]), kernel=SE(1e14), noise_variance=2e-6).predict_f(X)


def test_under_jit_nothing_is_said_and_the_amount_can_be_asked_for():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mean, amount = jax.jit(lambda m, x: (m.predict_f(x)[0], m.jitter_used()))(REPEATED, X)
    assert np.isfinite(mean).all()
    assert amount == REPEATED.jitter_used()


@pytest.mark.parametrize("use", USES)
def test_what_no_jitter_mends_is_an_error(use, key):
    model = GPR((X, Y), kernel=Indefinite(0.5), noise_variance=1.1)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite") as error:
        predictions(model, key)[use]()
    assert "of Indefinite (kernel.variance = 1, likelihood.variance = 1.1; float64)" in str(error.value)
    assert "the eigenvalue -2, so it is not a covariance" in str(error.value)
    assert not np.isfinite(model.training_loss())


def explanation(model):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            model.posterior()
        except np.linalg.LinAlgError as error:
            return str(error)
    return " ".join(str(w.message) for w in seen if w.category is JitterWarning)


COLUMNS = np.stack([np.linspace(0.0, 1.0, 6), np.repeat([0.0, 1.0], 3), np.linspace(5.0, 6.0, 6)], axis=1)


@pytest.mark.parametrize(
    "kernel",
    [SE(1e14, [1e6, 1.0, 1e6]), SE(1e14, active_dims=[1]), SE(1e7, active_dims=slice(1, 2)) * SE(1e7, active_dims=[1])],
    ids=["long elsewhere", "one column", "a product"],
)
def test_rows_may_be_equal_in_the_columns_that_matter(kernel):
    text = explanation(GPR((COLUMNS, Y), kernel=kernel, noise_variance=2e-6))
    assert "rows 0 and 1 of X are equal in column 1 (4 rows repeat another), and in the others the kernel" in text
    assert "bound those lengthscales" in text and "far above the spread of the inputs" not in text


def test_causes_are_told_apart():
    x = np.linspace(0.0, 1.0, 40)[:, None]
    smooth = explanation(GPR((x, x), kernel=SE(1e13, 1e5), noise_variance=1e-5))
    assert "kernel.lengthscales = 1e+05 is far above the spread of the inputs, 1" in smooth
    assert "gp.set_prior(model.at.kernel.lengthscales" in smooth
    assert "rows" not in smooth

    floor = explanation(GPR((x, x), kernel=SE(1e12, 0.5), noise_variance=1.001e-6))
    assert "the noise variance, 1e-06, is at its floor, 1e-06" in floor
    assert "far above" not in floor and "equal" not in floor

    small = explanation(GPR((x, x), kernel=SE(1e14, 0.5), noise_variance=1e-4))
    assert "the noise variance, 0.0001, is 1e-18 of the kernel's variance, near what float64 resolves" in small

    wide = np.hstack([1000.0 * x, x])
    each_far = explanation(GPR((wide, x), kernel=SE(1e13, [1e5, 1e2]), noise_variance=1e-5))
    assert "kernel.lengthscales = [1e+05, 100] is far above the spread of the inputs" in each_far
    sum_of_two = SE(1e13, 0.1, active_dims=[1]) + SE(1e13, 1e5, active_dims=[1])
    in_a_sum = explanation(GPR((wide, x), kernel=sum_of_two, noise_variance=1e-5))
    assert "kernel.kernels[1].lengthscales = 1e+05 is far above" in in_a_sum and "kernels[0].l" not in in_a_sum[200:]

    infinite = explanation(GPR((1e200 * x, x), kernel=gp.kernels.Polynomial(2.0)))
    assert "the kernel is not finite at row 1, [2.56" in infinite


def test_float32_has_its_own_amounts():
    x = np.linspace(0.0, 1.0, 100, dtype=np.float32)[:, None]
    with pytest.warns(gp.models.Float32Warning):
        model = GPR(
            (x, np.sin(x)),
            kernel=SE(positive(1.0, np.float32), positive(1.0, np.float32)),
            likelihood=gp.likelihoods.Gaussian(gp.Parameter(1.1e-6, transform=gp.positive(1e-6), dtype=np.float32)),
        )
    amount = model.jitter_used()
    assert amount.dtype == jnp.float32
    assert_allclose(amount, 1e-6, rtol=1e-2)
    with pytest.warns(JitterWarning, match="float32"):
        mean, var = model.predict_f(x)
    assert mean.dtype == var.dtype == jnp.float32
    assert_allclose(mean, np.sin(x), atol=1e-2)
    assert (np.asarray(var) >= 0.0).all()
    value, gradient = gp.filter_value_and_grad(lambda m: m.training_loss())(model)
    assert value.dtype == jnp.float32
    assert all(np.isfinite(g).all() and g.dtype == jnp.float32 for g in gradient.values())


@pytest.mark.parametrize("full_output_cov", [False, True])
def test_variances_are_never_negative_also_on_diagonals(full_output_cov):
    x = np.linspace(0.0, 1.0, 40)[:, None]
    model = GPR((x, np.hstack([np.sin(x), x])), kernel=SE(1e3), noise_variance=1.1e-6)
    var = np.asarray(model.predict_f(x, full_output_cov=full_output_cov)[1])
    cov = np.asarray(model.predict_f(x, full_cov=True, full_output_cov=full_output_cov)[1])
    if full_output_cov:
        var, cov = np.einsum("npp->np", var), np.einsum("npmp->pnm", cov)
    assert np.isfinite(cov).all()
    assert (var >= 0.0).all()
    assert (np.diagonal(cov, axis1=1, axis2=2) >= 0.0).all()


@pytest.mark.parametrize("target", [lambda x: 0.0 * x + 3.0, lambda x: x, np.sin], ids=["constant", "line", "sine"])
def test_samples_of_a_fit_without_noise(target):
    """What is left of the covariance is less than rounding of the prior's variance; GPflow draws such samples, too."""
    Z, Xnew = np.linspace(0.0, 6.0, 40)[:, None], np.linspace(-1.0, 7.0, 60)[:, None]
    model = gp.fit(gp.models.GPR((Z, target(Z)), gp.kernels.SquaredExponential())).model
    mean, variance = model.predict_f(Xnew)
    samples = np.asarray(model.predict_f_samples(Xnew, 200, key=jax.random.key(0)))
    assert np.isfinite(samples).all()
    # Jitter of at most 1e-6 of the prior's variance.
    width = np.sqrt(np.asarray(variance) + 1e-6 * float(model.kernel.variance))
    assert (np.abs(samples.mean(0) - mean) <= 0.5 * width).all()
    assert (samples.std(0) <= 1.5 * width).all()
