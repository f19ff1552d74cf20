"""The gate for the parts of a model: kernels, likelihoods, inducing variables and variational parameters."""

from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ..inducing_variables import InducingVariables
from ..kernels import Kernel, MultioutputKernel
from ..likelihoods import Gaussian, Likelihood
from ..mean_functions import Zero
from ..parameters import Parameter, as_parameter, positive, triangular
from ..posteriors import input_columns


def dtype_of(tree: Any) -> Any:
    """Floating type of the first array in a tree; JAX's default float where there is none."""
    arrays = (leaf for leaf in jax.tree.leaves(tree) if eqx.is_inexact_array(leaf))
    return next((array.dtype for array in arrays), jnp.result_type(float))


def _got(x: Any) -> str:
    """Say what something is that should have been a part of a model."""
    if isinstance(x, type):
        return f"the class {x.__name__}; call it: {x.__name__}(...)"
    if hasattr(x, "shape"):
        return f"an array of shape {tuple(x.shape)}"
    name = type(x).__name__
    if callable(getattr(x, "functional", None)):
        return f"{name} of gparams.gpflow, which changes in place; give its .functional()"
    return f"{x!r} of type {name}" if isinstance(x, str | int | float | None) else f"an object of type {name}"


def read_kernel(model: str, kernel: Any) -> Kernel:
    """Refuse what is not a kernel."""
    if not isinstance(kernel, Kernel):
        raise TypeError(f"{model}: expected a kernel, got {_got(kernel)}")
    return kernel


def read_single_output_kernel(model: str, kernel: Any, mend: str) -> Kernel:
    """Refuse what is not a kernel of one output."""
    if isinstance(read_kernel(model, kernel), MultioutputKernel):
        raise TypeError(f"{model}: expected a kernel of one output, got {type(kernel).__name__}; {mend}")
    return kernel


def read_mean_function(model: str, mean_function: Any) -> Any:
    """Give the zero mean where there is none."""
    if mean_function is None:
        return Zero()
    if isinstance(mean_function, type | Kernel | Likelihood) or not callable(mean_function):
        raise TypeError(f"{model}: expected a mean function, got {_got(mean_function)}")
    return mean_function


def read_likelihood(model: str, likelihood: Any) -> Likelihood:
    """Refuse what is not a likelihood."""
    if not isinstance(likelihood, Likelihood):
        raise TypeError(f"{model}: expected a likelihood, got {_got(likelihood)}")
    return likelihood


def read_gaussian(model: str, likelihood: Any, noise_variance: Any) -> Gaussian:
    """Make the Gaussian likelihood of a regression model from either argument."""
    if noise_variance is not None and likelihood is not None:
        raise ValueError(f"{model}: give noise_variance or likelihood, not both")
    if likelihood is None:
        number = noise_variance is not None and not callable(noise_variance)
        return Gaussian(_noise(model, noise_variance) if number else noise_variance)
    if not isinstance(likelihood, Gaussian):
        raise TypeError(
            f"{model}: expected a Gaussian likelihood (this inference has no other), got {_got(likelihood)}"
        )
    return likelihood


def _noise(model: str, noise_variance: Any) -> Parameter:
    """The noise variance under the name that the model's argument has, with the bound that `Gaussian` gives it."""
    lower = Gaussian().variance_lower_bound
    return as_parameter(noise_variance, transform=positive(lower=lower), name=f"{model}: noise_variance")


def count_latent_gps(kernel: Kernel, likelihood: Likelihood, num_outputs: int, asked: int | None, model: str) -> int:
    """Number of latent functions: the kernel's, if it has several outputs, else what the likelihood makes of Y."""
    if isinstance(kernel, MultioutputKernel):
        if asked not in (None, kernel.num_latent_gps):
            raise ValueError(
                f"{model}: num_latent_gps={asked}, and {type(kernel).__name__} has {kernel.num_latent_gps} latent functions"
            )
        return kernel.num_latent_gps
    return likelihood.num_latent_gps(num_outputs) if asked is None else int(asked)


def refuse_more_inducing_than_data(model: str, num_inducing: int, num_data: Any) -> None:
    """More inducing variables than data cost more than exact inference, and can tell no more."""
    if num_data is not None and num_inducing > num_data:
        raise ValueError(
            f"{model}: {num_inducing} inducing variables for {num_data} data; expected at most one for each datum. "
            "Inducing points are rows: a transposed array of them is the likeliest cause"
        )


def refuse_other_columns(model: str, inducing: InducingVariables, X: Any) -> None:
    """Inducing points live where the inputs do."""
    columns = input_columns(inducing)
    if columns not in (None, X.shape[1]):
        raise ValueError(
            f"{model}: X has {X.shape[1]} columns and the inducing points {columns}; expected one number of columns"
        )


def read_q_mu(model: str, q_mu: Any, shape: tuple[int, int], dtype: Any) -> Parameter:
    """The variational mean [M, L]; zero by default."""
    mean = as_parameter(jnp.zeros(shape, dtype) if q_mu is None else q_mu)
    if mean.shape != shape:
        raise ValueError(
            f"{model}: expected q_mu of shape {shape} (inducing variables, latent functions), got {mean.shape}"
        )
    return mean


def read_q_sqrt(model: str, q_sqrt: Any, shape: tuple[int, int], q_diag: bool, dtype: Any) -> Parameter:
    """The variational root: lower triangular [L, M, M], or with `q_diag` the diagonals [M, L]; the identity by default."""
    M, num_latent = shape
    expected = shape if q_diag else (num_latent, M, M)
    if q_sqrt is not None and np.shape(q_sqrt) != expected:
        mend = "; q_diag=True takes diagonals [M, L]" if np.ndim(q_sqrt) == 2 and not q_diag else ""
        raise ValueError(f"{model}: expected q_sqrt of shape {expected}, got {np.shape(q_sqrt)}{mend}")
    if q_diag:
        return as_parameter(jnp.ones(shape, dtype) if q_sqrt is None else q_sqrt, transform=positive())
    if q_sqrt is None:
        q_sqrt = jnp.broadcast_to(jnp.eye(M, dtype=dtype), expected)
    _refuse_not_triangular(model, q_sqrt)
    return as_parameter(q_sqrt, transform=triangular())


def _refuse_not_triangular(model: str, q_sqrt: Any) -> None:
    if isinstance(q_sqrt, Parameter | jax.core.Tracer):
        return
    above = np.triu(np.asarray(q_sqrt), 1) if np.ndim(q_sqrt) > 1 else np.zeros(1)
    if np.any(above != 0):
        place = tuple(int(i) for i in np.argwhere(above != 0)[0])
        raise ValueError(
            f"{model}: q_sqrt is not lower triangular: element {place} is {float(above[place]):.6g}. Of a covariance give "
            "its lower Cholesky factor, jnp.linalg.cholesky(S)"
        )
