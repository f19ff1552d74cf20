"""The log density of the priors that Parameters carry."""

from typing import Any, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._entry import default_float
from ._held import working_dtype
from ._parameter import Parameter, check_shape, read_space
from ._paths import text_of, walk
from ._ties import groups
from ._transforms import forward, lenient_promotion, log_det_jacobian


def log_prior(
    model: Any,
    space: Literal["constrained", "unconstrained"] = "constrained",
    *,
    include_frozen: bool = False,
) -> Float[Array, ""]:
    r"""Log density of the priors, summed over Parameters and their elements.

    With :math:`y = g(x)` the constrained value and :math:`x` the unconstrained one, a prior :math:`p` on :math:`y` adds

    .. math:: \log p(y) \text{ (constrained)}, \qquad \log p(g(x)) + \log|g'(x)| \text{ (unconstrained)}

    and a prior :math:`q` on :math:`x` adds :math:`\log q(x) - \log|g'(x)|` and :math:`\log q(x)`.

    Parameters
    ----------
    model
        Any PyTree with Parameters.
    space
        Space in which the sum is a density. The constrained one, the default, is what GPflow adds to a MAP objective; a
        sampler that moves unconstrained numbers needs the unconstrained one.
    include_frozen
        Whether the priors of frozen Parameters count; GPflow leaves them out, and so does the default.

    Returns
    -------
    A scalar in nats; 0 where there is no prior.

    Raises
    ------
    ValueError
        If `space` is neither of the two, or a prior is over arrays of a shape that its Parameter does not have.

    References
    ----------
    GPflow 2.11, ``Parameter.log_prior_density``. Gelman et al. (2013), *Bayesian Data Analysis*, section 1.8 (change of
    variables).

    Examples
    --------
    >>> import gparams as gp
    >>> from tensorflow_probability.substrates.jax import distributions as tfd
    >>> p = gp.Parameter(1.0, transform=gp.positive(), prior=tfd.Exponential(1.0))
    >>> print(gp.log_prior(p))
    -1.0
    """
    in_space = read_space(space, "space")
    named = walk(model)[0]
    repeated = {i for members in groups(named) for i in members[1:]}
    terms = [
        _log_density(leaf, in_space, text_of(path) or "Parameter")
        for i, (path, leaf) in enumerate(named)
        if isinstance(leaf, Parameter)
        and leaf._spec.prior is not None
        and (leaf._spec.trainable or include_frozen)
        and i not in repeated
    ]
    with lenient_promotion():
        return sum(terms[1:], start=terms[0]) if terms else jnp.zeros((), default_float())


def _log_density(p: Parameter, space: str, name: str) -> Array:
    spec, u = p._spec, jnp.asarray(p.unconstrained)
    held: Any = spec.prior
    on_value = spec.prior_on == "constrained"
    point = forward(spec.transform, u) if on_value else u
    point = point.astype(working_dtype(point.dtype))
    check_shape(held, tuple(point.shape), name)
    with lenient_promotion():
        density = jnp.sum(held.obj.log_prob(point))
    if spec.prior_on == space:
        return density
    jacobian = log_det_jacobian(spec.transform, u)
    return density + jacobian if on_value else density - jacobian
