"""Likelihood: how observations come from the latent function."""

import abc
from typing import Any

import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from ..parameters import Module
from ._support import REALS, Support

ArrayOrNumpy = Array | np.ndarray


class Likelihood(Module):
    """A likelihood p(y | f). All methods take the inputs X first, as GPflow's do.

    Shapes: X [*B, D], F and its mean and variance [*B, L], Y [*B, P], where *B is the rows N and any axes before them, and
    broadcasts; densities sum over outputs, to [*B]. Observations may be integers.

    Each public method checks the shapes and hands on to a method of the same name with an underscore in front. A subclass
    gives these six. Mostly one derives from `ScalarLikelihood`, `QuadratureLikelihood` or `MonteCarloLikelihood` instead,
    which have all but the density and its two moments.

    Examples
    --------
    >>> import gparams as gp
    >>> isinstance(gp.likelihoods.Gaussian(), gp.likelihoods.Likelihood)
    True
    """

    # Facts that a subclass may state, as a class attribute, a static field or a property: the number of columns of X, of F
    # and of Y, or None where any will do; the number of columns at the end of Y that hold labels and no observation; and
    # which observations it can explain.
    input_dim = None
    latent_dim = None
    observation_dim = None
    label_columns = 0
    support = REALS

    @abc.abstractmethod
    def _log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        """Log density, [*B]."""

    @abc.abstractmethod
    def _conditional_mean(self, X: Array, F: Array) -> Array:
        """Mean of y given f, [*B, P]."""

    @abc.abstractmethod
    def _conditional_variance(self, X: Array, F: Array) -> Array:
        """Variance of y given f, [*B, P]."""

    @abc.abstractmethod
    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array, **draws: Any) -> tuple[Array, Array]:
        """Mean and variance of y where f is N(Fmu, Fvar), [*B, P] each."""

    @abc.abstractmethod
    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array, **draws: Any) -> Array:
        """Log of the mean of the density, [*B]."""

    @abc.abstractmethod
    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array, **draws: Any) -> Array:
        """Mean of the log density, [*B]."""

    def log_prob(
        self, X: Shaped[ArrayOrNumpy, "*#B D"], F: Float[ArrayOrNumpy, "*#B L"], Y: Shaped[ArrayOrNumpy, "*#B P"]
    ) -> Float[Array, "*#B"]:
        """Log density log p(y | f), summed over outputs; in nats.

        Parameters
        ----------
        X, F, Y
            Inputs, latent functions and observations.

        Returns
        -------
        Log densities, [*B].

        Raises
        ------
        ValueError
            If the columns don't fit the likelihood, or each other.
        """
        X, F, Y = self._read(X, F, Y=Y)
        return self._log_prob(X, F, Y)

    def conditional_mean(
        self, X: Shaped[ArrayOrNumpy, "*#B D"], F: Float[ArrayOrNumpy, "*#B L"]
    ) -> Float[Array, "*#B P"]:
        """Mean E[y | f].

        Parameters
        ----------
        X, F
            Inputs and latent functions.

        Returns
        -------
        Means [*B, P].

        Raises
        ------
        ValueError
            If the columns don't fit the likelihood.
        """
        return self._conditional_mean(*self._read(X, F))

    def conditional_variance(
        self, X: Shaped[ArrayOrNumpy, "*#B D"], F: Float[ArrayOrNumpy, "*#B L"]
    ) -> Float[Array, "*#B P"]:
        """Variance Var[y | f].

        Parameters
        ----------
        X, F
            Inputs and latent functions.

        Returns
        -------
        Variances [*B, P].

        Raises
        ------
        ValueError
            If the columns don't fit the likelihood.
        """
        return self._conditional_variance(*self._read(X, F))

    def predict_mean_and_var(
        self,
        X: Shaped[ArrayOrNumpy, "*#B D"],
        Fmu: Float[ArrayOrNumpy, "*#B L"],
        Fvar: Float[ArrayOrNumpy, "*#B L"],
        **draws: Any,
    ) -> tuple[Float[Array, "*#B P"], Float[Array, "*#B P"]]:
        """Mean and variance of y where f is N(Fmu, Fvar).

        Parameters
        ----------
        X, Fmu, Fvar
            Inputs, and means and variances of the latent functions.
        **draws
            ``key=`` or ``epsilon=``, one of which a `MonteCarloLikelihood` may be given.

        Returns
        -------
        The two, [*B, P] each.

        Raises
        ------
        ValueError
            If the columns don't fit the likelihood.
        """
        return self._predict_mean_and_var(*self._read(X, Fmu, Fvar), **draws)

    def predict_log_density(
        self,
        X: Shaped[ArrayOrNumpy, "*#B D"],
        Fmu: Float[ArrayOrNumpy, "*#B L"],
        Fvar: Float[ArrayOrNumpy, "*#B L"],
        Y: Shaped[ArrayOrNumpy, "*#B P"],
        **draws: Any,
    ) -> Float[Array, "*#B"]:
        """Log of the predictive density: log of the mean of p(y | f) where f is N(Fmu, Fvar); in nats.

        Parameters
        ----------
        X, Fmu, Fvar, Y
            Inputs, means and variances of the latent functions, and observations.
        **draws
            As for `predict_mean_and_var`.

        Returns
        -------
        Log densities, [*B].

        Raises
        ------
        ValueError
            If the columns don't fit the likelihood, or each other.
        """
        return self._predict_log_density(*self._read(X, Fmu, Fvar, Y=Y), **draws)

    def variational_expectations(
        self,
        X: Shaped[ArrayOrNumpy, "*#B D"],
        Fmu: Float[ArrayOrNumpy, "*#B L"],
        Fvar: Float[ArrayOrNumpy, "*#B L"],
        Y: Shaped[ArrayOrNumpy, "*#B P"],
        **draws: Any,
    ) -> Float[Array, "*#B"]:
        """Mean of log p(y | f) where f is N(Fmu, Fvar); in nats.

        Parameters
        ----------
        X, Fmu, Fvar, Y
            Inputs, means and variances of the latent functions, and observations.
        **draws
            As for `predict_mean_and_var`.

        Returns
        -------
        Means, [*B].

        Raises
        ------
        ValueError
            If the columns don't fit the likelihood, or each other.
        """
        return self._variational_expectations(*self._read(X, Fmu, Fvar, Y=Y), **draws)

    def num_latent_gps(self, num_outputs: int) -> int:
        """How many latent functions explain observations of so many columns.

        Parameters
        ----------
        num_outputs
            Number of columns of Y.

        Returns
        -------
        The number of columns of F.

        Raises
        ------
        ValueError
            If there are too few columns.
        """
        if num_outputs <= self.label_columns:
            raise ValueError(
                f"{type(self).__name__}: Y has {num_outputs} columns, expected {self.label_columns} of labels and at "
                "least one of observations"
            )
        return num_outputs - self.label_columns if self.latent_dim is None else self.latent_dim

    def check_observations(self, Y: Any) -> None:
        """Raise unless the likelihood can explain each of the observations [N, P].

        Traced arrays can't be looked at, and pass.

        Raises
        ------
        ValueError
            If one lies outside the likelihood's range; the message names the first, its row and what was expected.
        """
        if isinstance(Y, jax.core.Tracer):
            return
        Y = np.asarray(Y)
        if Y.ndim != 2:
            raise ValueError(f"{type(self).__name__}: expected observations Y of shape [N, P], got {Y.shape}")
        if self.observation_dim not in (None, Y.shape[1]):
            raise ValueError(f"{type(self).__name__}: Y has {Y.shape[1]} columns, expected {self.observation_dim}")
        support: Support = self.support
        problem = support.problem(Y)
        if problem is not None:
            raise ValueError(f"{type(self).__name__}: {problem[1]}")

    def _read(self, X: Any, *latents: Any, Y: Any = None) -> tuple[Array, ...]:
        """Give the arguments as arrays of the same leading axes, Y as a floating one."""
        F = jnp.asarray(latents[0])
        arrays = [jnp.asarray(X), F, *(jnp.asarray(f) for f in latents[1:])]
        if self.latent_dim not in (None, F.shape[-1]):
            raise ValueError(
                f"{type(self).__name__}: expected a latent function of {self.latent_dim} columns, got shape {F.shape}"
            )
        if Y is not None:
            Y = jnp.asarray(Y)
            arrays.append(Y if jnp.issubdtype(Y.dtype, jnp.floating) else Y.astype(F.dtype))
            if self.latent_dim is None and Y.shape[-1] - self.label_columns != F.shape[-1]:
                raise ValueError(
                    f"{type(self).__name__}: expected observations of {F.shape[-1] + self.label_columns} columns for "
                    f"{F.shape[-1]} latent functions, got {Y.shape[-1]}"
                )
        if len({a.shape[:-1] for a in arrays}) > 1:
            batch = np.broadcast_shapes(*(a.shape[:-1] for a in arrays))
            arrays = [jnp.broadcast_to(a, (*batch, a.shape[-1])) for a in arrays]
        return tuple(arrays)
