"""Likelihood: how observations come from the latent function."""

import abc

import numpy as np
from jaxtyping import Array, Float

from ..parameters import Module

ArrayOrNumpy = Array | np.ndarray


class Likelihood(Module):
    """A likelihood p(y | f). All methods take the inputs X first, as GPflow's do.

    Shapes: X [*B, N, D], F and its mean and variance [*B, N, L], Y [*B, N, P]; densities sum over outputs, to [*B, N].

    Examples
    --------
    >>> import gparams as gp
    >>> isinstance(gp.likelihoods.Gaussian(), gp.likelihoods.Likelihood)
    True
    """

    @abc.abstractmethod
    def log_prob(
        self, X: Float[ArrayOrNumpy, "*B N D"], F: Float[ArrayOrNumpy, "*B N L"], Y: Float[ArrayOrNumpy, "*B N P"]
    ) -> Float[Array, "*B N"]:
        """Log density log p(y | f), in nats."""

    @abc.abstractmethod
    def conditional_mean(
        self, X: Float[ArrayOrNumpy, "*B N D"], F: Float[ArrayOrNumpy, "*B N L"]
    ) -> Float[Array, "*B N P"]:
        """Mean E[y | f]."""

    @abc.abstractmethod
    def conditional_variance(
        self, X: Float[ArrayOrNumpy, "*B N D"], F: Float[ArrayOrNumpy, "*B N L"]
    ) -> Float[Array, "*B N P"]:
        """Variance Var[y | f]."""

    @abc.abstractmethod
    def predict_mean_and_var(
        self, X: Float[ArrayOrNumpy, "*B N D"], Fmu: Float[ArrayOrNumpy, "*B N L"], Fvar: Float[ArrayOrNumpy, "*B N L"]
    ) -> tuple[Float[Array, "*B N P"], Float[Array, "*B N P"]]:
        """Mean and variance of y where f is N(Fmu, Fvar)."""

    @abc.abstractmethod
    def predict_log_density(
        self,
        X: Float[ArrayOrNumpy, "*B N D"],
        Fmu: Float[ArrayOrNumpy, "*B N L"],
        Fvar: Float[ArrayOrNumpy, "*B N L"],
        Y: Float[ArrayOrNumpy, "*B N P"],
    ) -> Float[Array, "*B N"]:
        """Log of the predictive density, log of the mean of p(y | f) where f is N(Fmu, Fvar)."""

    @abc.abstractmethod
    def variational_expectations(
        self,
        X: Float[ArrayOrNumpy, "*B N D"],
        Fmu: Float[ArrayOrNumpy, "*B N L"],
        Fvar: Float[ArrayOrNumpy, "*B N L"],
        Y: Float[ArrayOrNumpy, "*B N P"],
    ) -> Float[Array, "*B N"]:
        """Mean of log p(y | f) where f is N(Fmu, Fvar)."""
