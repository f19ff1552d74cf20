"""Random values for Parameters: draws from their priors, and starts scattered over the unconstrained space."""

import zlib
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ._held import working_dtype
from ._parameter import Parameter, check_shape, rebuild
from ._paths import Named, Path, text_of, walk
from ._place import below, resolve, whole
from ._random import read_key
from ._tfp import tfd
from ._ties import groups
from ._transforms import elementwise, inverse, lenient_promotion
from ._writing import write

_TRIES = 100


def sample_prior(where: Any, key: Key[Array, ""], *, include_frozen: bool = False) -> Any:
    """Draw Parameters from their priors; those without a prior stay as they are.

    Parameters
    ----------
    where
        A tree, or a place in one: all Parameters at or below it.
    key
        JAX's random key. Each Parameter draws from the key and its own path, so that a change elsewhere in the model
        leaves its draw alone.
    include_frozen
        Whether frozen Parameters (and frozen elements) are drawn too.

    Returns
    -------
    The new tree. A draw outside the transform's domain is drawn again: the prior is cut to the domain.

    Raises
    ------
    ValueError
        If no Parameter there has a prior, or a hundred draws of one all fall outside its domain. (Inside `jit`, where
        nothing can be raised, the value is then not finite.)

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> from tensorflow_probability.substrates.jax import distributions as tfd
    >>> p = gp.Parameter(1.0, transform=gp.positive(), prior=tfd.Gamma(2.0, 1.0))
    >>> print(bool(gp.sample_prior(p, jax.random.key(0)) > 0.0))
    True
    """
    read_key(key, "sample_prior")
    tree, targets = resolve(where)
    whole(targets, "sample_prior")
    chosen = [(path, p) for path, p in _chosen(tree, targets, include_frozen) if p._spec.prior is not None]
    if not chosen:
        raise ValueError("sample_prior: no Parameter there has a prior; gp.set_prior(place, distribution) gives one")
    edits = {path: _drawn(p, _own_key(key, path), text_of(path), include_frozen) for path, p in chosen}
    return write(tree, edits)


def randomize(where: Any, key: Key[Array, ""], *, spread: float = 1.0) -> Any:
    """Scatter the trainable Parameters, for fits from several starts.

    One with a prior is drawn from it. Any other moves in the unconstrained space by a normal step, where every point is
    a legal value: a Softplus or Exp parameter stays positive, a bounded one inside its bounds.

    Parameters
    ----------
    where
        A tree, or a place in one.
    key
        JAX's random key; used path by path, as in `sample_prior`.
    spread
        Standard deviation of the step, in unconstrained units.

    Returns
    -------
    The new tree. For a batch of starts: ``eqx.filter_vmap(lambda key: gp.randomize(model, key))(keys)``.

    Raises
    ------
    ValueError
        If nothing there is trainable, or the spread is negative or not finite.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> start = gp.randomize(gp.kernels.SquaredExponential(), jax.random.key(1))
    >>> bool(start.variance > 0.0) and float(start.variance) != 1.0
    True
    """
    if not isinstance(spread, jax.core.Tracer) and not (np.isfinite(spread) and spread >= 0.0):
        raise ValueError(f"randomize(spread={spread}): expected a finite number of at least 0")
    read_key(key, "randomize")
    tree, targets = resolve(where)
    whole(targets, "randomize")
    chosen = _chosen(tree, targets, include_frozen=False)
    if not chosen:
        raise ValueError("randomize: no Parameter there is trainable")
    edits: dict[Path, Any] = {}
    for path, p in chosen:
        own = _own_key(key, path)
        if p._spec.prior is not None:
            edits[path] = _drawn(p, own, text_of(path), include_frozen=False)
            continue
        u = jnp.asarray(p.unconstrained)
        step = spread * jax.random.normal(own, u.shape, working_dtype(u.dtype))
        edits[path] = _moved(p, u + step.astype(u.dtype), include_frozen=False)
    return write(tree, edits)


def _chosen(tree: Any, targets: Any, include_frozen: bool) -> list[Named]:
    """Parameters at or below the targets, of tied ones just the first."""
    named = walk(tree)[0]
    later = {named[i].path for members in groups(named) for i in members[1:]}
    first = {named[i].path: named[members[0]] for members in groups(named) for i in members}
    found: dict[Path, Any] = {}
    for path, leaf in below(tree, targets):
        if isinstance(leaf, Parameter) and (leaf.trainable or include_frozen):
            path, leaf = first[path] if path in later else (path, leaf)
            found[path] = leaf
    return [Named(path, leaf) for path, leaf in found.items()]


def _own_key(key: Any, path: Path) -> Any:
    return jax.random.fold_in(key, zlib.crc32(text_of(path).encode()))


def _moved(p: Parameter, u: Array, include_frozen: bool) -> Parameter:
    mask = p._spec.mask
    if mask is not None and not include_frozen:
        u = jnp.where(mask.frozen, p.unconstrained, u)
    return rebuild(u, p._spec)


def _drawn(p: Parameter, key: Any, name: str, include_frozen: bool) -> Parameter:
    spec = p._spec
    on_value = spec.prior_on == "constrained"
    shape = p.shape if on_value else tuple(p.unconstrained.shape)
    dtype = p.unconstrained.dtype
    one_by_one = elementwise(spec.transform)

    def draw(key: Any) -> tuple[Array, Array]:
        x = sample(spec.prior, shape, key, name).astype(dtype)
        u = inverse(spec.transform, x) if on_value else x
        return u, jnp.isfinite(u) if one_by_one else jnp.all(jnp.isfinite(u))

    def again(carry: tuple) -> tuple:
        key, u, good, tries = carry
        key, own = jax.random.split(key)
        new, fine = draw(own)
        return key, jnp.where(good, u, new), good | fine, tries + 1

    key, own = jax.random.split(key)
    carry = (key, *draw(own), 1)
    _, u, good, _ = jax.lax.while_loop(lambda c: ~jnp.all(c[2]) & (c[3] < _TRIES), again, carry)
    if not isinstance(good, jax.core.Tracer) and not np.all(good):
        raise ValueError(
            f"{name}: {_TRIES} draws from its prior, {spec.prior}, all fell outside the domain of {spec.transform}. "
            "Give a prior whose mass is inside."
        )
    return _moved(p, u, include_frozen)


def sample(prior: Any, shape: tuple[int, ...], key: Any, name: str) -> Array:
    """Draw an array of exactly this shape: a prior of one number is drawn for each element."""
    own = prior.obj
    event = tuple(own.event_shape)
    batch = shape[: len(shape) - len(event)]
    check_shape(prior, shape, name)
    with lenient_promotion():
        if len(own.batch_shape) == 0:
            return own.sample(batch, seed=key)
        return tfd.BatchBroadcast(own, batch).sample(seed=key)
