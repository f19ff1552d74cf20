"""Tables of what the library has, each an id and a maker. The conformance suites run over the whole of them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from tensorflow_probability.substrates.jax import bijectors as tfb
from tensorflow_probability.substrates.jax import distributions as tfd

import gparams as gp

NUM_COLUMNS = 3  # of the inputs that every kernel in the table can read
NUM_LABELS = 3


def positive(value, dtype=None):
    return gp.Parameter(value, transform=gp.positive(), dtype=dtype)


def _stationary(kind, variance=1.3, lengthscales=0.8, active_dims=None):
    def make(dtype=None):
        return kind(positive(variance, dtype), positive(lengthscales, dtype), active_dims=active_dims)

    return make


def _periodic(kind, lengthscales=0.9, period=1.7, active_dims=None):
    def make(dtype=None):
        return gp.kernels.Periodic(_stationary(kind, 0.7, lengthscales, active_dims)(dtype), positive(period, dtype))

    return make


def _with(kind, **values):
    def make(dtype=None):
        return kind(**{name: positive(value, dtype) for name, value in values.items()})

    return make


def _arc_cosine(order):
    def make(dtype=None):
        values = (positive(v, dtype) for v in (1.2, [0.4, 1.1, 2.3], 0.5))
        return gp.kernels.ArcCosine(order, *values)

    return make


def _in(dtype, kernel):
    """The kernel with its Parameters in another precision, for classes that make their own."""
    for path, p in gp.parameter_dict(kernel).items():
        again = gp.Parameter(p.value, transform=p.transform, trainable=p.trainable, dtype=dtype)
        kernel = gp.replace(gp.at(kernel, path), again)
    return kernel


_SE, _M12, _M32, _M52 = (
    gp.kernels.SquaredExponential,
    gp.kernels.Matern12,
    gp.kernels.Matern32,
    gp.kernels.Matern52,
)
_ARD = [0.5, 1.1, 2.3]


class Widening(eqx.Module):
    """Lengthscales that grow with the distance from the origin: one for each column, or for all."""

    start: gp.Parameter
    slope: gp.Parameter

    def __call__(self, X):
        slope = self.slope.value.reshape((1,) * (X.ndim - 1) + (-1,))
        return jnp.sqrt(self.start.value**2 + (slope * X[..., : self.slope.size]) ** 2)


def _gibbs(start, slope):
    def make(dtype=None):
        return gp.kernels.GibbsKernel(Widening(positive(start, dtype), positive(slope, dtype)), positive(1.3, dtype))

    return make


def _deep(kind, **kwargs):
    def make(dtype=None):
        key = jax.random.key(5)
        network = eqx.nn.MLP(NUM_COLUMNS, 2, 4, depth=1, activation=jnp.tanh, key=key)
        network = jax.tree.map(lambda x: x.astype(dtype) if eqx.is_array(x) and dtype else x, network)
        return gp.kernels.DeepKernel(_stationary(kind, **kwargs)(dtype), network)

    return make


def _coregion(rank, active_dims):
    def make(dtype=None):
        kernel = gp.kernels.Coregion(NUM_LABELS, rank, active_dims=active_dims)
        W = np.random.default_rng(4).normal(size=(NUM_LABELS, rank))
        return _in(dtype, gp.multiple_assign(kernel, {"W": W, "kappa": [0.2, 1.4, 0.7]}))

    return make


def _categorical(sliced, first, second):
    def make(dtype=None):
        kernels = _stationary(_M52, active_dims=first)(dtype), _stationary(_SE, active_dims=second)(dtype)
        kernel = gp.kernels.Categorical(*kernels, NUM_LABELS, sliced=sliced)
        return gp.assign(kernel.at._Z_deltas, [[0.8], [-1.7]])

    return make


def _change_points(locations, steepness, switch_dim):
    def make(dtype=None):
        kernels = [_stationary(_SE)(dtype), _periodic(_SE)(dtype), _stationary(_M32, 0.6, 1.9)(dtype)]
        where = gp.Parameter(locations, dtype=dtype), positive(steepness, dtype)
        return gp.kernels.ChangePoints(kernels[: len(locations) + 1], *where, switch_dim=switch_dim)

    return make


def _convolutional(base, image_shape, patch_shape, weights=None, colours=1):
    def make(dtype=None):
        w = None if weights is None else gp.Parameter(weights, dtype=dtype)
        return _in(dtype, gp.kernels.Convolutional(base(dtype), image_shape, patch_shape, w, colours))

    return make


def _hierarchical(kind, *columns):
    """Features in the first two columns, the first of them conditional or not, and conditions on the third."""

    def make(dtype=None):
        condition = gp.kernels.ActivityCondition({2: 0})
        nodes = [gp.kernels.HierarchyNode("always", [0], [[-2.0, 2.0]], *columns)]
        nodes.append(gp.kernels.HierarchyNode("at times", [1], [[-2.0, 3.0]], condition))
        return _in(dtype, kind(nodes, _stationary(_SE)(), active_dims=[0, 1, 2]))

    return make


TRANSFORMS = {
    "identity": lambda: None,
    "softplus": gp.positive,
    "softplus-lower": lambda: gp.positive(lower=1e-3),
    "exp": lambda: gp.positive(base="exp"),
    "bounded": lambda: gp.bounded(0.0, 4.0),
    "chain": lambda: tfb.Chain([tfb.Scale(np.float64(2.0)), tfb.Exp()]),
}

PRIORS = {
    "gamma": lambda: tfd.Gamma(np.float64(2.0), np.float64(3.0)),
    "lognormal": lambda: tfd.LogNormal(np.float64(0.0), np.float64(1.0)),
    "normal": lambda: tfd.Normal(np.float64(0.0), np.float64(1.0)),
    "exponential": lambda: tfd.Exponential(np.float64(1.5)),
}

# Makers take the dtype of the Parameters.
KERNELS = {
    "se": _stationary(_SE),
    "se-ard": _stationary(_SE, lengthscales=_ARD),
    "se-list": _stationary(_SE, lengthscales=[0.6, 1.4], active_dims=[2, 0]),
    "se-slice": _stationary(_SE, lengthscales=[0.6, 1.4], active_dims=slice(1, 3)),
    "matern12": _stationary(_M12),
    "matern12-ard": _stationary(_M12, lengthscales=_ARD),
    "matern32": _stationary(_M32),
    "matern32-list": _stationary(_M32, active_dims=[1]),
    "matern52": _stationary(_M52),
    "matern52-ard": _stationary(_M52, lengthscales=_ARD),
    "periodic-se": _periodic(_SE),
    "periodic-se-ard": _periodic(_SE, lengthscales=_ARD, period=[1.7, 2.9, 4.1]),
    "periodic-matern32": _periodic(_M32, active_dims=[0, 2]),
    "exponential": _stationary(gp.kernels.Exponential),
    "exponential-ard": _stationary(gp.kernels.Exponential, lengthscales=_ARD),
    "rational-quadratic": _with(gp.kernels.RationalQuadratic, variance=1.3, lengthscales=_ARD, alpha=1.7),
    "periodic-rational-quadratic": lambda dtype=None: gp.kernels.Periodic(
        _with(gp.kernels.RationalQuadratic, variance=1.3, lengthscales=0.7, alpha=0.9)(dtype), positive(1.7, dtype)
    ),
    "cosine": _with(gp.kernels.Cosine, variance=1.3, lengthscales=0.8),
    "cosine-ard": lambda dtype=None: gp.kernels.Cosine(
        positive(1.3, dtype), gp.Parameter([0.5, -1.1, 2.3], dtype=dtype)
    ),
    "linear": _with(gp.kernels.Linear, variance=0.6),
    "linear-ard": _with(gp.kernels.Linear, variance=_ARD),
    "polynomial": _with(gp.kernels.Polynomial, variance=0.3, offset=1.2),
    "polynomial-2": lambda dtype=None: gp.kernels.Polynomial(2.0, positive(_ARD, dtype), positive(0.7, dtype)),
    "constant": _with(gp.kernels.Constant, variance=0.7),
    "white": _with(gp.kernels.White, variance=0.4),
    "arc-cosine-0": _arc_cosine(0),
    "arc-cosine-1": _arc_cosine(1),
    "arc-cosine-2": _arc_cosine(2),
    "sum": lambda dtype=None: _stationary(_SE, active_dims=[0])(dtype) + _stationary(_M32, active_dims=[1, 2])(dtype),
    "product": lambda dtype=None: _stationary(_M52)(dtype) * _periodic(_SE, active_dims=[1])(dtype),
    "sum-of-products": lambda dtype=None: (
        _stationary(_SE)(dtype) * _stationary(_M12)(dtype) + _stationary(_M32)(dtype) * _stationary(_M52)(dtype)
    ),
    "scaled": lambda dtype=None: 2.5 * _stationary(_M52)(dtype),
    "scaled-parameter": lambda dtype=None: _stationary(_SE)(dtype) * positive(0.3, dtype),
    "coregion": _coregion(2, [-1]),
    "coregion-product": lambda dtype=None: _stationary(_SE, active_dims=[0, 1])(dtype) * _coregion(1, [2])(dtype),
    "categorical": _categorical(False, None, None),
    "categorical-sliced": _categorical(True, [0, 1], [2]),
    "change-points": _change_points([0.3], 2.5, 0),
    "change-points-2": _change_points([0.9, -0.4], [1.5, 4.0], 1),
    "convolutional": _convolutional(_stationary(_SE), [1, 3], [1, 2]),
    "convolutional-weights": _convolutional(_stationary(_M32), [1, 1], [1, 1], [0.7, -1.2, 0.4], 3),
    "arc-hierarchical": _hierarchical(gp.kernels.ArcHierarchical),
    "wedge-hierarchical": _hierarchical(gp.kernels.WedgeHierarchical),
    "wedge-conditional-only": _hierarchical(gp.kernels.WedgeHierarchical, gp.kernels.ActivityCondition({2: 1})),
    "spectral-mixture": lambda dtype=None: gp.kernels.SpectralMixture(
        *(positive(v, dtype) for v in ([0.7, 0.4], [[0.2, 0.1, 0.4], [0.05, 0.3, 0.2]], [_ARD, [0.01, 0.02, 0.04]]))
    ),
    "spectral-mixture-list": lambda dtype=None: gp.kernels.SpectralMixture(
        *(positive(v, dtype) for v in ([0.8], [[0.2, 0.1]], [[0.1, 0.3]])), active_dims=[2, 0]
    ),
    "gibbs": _gibbs(0.6, [0.4]),
    "gibbs-ard": _gibbs(0.6, _ARD),
    "deep": _deep(_SE),
    "deep-list": _deep(_M32, active_dims=[1]),
}
# Their last column holds labels.
LABELLED = {"coregion", "coregion-product", "categorical", "categorical-sliced"}

MULTIOUTPUT_KERNELS = {
    "shared": lambda dtype=None: gp.kernels.SharedIndependent(_stationary(_SE, active_dims=[0, 2])(dtype), 3),
    "separate": lambda dtype=None: gp.kernels.SeparateIndependent(
        [_stationary(_M52)(dtype), _stationary(_SE, lengthscales=_ARD)(dtype)]
    ),
    "linear-coregionalization": lambda dtype=None: gp.kernels.LinearCoregionalization(
        [_stationary(_SE)(dtype), _stationary(_M32, active_dims=[1])(dtype)],
        gp.Parameter([[0.8, -0.3], [1.2, 0.5], [-0.4, 0.9]], dtype=dtype),
    ),
}

MEAN_FUNCTIONS = {
    "zero": gp.mean_functions.Zero,
    "zero-2": lambda: gp.mean_functions.Zero(2),
    "constant": lambda: gp.mean_functions.Constant(1.5),
    "constant-2": lambda: gp.mean_functions.Constant([1.5, -0.5]),
    "linear": lambda: gp.mean_functions.Linear([[1.0, -1.0], [0.5, 2.0], [0.0, 0.3]], [0.1, 0.2]),
    "identity": gp.mean_functions.Identity,
    "polynomial": lambda: gp.mean_functions.Polynomial(2, 3, 2, w=np.linspace(-1.0, 1.0, 10)),
    "additive": lambda: gp.mean_functions.Identity() + gp.mean_functions.Constant(0.5),
    "product": lambda: gp.mean_functions.Identity() * gp.mean_functions.Constant(0.5),
    "switched": lambda: gp.mean_functions.SwitchedMeanFunction(
        [gp.mean_functions.Constant(0.5), gp.mean_functions.Linear([[1.0], [2.0]])]
    ),
}


class Growing(eqx.Module):
    """Noise that grows along the first column of the inputs."""

    slope: gp.Parameter

    def __call__(self, X):
        return self.slope.value * (1.0 + jnp.asarray(X)[..., :1] ** 2)


def _two_gammas(F):
    return tfd.Gamma(jnp.exp(F[..., :1]), jnp.exp(F[..., 1:]))


LIKELIHOODS = {
    "gaussian": lambda: gp.likelihoods.Gaussian(0.3),
    "gaussian-scale": lambda: gp.likelihoods.Gaussian(scale=0.6),
    "gaussian-function": lambda: gp.likelihoods.Gaussian(Growing(positive(0.2))),
    "student-t": lambda: gp.likelihoods.StudentT(0.6, df=4.0),
    "student-t-function": lambda: gp.likelihoods.StudentT(Growing(positive(0.3))),
    "laplace": lambda: gp.likelihoods.Laplace(0.4),
    "exponential": gp.likelihoods.Exponential,
    "exponential-softplus": lambda: gp.likelihoods.Exponential(jax.nn.softplus),
    "gamma": lambda: gp.likelihoods.Gamma(shape=1.7),
    "gamma-softplus": lambda: gp.likelihoods.Gamma(jax.nn.softplus, shape=Growing(positive(0.9))),
    "beta": lambda: gp.likelihoods.Beta(scale=2.3),
    "beta-sigmoid": lambda: gp.likelihoods.Beta(jax.nn.sigmoid, scale=2.3),
    "bernoulli": gp.likelihoods.Bernoulli,
    "bernoulli-sigmoid": lambda: gp.likelihoods.Bernoulli(jax.nn.sigmoid),
    "bernoulli-probit": lambda: gp.likelihoods.Bernoulli(jax.scipy.stats.norm.cdf),
    "poisson": lambda: gp.likelihoods.Poisson(binsize=1.5),
    "poisson-softplus": lambda: gp.likelihoods.Poisson(jax.nn.softplus),
    "negative-binomial": lambda: gp.likelihoods.NegativeBinomial(alpha=0.4, binsize=1.5),
    "negative-binomial-softplus": lambda: gp.likelihoods.NegativeBinomial(jax.nn.softplus, alpha=0.4),
    "ordinal": lambda: gp.likelihoods.Ordinal([-0.6, 0.8]),
    "multi-class": lambda: gp.likelihoods.MultiClass(3, gp.likelihoods.RobustMax(3, 0.05)),
    "softmax": lambda: gp.likelihoods.Softmax(3),
    "gaussian-mc": lambda: gp.likelihoods.GaussianMC(0.3),
    "heteroskedastic": gp.likelihoods.HeteroskedasticTFPConditional,
    "heteroskedastic-laplace": lambda: gp.likelihoods.HeteroskedasticTFPConditional(tfd.Laplace, tfb.Softplus(low=0.1)),
    "multi-latent": lambda: gp.likelihoods.MultiLatentTFPConditional(2, _two_gammas),
    "switched": lambda: gp.likelihoods.SwitchedLikelihood(
        [gp.likelihoods.Gaussian(0.3), gp.likelihoods.Gamma(shape=1.7), gp.likelihoods.Beta(scale=2.3)]
    ),
}


def data(num_rows=11, num_columns=2, num_outputs=2, seed=0):
    """Inputs [N, D] and observations [N, P] of a few smooth functions and some noise."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2.0, 2.0, (num_rows, num_columns))
    phase = np.arange(num_outputs)[None]
    return X, np.sin(X.sum(1)[:, None] + phase) + 0.1 * rng.normal(size=(num_rows, num_outputs))


REGRESSIONS = {
    "gpr": lambda: gp.models.GPR(data(), kernel=_stationary(_SE)(), noise_variance=0.05),
    "gpr-ard-constant": lambda: gp.models.GPR(
        data(),
        kernel=_stationary(_M52, lengthscales=[0.7, 1.6])(),
        mean_function=gp.mean_functions.Constant([0.3, -0.2]),
        likelihood=gp.likelihoods.Gaussian(scale=0.4),
    ),
}

_X, _Y = data()
_Z = _X[::3]


def _points(Z=_Z):
    return gp.inducing_variables.InducingPoints(Z)


def _independent(count=2):
    return gp.inducing_variables.SeparateIndependentInducingVariables([_points(_Z + 0.1 * i) for i in range(count)])


def _lmc():
    W = [[1.0, 0.3], [-0.4, 0.8]]
    return gp.kernels.LinearCoregionalization([_stationary(_SE)(), _stationary(_M32)()], W=W)


def _svgp(kernel, inducing, **arguments):
    return gp.models.SVGP(kernel, gp.likelihoods.Gaussian(0.2), inducing, num_data=20, **arguments)


def _student(kind, **arguments):
    return kind((_X, _Y), _stationary(_M52)(), gp.likelihoods.StudentT(0.4), **arguments)


_LATENT = np.linspace(-1.0, 1.0, len(_X))[:, None]

# Models whose objective takes the data as an argument are in SVGPS.
SVGPS = {
    "svgp": lambda: _svgp(_stationary(_SE)(), _Z, num_latent_gps=2),
    "svgp-not-white": lambda: _svgp(_stationary(_SE)(), _Z, num_latent_gps=2, whiten=False),
    "svgp-diagonal": lambda: _svgp(_stationary(_M32)(), _Z, num_latent_gps=2, q_diag=True, whiten=False),
    "svgp-lmc": lambda: _svgp(_lmc(), gp.inducing_variables.SharedIndependentInducingVariables(_points())),
    "svgp-separate": lambda: _svgp(gp.kernels.SeparateIndependent(_lmc().kernels), _independent(), whiten=False),
    "svgp-coupled": lambda: _svgp(_lmc(), _Z),
}

MODELS = {
    **REGRESSIONS,
    **SVGPS,
    "sgpr": lambda: gp.models.SGPR((_X, _Y), _stationary(_SE)(), _Z, noise_variance=0.2),
    "sgpr-multiscale": lambda: gp.models.SGPR(
        (_X, _Y), _stationary(_SE)(), gp.inducing_variables.Multiscale(_Z, 0.1 + 0.0 * _Z), noise_variance=0.2
    ),
    "fitc": lambda: gp.models.GPRFITC((_X, _Y), _stationary(_SE)(), _Z, noise_variance=0.2),
    "cglb": lambda: gp.models.CGLB((_X, _Y), _stationary(_SE)(), _Z, noise_variance=0.2, cg_tolerance=1e-8),
    "vgp": lambda: _student(gp.models.VGP),
    "opper-archambeau": lambda: _student(gp.models.VGPOpperArchambeau),
    "gpmc": lambda: _student(gp.models.GPMC),
    "sgpmc": lambda: _student(gp.models.SGPMC, inducing_variable=_Z),
    "gplvm": lambda: gp.models.GPLVM(_Y, 1, _LATENT),
    "bayesian-gplvm": lambda: gp.models.BayesianGPLVM(
        _Y, _LATENT, 0.1 + 0.0 * _LATENT, _stationary(_SE)(), inducing_variable=_LATENT[::3]
    ),
}
