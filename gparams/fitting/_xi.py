r"""Natural-gradient steps of one Gaussian q(u) = N(m, S): the parametrisations in which they are taken.

Write :math:`L` for the root of the covariance (`q_sqrt`), :math:`\bar m, \bar L` for the gradients of the loss, and
:math:`\Phi` for the lower triangle with half of the diagonal. The derivative of the loss by the covariance, and by the
second expectation parameter, is :math:`\bar S = L^{-\top} \operatorname{sym} \Phi(L^\top \bar L) L^{-1}`. All that a step
needs is therefore :math:`\Phi(L^\top \bar L)`, the gradient in coordinates whitened by the present root. No covariance and
no precision is inverted or factorised, only the change, and no jitter is added.
"""

import abc
import dataclasses
from typing import final

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..maths import symmetrize, upper_cholesky

Columns = Float[Array, "M L"]
Matrices = Float[Array, "L M M"]


class XiTransform(abc.ABC):
    r"""A parametrisation :math:`\xi` of a Gaussian, in which a natural-gradient step is a straight line.

    The direction is the same in each, :math:`\tilde\nabla_\xi = \frac{d\xi}{d\theta} \frac{dF}{d\eta}`; how far a finite
    step goes along it is not. A subclass gives the step for a full and for a diagonal covariance. It is a value that can be
    hashed, such as a frozen dataclass.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice*, eq. 10 and section 3.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.fitting.XiNat() == gp.fitting.XiNat()
    True
    """

    @abc.abstractmethod
    def step(
        self, gamma: Float[Array, ""], m: Columns, L: Matrices, grad_m: Columns, grad_L: Matrices
    ) -> tuple[Columns, Matrices]:
        """Step of length gamma from mean and root; NaN where it would leave the cone of positive definite matrices.

        Parameters
        ----------
        gamma
            Length of the step.
        m, L
            Means [M, L], one latent function a column, and lower triangular roots [L, M, M] of the covariances.
        grad_m, grad_L
            Gradients of the loss by the two, of the same shapes; above the diagonal `grad_L` says nothing.

        Returns
        -------
        The new means and roots.
        """

    @abc.abstractmethod
    def step_diagonal(
        self, gamma: Float[Array, ""], m: Columns, s: Columns, grad_m: Columns, grad_s: Columns
    ) -> tuple[Columns, Columns]:
        """The same for independent elements with standard deviations `s`; NaN where one would not stay positive.

        Parameters
        ----------
        gamma
            Length of the step.
        m, s
            Means and standard deviations [M, L].
        grad_m, grad_s
            Gradients of the loss by the two.

        Returns
        -------
        The new means and standard deviations.
        """


@final
@dataclasses.dataclass(frozen=True)
class XiNat(XiTransform):
    r"""Natural parameters, :math:`\xi = \theta`: with a Gaussian likelihood one step of gamma 1 is exact.

    With :math:`B = I + 2 \gamma \operatorname{sym} \Phi(L^\top \bar L) = U U^\top`, the new precision in whitened
    coordinates, the update :math:`\theta \leftarrow \theta - \gamma\, dF/d\eta` is

    .. math:: L \leftarrow L U^{-\top}, \qquad m \leftarrow m - \gamma\, L L^\top \bar m \quad \text{(with the new } L)

    It leaves the cone where :math:`B` is not positive definite.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice*, eq. 10; Murray (2016), *Differentiation of
    the Cholesky decomposition*, eq. 10.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.fitting.NaturalGradient(gamma=0.1, xi=gp.fitting.XiNat()).xi
    XiNat()
    """

    def step(
        self, gamma: Float[Array, ""], m: Columns, L: Matrices, grad_m: Columns, grad_L: Matrices
    ) -> tuple[Columns, Matrices]:
        """Step; NaN where the new precision is not positive definite."""
        B = jnp.eye(L.shape[-1], dtype=L.dtype)[None] + 2.0 * gamma * symmetrize(_whitened(L, grad_L))
        U = upper_cholesky(B)
        L = lax.linalg.triangular_solve(U, L, left_side=False, lower=False, transpose_a=True)
        return m - gamma * _covariance_times(L, grad_m), L

    def step_diagonal(
        self, gamma: Float[Array, ""], m: Columns, s: Columns, grad_m: Columns, grad_s: Columns
    ) -> tuple[Columns, Columns]:
        """Step; NaN where a new precision is not positive."""
        b = 1.0 + gamma * s * grad_s
        s = s / jnp.sqrt(jnp.where(b > 0.0, b, jnp.nan))
        return m - gamma * s**2 * grad_m, s


@final
@dataclasses.dataclass(frozen=True)
class XiSqrtMeanVar(XiTransform):
    r"""Mean and root themselves, :math:`\xi = (m, L)`: the optimiser's own variables, with no conversion.

    .. math:: m \leftarrow m - \gamma\, L L^\top \bar m, \qquad L \leftarrow L - \gamma\, L\, \Phi(L^\top \bar L)

    It leaves the cone where an element of the diagonal of :math:`L` would reach or pass zero: the covariance is singular on
    the way there.

    References
    ----------
    Salimbeni, Eleftheriadis & Hensman (2018), *Natural Gradients in Practice*, section 3.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.fitting.NaturalGradient(gamma=0.1, xi=gp.fitting.XiSqrtMeanVar()).xi
    XiSqrtMeanVar()
    """

    def step(
        self, gamma: Float[Array, ""], m: Columns, L: Matrices, grad_m: Columns, grad_L: Matrices
    ) -> tuple[Columns, Matrices]:
        """Step; NaN where an element of the diagonal would change its sign."""
        change = _whitened(L, grad_L)
        shrunk = 1.0 - gamma * jnp.diagonal(change, axis1=-2, axis2=-1)  # [L, M], factors of the diagonal
        inside = jnp.all(shrunk > 0.0, -1)[:, None, None]
        moved = L - gamma * jnp.matmul(L, change, precision="highest")
        return m - gamma * _covariance_times(L, grad_m), jnp.where(inside, moved, jnp.nan)

    def step_diagonal(
        self, gamma: Float[Array, ""], m: Columns, s: Columns, grad_m: Columns, grad_s: Columns
    ) -> tuple[Columns, Columns]:
        """Step; NaN where a standard deviation would not stay positive."""
        shrunk = 1.0 - 0.5 * gamma * s * grad_s
        return m - gamma * s**2 * grad_m, s * jnp.where(shrunk > 0.0, shrunk, jnp.nan)


def _whitened(L: Matrices, grad_L: Matrices) -> Matrices:
    """Lower triangle of LᵀL̄ with half of its diagonal."""
    A = jnp.einsum("lki,lkj->lij", L, jnp.tril(grad_L), precision="highest")
    return jnp.tril(A) * (1.0 - 0.5 * jnp.eye(L.shape[-1], dtype=L.dtype))[None]


def _covariance_times(L: Matrices, v: Columns) -> Columns:
    """L Lᵀ v, latent by latent."""
    w = jnp.einsum("lki,kl->il", L, v, precision="highest")
    return jnp.einsum("lik,kl->il", L, w, precision="highest")
