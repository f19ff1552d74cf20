"""Another likelihood for each row, by label."""

from collections.abc import Sequence
from typing import Any, final

import jax.numpy as jnp
from jaxtyping import Array

from ._base import Likelihood
from ._support import Labelled


@final
class SwitchedLikelihood(Likelihood):
    """One likelihood for each label: the last column of Y says which.

    For data from several sources, with noise of their own or of another kind. The latent functions are shared by all.

    Parameters
    ----------
    likelihood_list
        Likelihoods; label k takes the k-th. They get Y without its last column.

    Raises
    ------
    ValueError
        If there is none.
    TypeError
        If one of them is not a likelihood.

    Notes
    -----
    Moments don't depend on an observation, and so on no label: those of all likelihoods are returned side by side, as
    columns, in the order of the labels. A label without a likelihood gives NaN; models refuse such data beforehand.

    References
    ----------
    GPflow 2.11, ``likelihoods.SwitchedLikelihood``.

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> lik = gp.likelihoods.SwitchedLikelihood([gp.likelihoods.Gaussian(0.1), gp.likelihoods.StudentT()])
    >>> Y = np.array([[0.3, 0.0], [0.3, 1.0]])
    >>> lik.log_prob(np.ones((2, 1)), np.zeros((2, 1)), Y).shape
    (2,)
    >>> lik.check_observations(np.array([[0.3, 2.0]]))
    Traceback (most recent call last):
    ValueError: SwitchedLikelihood: Y[0, 1] is 2, expected a label, a whole number from 0 to 1
    """

    likelihoods: tuple[Likelihood, ...]

    label_columns = 1

    def __init__(self, likelihood_list: Sequence[Any]):
        self.likelihoods = tuple(likelihood_list)
        if not self.likelihoods:
            raise ValueError("SwitchedLikelihood: expected at least one likelihood")
        for likelihood in self.likelihoods:
            if not isinstance(likelihood, Likelihood):
                raise TypeError(f"SwitchedLikelihood: expected likelihoods, got {likelihood!r}")

    @property
    def support(self) -> Labelled:
        """What each of the likelihoods can explain."""
        return Labelled(tuple(likelihood.support for likelihood in self.likelihoods))

    def _log_prob(self, X: Array, F: Array, Y: Array) -> Array:
        return self._of_the_label(lambda lik, y, keep: lik.log_prob(X, keep(F, 0.0), y), Y)

    def _conditional_mean(self, X: Array, F: Array) -> Array:
        return jnp.concatenate([lik.conditional_mean(X, F) for lik in self.likelihoods], axis=-1)

    def _conditional_variance(self, X: Array, F: Array) -> Array:
        return jnp.concatenate([lik.conditional_variance(X, F) for lik in self.likelihoods], axis=-1)

    def _predict_mean_and_var(self, X: Array, Fmu: Array, Fvar: Array) -> tuple[Array, Array]:
        means, variances = zip(*(lik.predict_mean_and_var(X, Fmu, Fvar) for lik in self.likelihoods), strict=True)
        return jnp.concatenate(means, axis=-1), jnp.concatenate(variances, axis=-1)

    def _predict_log_density(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return self._of_the_label(
            lambda lik, y, keep: lik.predict_log_density(X, keep(Fmu, 0.0), keep(Fvar, 1.0), y), Y
        )

    def _variational_expectations(self, X: Array, Fmu: Array, Fvar: Array, Y: Array) -> Array:
        return self._of_the_label(
            lambda lik, y, keep: lik.variational_expectations(X, keep(Fmu, 0.0), keep(Fvar, 1.0), y), Y
        )

    def _of_the_label(self, evaluate: Any, Y: Array) -> Array:
        """Evaluate each likelihood, and pick for each row that of its label, [*B].

        Other rows are given harmless values first: what is infinite there would spoil the derivative, picked or not.
        """
        label, y = Y[..., -1:], Y[..., :-1]
        out = jnp.full(Y.shape[:-1], jnp.nan, Y.dtype)
        for k, likelihood in enumerate(self.likelihoods):
            own = label == k

            def keep(array, harmless, own=own):
                return jnp.where(own, array, harmless)

            out = jnp.where(own[..., 0], evaluate(likelihood, keep(y, likelihood.support.example), keep), out)
        return out
