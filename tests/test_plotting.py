"""Pictures hold what they say: the numbers of their artists, the labels, and errors where there is nothing to draw."""

import sys

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from scipy.stats import norm

import gparams as gp
from gparams import plotting

X = np.linspace(0.0, 6.0, 12)[:, None]
Xnew = np.linspace(-1.0, 7.0, 25)[:, None]


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def model():
    return gp.models.GPR((X, np.sin(X)), kernel=gp.kernels.SquaredExponential(), noise_variance=0.01)


def labels(ax):
    return ax.get_legend_handles_labels()[1]


def artist(ax, label):
    handles, names = ax.get_legend_handles_labels()
    return handles[names.index(label)]


def band(ax, label):
    """Lower and upper edge of a filled band."""
    vertices = artist(ax, label).get_paths()[0].vertices
    n = (len(vertices) - 3) // 2
    return vertices[1 : n + 1, 1], vertices[n + 2 : 2 * n + 2, 1][::-1]


# ---- processes


def test_process_shows_mean_band_and_data(model):
    ax = plotting.plot_gp(model, Xnew, level=0.9)
    mean, var = (np.asarray(a)[:, 0] for a in model.predict_f(Xnew))
    np.testing.assert_allclose(artist(ax, "mean").get_xydata(), np.stack([Xnew[:, 0], mean], 1))
    low, high = band(ax, "90 %")
    np.testing.assert_allclose(low, mean - norm.ppf(0.95) * np.sqrt(var))
    np.testing.assert_allclose(high, mean + norm.ppf(0.95) * np.sqrt(var))
    np.testing.assert_allclose(artist(ax, "data").get_xydata(), np.concatenate([X, np.sin(X)], 1))
    assert "data" not in labels(plotting.plot_gp(model, data=False))
    ax = plotting.plot_gp(model, Xnew, data=(X[:3], X[:3, 0]))
    np.testing.assert_allclose(artist(ax, "data").get_xydata(), X[:3].repeat(2, 1))


def test_process_without_inputs_goes_a_tenth_beyond_the_data(model):
    x = artist(plotting.plot_gp(model), "mean").get_xdata()
    np.testing.assert_allclose([x.min(), x.max(), len(x)], [-0.6, 6.6, 300])


def test_process_draws_into_given_axes_with_own_label_and_colour(model):
    _, (left, right) = plt.subplots(1, 2)
    assert plotting.plot_gp(model, Xnew, ax=right, color="red", label="a sine") is right
    assert not left.has_data()
    assert artist(right, "a sine").get_color() == "red"


def test_band_of_observations_holds_the_noise(model):
    ax = plotting.plot_gp(model, Xnew, observations=True)
    low, high = band(ax, "95 % of observations")
    _, var = model.predict_y(Xnew)
    np.testing.assert_allclose(high - low, 2 * norm.ppf(0.975) * np.sqrt(var[:, 0]))


def test_samples_are_those_of_the_model(model, key):
    ax = plotting.plot_gp(model, Xnew, num_samples=3, key=key)
    thin = [line for line in ax.lines if line.get_linewidth() < 1.0]
    expected = model.predict_f_samples(Xnew, 3, key=key)[:, :, 0]
    np.testing.assert_allclose([line.get_ydata() for line in thin], expected)
    assert labels(ax).count("samples") == 1


def test_inverse_link_moves_line_band_and_samples(model, key):
    plain = plotting.plot_gp(model, Xnew, num_samples=2, key=key)
    rate = plotting.plot_gp(model, Xnew, num_samples=2, key=key, invlink=jnp.exp)
    np.testing.assert_allclose(artist(rate, "median").get_ydata(), np.exp(artist(plain, "mean").get_ydata()))
    for edge, straight in zip(band(rate, "95 %"), band(plain, "95 %"), strict=True):
        np.testing.assert_allclose(edge, np.exp(straight))
    np.testing.assert_allclose(artist(rate, "samples").get_ydata(), np.exp(artist(plain, "samples").get_ydata()))


def test_inducing_points_are_marked(model):
    Z = X[::4]
    sparse = gp.models.SGPR(model.data, kernel=gp.kernels.SquaredExponential(), inducing_variable=Z)
    np.testing.assert_allclose(artist(plotting.plot_gp(sparse, Xnew), "inducing points").get_xdata(), Z[:, 0])
    assert "inducing points" not in labels(plotting.plot_gp(sparse, Xnew, inducing=False))
    shared = gp.inducing_variables.SharedIndependentInducingVariables(gp.inducing_variables.InducingPoints(Z))
    kernel = gp.kernels.SharedIndependent(gp.kernels.SquaredExponential(), output_dim=2)
    several = gp.models.SVGP(kernel, gp.likelihoods.Gaussian(), shared)
    ax = plotting.plot_gp(several, Xnew, output=1)
    assert labels(ax) == ["95 %", "mean", "inducing points"]


def test_output_and_column_pick(key):
    inputs = np.concatenate([np.zeros_like(X), X], 1)
    Y = np.concatenate([np.sin(X), 5.0 + np.cos(X)], 1)
    model = gp.models.GPR((inputs, Y), kernel=gp.kernels.SquaredExponential(), noise_variance=0.01)
    ax = plotting.plot_gp(model, inputs, column=1, output=1)
    np.testing.assert_allclose(artist(ax, "data").get_xydata(), np.stack([X[:, 0], Y[:, 1]], 1))
    np.testing.assert_allclose(artist(ax, "mean").get_ydata(), model.predict_f(inputs)[0][:, 1])
    with pytest.raises(ValueError, match="has 2 inputs; give Xnew="):
        plotting.plot_gp(model)


def test_posterior_can_be_drawn(model):
    ax = plotting.plot_gp(model.posterior(), Xnew, data=model.data)
    np.testing.assert_allclose(artist(ax, "mean").get_ydata(), model.predict_f(Xnew)[0][:, 0])
    with pytest.raises(TypeError, match="neither a likelihood nor samples"):
        plotting.plot_gp(model.posterior(), Xnew, observations=True)


def test_process_refuses_what_it_cannot_draw(model):
    sparse = gp.models.SVGP(gp.kernels.SquaredExponential(), gp.likelihoods.Gaussian(), X[::4])
    with pytest.raises(ValueError, match="holds no data; give Xnew="):
        plotting.plot_gp(sparse)
    with pytest.raises(ValueError, match="between 0 and 1, got 95.0"):
        plotting.plot_gp(model, level=95.0)
    with pytest.raises(ValueError, match="give key="):
        plotting.plot_gp(model, num_samples=2)
    with pytest.raises(TypeError, match="expected a model or a posterior, got SquaredExponential"):
        plotting.plot_gp(gp.kernels.SquaredExponential())


# ---- losses


def test_history_of_one_fit():
    result = gp.fit(gp.Parameter(1.0), lambda p: (p - 3.0) ** 2)
    ax = plotting.plot_history(result)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), result.history)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend()) == ("step", "loss", None)


def test_histories_of_several_fits_share_a_lowest():
    histories = {"fast": [5.0, 1.0, -2.0], "slow": np.array([5.0, 4.0, 3.0, 2.0])}
    ax = plotting.plot_history(histories, gap=True, lw=3)
    fast, slow = ax.lines
    np.testing.assert_array_equal(fast.get_ydata(), [7.0, 3.0, np.nan])
    np.testing.assert_array_equal(slow.get_ydata(), [7.0, 6.0, 5.0, 4.0])
    assert ax.get_yscale() == "log" and fast.get_linewidth() == 3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["fast", "slow"]
    assert fast.get_color() != slow.get_color()


def test_history_takes_lists_and_labels():
    one, two = [3.0, 2.0], [3.0, 1.0]
    assert len(plotting.plot_history(one).lines) == 1
    assert [line.get_label() for line in plotting.plot_history([one, two]).lines] == ["fit 0", "fit 1"]
    assert [line.get_label() for line in plotting.plot_history([one, two], labels=["a", "b"]).lines] == ["a", "b"]
    with pytest.raises(ValueError, match="expected 2 labels, one a fit, got 1"):
        plotting.plot_history([one, two], labels=["a"])
    for none in ({}, []):
        with pytest.raises(ValueError, match="one fit at least"):
            plotting.plot_history(none)
    with pytest.raises(TypeError, match="vector of losses, got SquaredExponential"):
        plotting.plot_history(gp.kernels.SquaredExponential())


# ---- parameters


def test_parameters_have_a_bar_each_and_grey_where_frozen():
    kernel = gp.kernels.SquaredExponential(variance=2.0, lengthscales=[0.5, 1.0, 3.0])
    kernel = gp.set_trainable(kernel.at.lengthscales[1], False)
    scalars, vector = plotting.plot_parameters(kernel)
    assert [bar.get_width() for bar in scalars.patches] == [2.0]
    np.testing.assert_allclose([bar.get_width() for bar in vector.patches[:3]], [0.5, 1.0, 3.0])
    colours = [bar.get_facecolor() for bar in vector.patches[:3]]
    assert colours[0] == colours[2] != colours[1]
    assert (scalars.get_title(), vector.get_title()) == ("scalars", "lengthscales")
    assert labels(vector) == ["trainable", "frozen"]


def test_parameters_of_two_axes_and_more_are_heat_maps():
    tree = {"W": gp.Parameter([[1.0, -4.0]]), "roots": gp.Parameter(np.ones((2, 3, 3)), trainable=False)}
    W, roots = plotting.plot_parameters(tree)
    assert W.images[0].get_clim() == (-4.0, 4.0)
    np.testing.assert_array_equal(W.images[0].get_array(), [[1.0, -4.0]])
    assert roots.images[0].get_array().shape == (6, 3)
    assert [text.get_text() for text in W.texts] == ["1", "-4"]
    assert W.get_title() == "['W']" and roots.get_title() == "['roots'] (frozen)"


def test_frozen_elements_of_a_matrix_are_crossed_out():
    tree = gp.set_trainable(gp.at({"W": gp.Parameter(np.ones((2, 2)))})["W"][0], False)
    (ax,) = plotting.plot_parameters(tree)
    assert ax.get_title() == "['W'] (2 of 4 frozen)"
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0, 0], [1, 0]])


def test_parameters_at_a_place_go_into_given_axes():
    kernel = gp.kernels.SquaredExponential(lengthscales=[1.0, 200.0])
    _, ax = plt.subplots()
    axes = plotting.plot_parameters(kernel.at.lengthscales, ax=ax)
    assert axes[0] is ax and ax.get_xscale() == "log"
    with pytest.raises(ValueError, match=r"axes for 2 panels \(scalars, lengthscales\), got 1"):
        plotting.plot_parameters(kernel, ax=ax)
    with pytest.raises(ValueError, match="no Parameter at or below this Zero"):
        plotting.plot_parameters(gp.mean_functions.Zero())


# ---- kernels


def test_slice_of_a_kernel():
    kernel = gp.kernels.Matern32(variance=2.0)
    ax = plotting.plot_kernel(kernel, Xnew, at=1.5, label="Matérn")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), kernel(Xnew, np.array([[1.5]]))[:, 0])
    assert (ax.get_ylabel(), labels(ax)) == ("k(x, 1.5)", ["Matérn"])
    assert plotting.plot_kernel(kernel, Xnew).get_ylabel() == "k(x, 3)"  # the middle row


def test_matrix_of_a_kernel():
    kernel = gp.kernels.Matern32()
    ax = plotting.plot_kernel(kernel, Xnew, show="matrix")
    np.testing.assert_allclose(ax.images[0].get_array(), kernel(Xnew))
    assert ax.images[0].get_extent() == [-1.0, 7.0, 7.0, -1.0]


def test_samples_of_a_kernel_have_its_variance(key):
    kernel = gp.kernels.SquaredExponential(variance=4.0)
    ax = plotting.plot_kernel(kernel, Xnew, show="samples", num_samples=400, key=key)
    draws = np.asarray([line.get_ydata() for line in ax.lines])
    assert draws.shape == (400, len(Xnew))
    np.testing.assert_allclose(np.mean(draws**2), 4.0, rtol=0.1)
    np.testing.assert_allclose(np.mean(draws[:, 0] * draws[:, 3]), kernel(Xnew)[0, 3], atol=0.6)


def test_kernel_refuses_what_it_cannot_draw():
    kernel = gp.kernels.SquaredExponential()
    with pytest.raises(ValueError, match="expected show to be 'slice', 'matrix' or 'samples', got 'sample'"):
        plotting.plot_kernel(kernel, show="sample")
    with pytest.raises(ValueError, match="give key="):
        plotting.plot_kernel(kernel, show="samples")
    with pytest.raises(TypeError, match="has several outputs; draw its latent_kernels"):
        plotting.plot_kernel(gp.kernels.SharedIndependent(kernel, 2))
    with pytest.raises(TypeError, match="expected a kernel, got float"):
        plotting.plot_kernel(1.0)


def test_float32_goes_through(key):
    kernel = gp.kernels.SquaredExponential(jnp.float32(1.0), jnp.float32(1.0))
    ax = plotting.plot_kernel(kernel, Xnew.astype(np.float32), show="samples", key=key)
    assert ax.lines[0].get_ydata().dtype == np.float32
    assert isinstance(ax, Axes)


def test_colours_differ_in_brightness_as_well():
    brightness = [jnp.dot(jnp.array([0.299, 0.587, 0.114]), jnp.array(plt.matplotlib.colors.to_rgb(c)))
                  for c in plotting.COLORS]  # fmt: skip
    assert len({round(float(b), 2) for b in brightness}) == len(plotting.COLORS)


def test_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "gparams\[plot\]"'):
        plotting.plot_kernel(gp.kernels.SquaredExponential())
