"""What GPflow's classes have besides the functional ones: constructors that users' subclasses call, and a few methods.

None of it computes: a method here calls the functional core, or another method.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import inducing_variables, kernels, likelihoods, maths, mean_functions, models
from ..kernels._inputs import Slice, read_active_dims
from ..kernels._stationary import per_column
from ..models._data import read_data
from ._gather import gather
from ._module import EXTRAS, READERS, as_asked, construct, name_of, present, shell_of
from ._nodes import Computed
from ._utilities import pca_reduce


def _data(data: Any) -> Any:
    with as_asked():
        return read_data(data)


READERS["data"] = _data
READERS["active_dims"] = read_active_dims


def extras(core: type) -> Callable[[type], type]:
    """Give the stateful class of a functional one the members of the class below, too."""

    def add(cls: type) -> type:
        EXTRAS.setdefault(core, {}).update({k: v for k, v in vars(cls).items() if k not in _OWN})
        return cls

    return add


_OWN = {"__dict__", "__weakref__", "__module__", "__qualname__", "__doc__", "__firstlineno__", "__static_attributes__"}


def _combined(name: str, one: str, base: type) -> Callable[[Any, Any], Any]:
    """`a + b` makes the library's Sum of the two objects themselves."""

    def operator(self: Any, right: Any) -> Any:
        if not isinstance(right, shell_of(base)):
            return NotImplemented
        made = shell_of(getattr(_ROOM[base], one))
        return made([self, right]) if base is kernels.Kernel else made(self, right)

    operator.__name__ = name
    return operator


_ROOM: dict[type, Any] = {kernels.Kernel: kernels, mean_functions.MeanFunction: mean_functions}


@extras(kernels.Kernel)
class _Kernel:
    def __init__(self: Any, active_dims: Any = None, name: str | None = None):
        if active_dims is not None:
            self.active_dims = read_active_dims(active_dims)
        name_of(self, name)

    __add__ = _combined("__add__", "Sum", kernels.Kernel)
    __mul__ = _combined("__mul__", "Product", kernels.Kernel)

    def slice(self: Any, X: Any, X2: Any = None) -> tuple[Any, Any]:
        """Pick the active columns of X, and of X2."""
        core = gather(self)
        return present((core.slice(jnp.asarray(X)), None if X2 is None else core.slice(jnp.asarray(X2))))

    def slice_cov(self: Any, cov: Any) -> Any:
        """Pick the active rows and columns [N, d, d] of covariances [N, D, D], or of their diagonals [N, D]."""
        cov, core = jnp.asarray(cov), gather(self)
        if cov.ndim == 2:
            cov = cov[:, None, :] * jnp.eye(cov.shape[-1], dtype=cov.dtype)[None]
        rows = jnp.matrix_transpose(core.slice(cov))  # [N, d, D]
        return present(jnp.matrix_transpose(core.slice(rows)))

    def on_separate_dims(self: Any, other: Any) -> bool:
        """Whether this kernel and another read different columns, both of them named."""
        return _are_apart([self, other])


def _are_apart(parts: Any) -> bool:
    """Whether no two kernels read the same column; those that name none may."""
    dims: list[Any] = [getattr(k, "active_dims", None) for k in parts]
    if any(not isinstance(d, tuple) or isinstance(d, Slice) for d in dims):
        return False
    columns = [column for d in dims for column in set(d)]
    return len(set(columns)) == len(columns)


@extras(kernels.Sum)
@extras(kernels.Product)
class _Combination:
    on_separate_dimensions = Computed(
        lambda self: _are_apart(self.kernels), "Whether no two of the kernels read the same column, all of them named."
    )


@extras(kernels.IsotropicStationary)
class _Stationary:
    def __init__(
        self: Any, variance: Any = 1.0, lengthscales: Any = 1.0, active_dims: Any = None, name: str | None = None
    ):
        make: Any = shell_of(kernels.SquaredExponential)
        base = make(variance, lengthscales)
        self.variance, self.lengthscales = base.variance, base.lengthscales
        if active_dims is not None:
            self.active_dims = read_active_dims(active_dims)
        name_of(self, name)

    def scale(self: Any, X: Any) -> Any:
        """Divide the columns of X by the lengthscales; None stays None."""
        if X is None:
            return None
        X = jnp.asarray(X)
        return present(X / per_column(self.lengthscales.value, X))

    def scaled_squared_euclid_dist(self: Any, X: Any, X2: Any = None) -> Any:
        """Squared scaled distances [N, N2] between the rows of X and of X2, or of X itself."""
        others = None if X2 is None else jnp.asarray(self.scale(X2))
        return present(maths.square_distance(jnp.asarray(self.scale(X)), others))


@extras(inducing_variables.InducingVariables)
class _InducingVariables:
    def __len__(self: Any) -> int:
        return int(self.num_inducing)


@extras(mean_functions.MeanFunction)
class _MeanFunction:
    def __init__(self: Any, name: str | None = None):
        name_of(self, name)

    __add__ = _combined("__add__", "Additive", mean_functions.MeanFunction)
    __mul__ = _combined("__mul__", "Product", mean_functions.MeanFunction)


@extras(likelihoods.Likelihood)
class _Likelihood:
    def __init__(
        self: Any,
        input_dim: int | None = None,
        latent_dim: int | None = None,
        observation_dim: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        self.input_dim, self.latent_dim, self.observation_dim = input_dim, latent_dim, observation_dim
        name_of(self, name)


class LossClosure:
    """A model's loss as a function without arguments, on fixed data or on the next batch of an iterator.

    Parameters
    ----------
    model
        A stateful model.
    data
        What its ``training_loss`` takes: nothing, a pair (X, Y), or an iterator of such pairs.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import numpy as np
    >>> model = gpflow.models.GPR((np.zeros((1, 1)), np.zeros((1, 1))), gpflow.kernels.RBF())
    >>> loss = model.training_loss_closure()
    >>> float(loss()) == float(model.training_loss())
    True
    """

    def __init__(self, model: Any, data: tuple[Any, ...] = ()):
        self.model, self.data = model, data

    def __call__(self) -> Any:
        """Return the loss."""
        return self.model.training_loss(*self.batch())

    def batch(self) -> tuple[Any, ...]:
        """The data of this step: an iterator's next."""
        return tuple(next(d) if isinstance(d, Iterator) else d for d in self.data)

    def step(self) -> "LossClosure":
        """The loss of this step, with its batch drawn: what a compiled step calls."""
        return LossClosure(self.model, self.batch())


@extras(models.GPModel)
class _GPModel:
    def __init__(
        self: Any,
        kernel: Any = None,
        likelihood: Any = None,
        mean_function: Any = None,
        num_latent_gps: int | None = None,
        name: str | None = None,
    ):
        self.mean_function = shell_of(mean_functions.Zero)() if mean_function is None else mean_function
        self.kernel, self.likelihood = kernel, likelihood
        if num_latent_gps is not None:
            self.num_latent_gps = num_latent_gps
        name_of(self, name)

    def training_loss_closure(self: Any, data: Any = None, *, compile: bool = True) -> LossClosure:
        """Return the training loss as a function without arguments, on data where the model takes data.

        Parameters
        ----------
        data
            A pair (X, Y), or an iterator of such pairs: each call of the closure takes the next.
        compile
            Taken for GPflow's sake: optimisers compile what they are given.
        """
        return LossClosure(self, () if data is None else (data,))

    def _training_loss(self: Any, *args: Any, **kwargs: Any) -> Any:
        """GPflow's inner name of `training_loss`."""
        return self.training_loss(*args, **kwargs)

    @staticmethod
    def calc_num_latent_gps_from_data(data: Any, kernel: Any, likelihood: Any) -> int:
        """Number of latent functions for this kernel, likelihood and Y."""
        return _num_latent(kernel, likelihood, np.shape(data[1])[-1])

    @staticmethod
    def calc_num_latent_gps(kernel: Any, likelihood: Any, output_dim: int) -> int:
        """Number of latent functions for this kernel, likelihood and number of outputs."""
        return _num_latent(kernel, likelihood, output_dim)


@extras(models.SGPR)
@extras(models.GPRFITC)
@extras(models.CGLB)
@extras(models.VGP)
@extras(models.VGPOpperArchambeau)
@extras(models.GPMC)
@extras(models.SGPMC)
class _OfData:
    num_data = Computed(lambda self: np.shape(self.data[0])[0], "Number N of data.")


@extras(models.BayesianGPLVM)
class _OfObservations:
    num_data = Computed(lambda self: np.shape(self.data)[0], "Number N of data.")


@extras(models.GPLVM)
class _GPLVM:
    def __init__(
        self: Any,
        data: Any,
        latent_dim: int,
        X_data_mean: Any = None,
        kernel: Any = None,
        mean_function: Any = None,
        name: str | None = None,
    ):
        start = pca_reduce(data, latent_dim) if X_data_mean is None else X_data_mean
        construct(self, models.GPLVM, (data, latent_dim, start, kernel, mean_function), {})
        name_of(self, name)


def _num_latent(kernel: Any, likelihood: Any, output_dim: int) -> int:
    own: Any = getattr(kernel, "num_latent_gps", None)
    if own is not None:
        return int(own)
    asked: Any = getattr(likelihood, "num_latent_gps", None)
    return output_dim if asked is None else int(asked(output_dim))


class InternalDataTrainingLossMixin:
    """Mix-in of GPflow's models that hold their data; the models here bring its methods themselves.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> class Model(gpflow.models.BayesianModel, gpflow.models.InternalDataTrainingLossMixin):
    ...     def __init__(self):
    ...         self.p = gpflow.Parameter(2.0)
    ...
    ...     def maximum_log_likelihood_objective(self):
    ...         return -((self.p - 1.0) ** 2)
    >>> print(Model().training_loss())
    1.0
    """


class ExternalDataTrainingLossMixin:
    """Mix-in of GPflow's models whose loss takes data; the models here bring its methods themselves.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> class Model(gpflow.models.BayesianModel, gpflow.models.ExternalDataTrainingLossMixin):
    ...     def maximum_log_likelihood_objective(self, data):
    ...         return -data
    >>> print(Model().training_loss(1.0))
    1.0
    """
