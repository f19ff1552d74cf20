"""Markov chain Monte Carlo over the Parameters of any model with priors: BlackJAX's NUTS, on one flat vector.

The chains run side by side in one compiled program, on the unconstrained numbers of the trainable Parameters; what comes
back are values by path, models, and what tells whether the chains can be trusted.
"""

import dataclasses
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import tabulate
from jaxtyping import Array, Key

from .parameters import LogDensity, Parameter, log_density, parameter_dict, read_key


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Draws from a posterior; made by `sample`.

    Parameters
    ----------
    draws
        Constrained values of each trainable Parameter by path, [chains, draws, ...].
    unconstrained
        The same as the sampler saw them, [chains, draws, n].
    log_density
        Log posterior density of each draw in the unconstrained space, up to a constant.
    acceptance
        Acceptance rate of each draw's trajectory.
    diverging
        Whether a draw's trajectory left the surface of constant energy; there should be none.
    num_steps
        Leapfrog steps of each draw.
    energy
        Energy of each draw.
    step_size
        Adapted step size of each chain.
    density
        The density that was sampled; makes models of vectors.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> from tensorflow_probability.substrates.jax import distributions as tfd
    >>> p = gp.Parameter(0.0, prior=tfd.Normal(0.0, 1.0))
    >>> posterior = gp.sample(p, lambda p: -0.5 * (p - 2.0) ** 2, key=jax.random.key(0), num_samples=200, num_warmup=200)
    >>> posterior.draws[""].shape, isinstance(posterior.model(0, 10), gp.Parameter)
    ((4, 200), True)
    """

    draws: Mapping[str, np.ndarray]
    unconstrained: np.ndarray
    log_density: np.ndarray
    acceptance: np.ndarray
    diverging: np.ndarray
    num_steps: np.ndarray
    energy: np.ndarray
    step_size: np.ndarray
    density: LogDensity

    @property
    def num_chains(self) -> int:
        """Number of chains."""
        return self.unconstrained.shape[0]

    @property
    def num_samples(self) -> int:
        """Number of draws of each chain."""
        return self.unconstrained.shape[1]

    def model(self, chain: int, draw: int) -> Any:
        """The model of one draw."""
        return self.density.model(jnp.asarray(self.unconstrained[chain, draw]))

    def __len__(self) -> int:
        return self.num_chains * self.num_samples

    def __iter__(self) -> Iterator[Any]:
        """The models of all draws, chain after chain."""
        return (self.model(*divmod(i, self.num_samples)) for i in range(len(self)))

    def stack(self, thin: int = 1) -> Any:
        """Every thin-th draw of all chains as one model, each array with a leading axis; see `gparams.stack`.

        Parameters
        ----------
        thin
            Draws from one that is kept to the next.

        Returns
        -------
        A model of the same structure.

        Raises
        ------
        ValueError
            If `thin` is less than 1.
        """
        return _models(self.density, jnp.asarray(self._thinned(thin)))

    def map(self, fn: Callable[[Any], Any], *, thin: int = 1, batch_size: int = 32) -> Any:
        """Apply a function to the model of every thin-th draw of all chains, in one compiled program.

        Parameters
        ----------
        fn
            Takes a model, returns arrays, such as ``lambda m: m.predict_f(Xnew)``.
        thin
            Draws from one that is used to the next.
        batch_size
            Models that are worked on at once, which bounds the memory.

        Returns
        -------
        What `fn` returns, each array with a leading axis, the draws.

        Raises
        ------
        ValueError
            If `thin` is less than 1.
        """
        return _map(self.density, fn, jnp.asarray(self._thinned(thin)), batch_size)

    def _thinned(self, thin: int) -> np.ndarray:
        if thin < 1:
            raise ValueError(f"Samples: expected thin of at least 1, got {thin}")
        kept = self.unconstrained[:, ::thin]
        return kept.reshape(-1, kept.shape[-1])

    def diagnostics(self) -> dict[str, dict[str, np.ndarray]]:
        """R-hat, and effective sample sizes of bulk and tails, of every element by path.

        R-hat compares halves of chains, normalised by ranks: above 1.01 they have not mixed.

        Returns
        -------
        Path to ``{"rhat": ..., "ess_bulk": ..., "ess_tail": ...}``, arrays of the shape of the value.

        Raises
        ------
        ImportError
            If BlackJAX is not installed.

        References
        ----------
        Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), *Rank-normalization, folding, and localization: an improved
        R-hat*.
        """
        flat = {path: draws.reshape(self.num_chains, self.num_samples, -1) for path, draws in self.draws.items()}
        chains = np.concatenate(list(flat.values()), axis=-1)
        promotion, rank = _lenient()
        with promotion, rank:
            found = _diagnose(_blackjax(), jnp.asarray(_halves(chains) if self.num_chains == 1 else chains))
        ends = np.cumsum([part.shape[-1] for part in flat.values()])[:-1]
        pieces = {name: np.split(np.atleast_1d(np.asarray(values)), ends) for name, values in found.items()}
        shapes = {path: draws.shape[2:] for path, draws in self.draws.items()}
        return {
            path: {name: pieces[name][i].reshape(shape) for name in pieces}
            for i, (path, shape) in enumerate(shapes.items())
        }

    def summary(self) -> str:
        """Table of mean, standard deviation, quantiles, R-hat and effective sample sizes of every element.

        Raises
        ------
        ImportError
            If BlackJAX is not installed.
        """
        rows = []
        for path, facts in self.diagnostics().items():
            draws = self.draws[path].reshape(len(self), -1)
            shape = self.draws[path].shape[2:]
            low, high = np.quantile(draws, [0.05, 0.95], axis=0)
            columns = (draws.mean(0), draws.std(0, ddof=1), low, high)
            columns += tuple(facts[name].reshape(-1) for name in ("rhat", "ess_bulk", "ess_tail"))
            for i, numbers in enumerate(zip(*columns, strict=True)):
                index = f"[{', '.join(str(k) for k in np.unravel_index(i, shape))}]" if shape else ""
                rows.append([path + index, *numbers])
        headers = ["name", "mean", "sd", "5%", "95%", "R-hat", "ESS bulk", "ESS tail"]
        formats = ("", ".4g", ".3g", ".4g", ".4g", ".3f", ".0f", ".0f")
        return tabulate.tabulate(rows, headers=headers, floatfmt=formats)

    def to_arviz(self) -> Any:
        """The draws as ArviZ's own data structure, with groups `posterior` and `sample_stats`.

        Raises
        ------
        ImportError
            If ArviZ is not installed.
        """
        try:
            import arviz
        except ImportError as error:
            raise ImportError('to_arviz needs ArviZ: pip install "gparams[sample]"') from error
        groups: dict[str, Any] = {
            "posterior": {path or "value": draws for path, draws in self.draws.items()},
            "sample_stats": {
                "lp": self.log_density,
                "acceptance_rate": self.acceptance,
                "diverging": self.diverging,
                "n_steps": self.num_steps,
                "energy": self.energy,
                "step_size": np.broadcast_to(self.step_size[:, None], self.acceptance.shape),
            },
        }
        if int(arviz.__version__.split(".")[0]) < 1:
            return arviz.from_dict(**groups)
        return arviz.from_dict(groups)

    def __repr__(self) -> str:
        return (
            f"Samples({self.num_chains} chains of {self.num_samples} draws of {self.unconstrained.shape[-1]} numbers, "
            f"acceptance {self.acceptance.mean():.2f}, {int(self.diverging.sum())} divergences)"
        )


def sample(
    model: Any,
    log_likelihood: Callable[..., Any] | None = None,
    data: Any = None,
    *,
    key: Key[Array, ""],
    num_samples: int = 1000,
    num_warmup: int = 1000,
    num_chains: int = 4,
    spread: float = 0.1,
    target_acceptance: float = 0.8,
    max_doublings: int = 10,
    dense_mass: bool = False,
    allow_flat: bool = False,
) -> Samples:
    r"""Draw the trainable Parameters from their posterior, with the No-U-Turn sampler.

    The density is that of `log_density`: log likelihood, log prior, and the log Jacobian of the transforms, over one vector
    of unconstrained numbers. Step size and mass matrix are adapted in the warm-up, chain by chain, in Stan's windows.
    Frozen Parameters stay as they are.

    Parameters
    ----------
    model
        Any PyTree with Parameters; every trainable one has a prior.
    log_likelihood
        A function ``log_likelihood(model)``, or ``log_likelihood(model, data)``. By default the model's own
        `maximum_log_likelihood_objective`.
    data
        Anything the log likelihood takes beside the model.
    key
        JAX random key.
    num_samples, num_warmup
        Draws of each chain that are kept, and steps of adaptation before them.
    num_chains
        Number of chains; they run under `jax.vmap`.
    spread
        The chains start at the model's own numbers plus a normal step of this standard deviation, the first at the numbers
        themselves.
    target_acceptance
        Acceptance rate that the step size is adapted to. Closer to 1 takes smaller steps, which is the mend for
        divergences.
    max_doublings
        A trajectory has at most :math:`2^{\text{max\_doublings}}` steps.
    dense_mass
        Whether the mass matrix is full, for strongly correlated posteriors, and not diagonal.
    allow_flat
        Whether a trainable Parameter may have no prior. Its prior is then flat in the unconstrained space, and the
        posterior may be improper.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        If a trainable Parameter has no prior, nothing is trainable, a number is out of range, or the density is not finite
        at the start of a chain.
    TypeError
        If there is no log likelihood.
    ImportError
        If BlackJAX is not installed.

    Warns
    -----
    UserWarning
        If trajectories diverged.

    References
    ----------
    Hoffman & Gelman (2014), *The No-U-Turn sampler*; Betancourt (2017), *A conceptual introduction to Hamiltonian Monte
    Carlo*; BlackJAX (Cabezas et al. 2024), whose implementation it is.

    Examples
    --------
    >>> import gparams as gp
    >>> import jax
    >>> import numpy as np
    >>> from tensorflow_probability.substrates.jax import distributions as tfd
    >>> X = np.linspace(0.0, 6.0, 20)[:, None]
    >>> model = gp.models.GPR((X, np.sin(X)), kernel=gp.kernels.SquaredExponential(), noise_variance=0.01)
    >>> model = gp.set_trainable(model.at.likelihood, False)
    >>> model = gp.set_prior(gp.at(model, "kernel.*"), tfd.Gamma(2.0, 1.0))
    >>> posterior = gp.sample(model, key=jax.random.key(0), num_samples=100, num_warmup=100, num_chains=2)
    >>> list(posterior.draws), posterior.map(lambda m: m.predict_f(X[:3])[0]).shape
    (['kernel.variance', 'kernel.lengthscales'], (200, 3, 1))
    """
    if min(num_samples, num_chains) < 1 or num_warmup < 0 or not 0.0 < target_acceptance < 1.0:
        raise ValueError(
            "sample: expected num_samples and num_chains of at least 1, num_warmup of at least 0 and target_acceptance "
            f"between 0 and 1, got {num_samples}, {num_chains}, {num_warmup} and {target_acceptance}"
        )
    read_key(key, "sample")
    density = log_density(model, _likelihood(model, log_likelihood, data))
    if not allow_flat:
        _refuse_flat(model, density)
    starts, sampler_key = _starts(density, key, num_chains, spread)
    settings = _Settings(num_samples, num_warmup, target_acceptance, max_doublings, dense_mass)
    promotion, rank = _lenient()
    with promotion, rank:
        out = _run(_blackjax(), density, starts, jax.random.split(sampler_key, num_chains), settings)
    points, *facts = (np.asarray(array) for array in out)
    draws = {path: np.asarray(value) for path, value in _values(density, jnp.asarray(points)).items()}
    log_p, acceptance, diverging, num_steps, energy, step_size = facts
    samples = Samples(
        {path: draws[path] for path in density.unravel(density.initial)},
        points, log_p, acceptance, diverging, num_steps, energy, step_size, density,
    )  # fmt: skip
    if count := int(samples.diverging.sum()):
        warnings.warn(
            f"sample: {count} of {len(samples)} trajectories diverged, and parts of the posterior may be missing. Try a "
            f"target_acceptance above {target_acceptance:g}, or a prior that keeps away from the trouble.",
            stacklevel=2,
        )
    return samples


@dataclasses.dataclass(frozen=True)
class _Settings:
    num_samples: int
    num_warmup: int
    target_acceptance: float
    max_doublings: int
    dense_mass: bool


def _blackjax() -> types.ModuleType:
    try:
        import blackjax
        import blackjax.diagnostics
    except ImportError as error:
        raise ImportError('sampling needs BlackJAX: pip install "gparams[sample]"') from error
    return blackjax


def _lenient() -> tuple[Any, Any]:
    """BlackJAX mixes dtypes and ranks."""
    return jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow")


@final
class _OfData(eqx.Module):
    """A log likelihood with its data, which stay arguments of what is compiled."""

    fn: Callable[..., Any]
    data: Any

    def __call__(self, model: Any) -> Any:
        return self.fn(model) if self.data is None else self.fn(model, self.data)


def _likelihood(model: Any, fn: Callable[..., Any] | None, data: Any) -> Callable[[Any], Any]:
    if fn is None:
        if not callable(getattr(type(model), "maximum_log_likelihood_objective", None)):
            raise TypeError(
                f"sample: {type(model).__name__} has no maximum_log_likelihood_objective; give one: sample(model, "
                "log_likelihood, ...), where log_likelihood(model) is a number"
            )
        fn = _objective
    if not callable(fn):
        raise TypeError(f"sample: expected log_likelihood to be a function of the model, got {fn!r}")
    data = jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, data)
    return _OfData(fn, data)


def _objective(model: Any, *data: Any) -> Any:
    return model.maximum_log_likelihood_objective(*data)


def _refuse_flat(model: Any, density: LogDensity) -> None:
    found = parameter_dict(model)
    flat = [path for path in density.flat.params if isinstance(p := found[path], Parameter) and p.prior is None]
    if flat:
        raise ValueError(
            f"sample: these trainable Parameters have no prior: {', '.join(flat)}. Give one with gp.set_prior, hold them "
            "with gp.set_trainable(place, False), or pass allow_flat=True for a flat prior in the unconstrained space"
        )


def _starts(density: LogDensity, key: Any, num: int, spread: float) -> tuple[Array, Any]:
    start_key, sampler_key = jax.random.split(key)
    x = density.initial.astype(jax.dtypes.canonicalize_dtype(np.float64))
    steps = spread * jax.random.normal(start_key, (num, x.size), x.dtype)
    starts = x[None] + steps.at[0].set(0.0)
    bad = ~np.isfinite(np.asarray(_densities(density, starts)))
    if bad.any():
        raise ValueError(
            f"sample: the log density is not finite where chains {np.flatnonzero(bad).tolist()} of {num} start. Fit the "
            "model first, or give a smaller spread"
        )
    return starts, sampler_key


@eqx.filter_jit
def _densities(density: LogDensity, points: Array) -> Array:
    return jax.vmap(density)(points)


@eqx.filter_jit
def _run(blackjax: Any, density: LogDensity, starts: Array, keys: Array, settings: _Settings) -> tuple[Array, ...]:
    def chain(key: Array, x: Array) -> tuple[Array, ...]:
        def log_density(x: Array) -> Array:
            return density(x).astype(x.dtype)

        warm_key, key = jax.random.split(key)
        warmup = blackjax.window_adaptation(
            blackjax.nuts,
            log_density,
            is_mass_matrix_diagonal=not settings.dense_mass,
            target_acceptance_rate=settings.target_acceptance,
            adaptation_info_fn=blackjax.adaptation.base.get_filter_adapt_info_fn(),
            max_num_doublings=settings.max_doublings,
        )
        (state, adapted), _ = warmup.run(warm_key, x, settings.num_warmup)
        kernel = blackjax.nuts(log_density, **adapted)

        def step(state: Any, key: Array) -> tuple[Any, tuple[Array, ...]]:
            state, info = kernel.step(key, state)
            facts = (info.acceptance_rate, info.is_divergent, info.num_integration_steps, info.energy)
            return state, (state.position, state.logdensity, *facts)

        _, draws = jax.lax.scan(step, state, jax.random.split(key, settings.num_samples))
        return *draws, adapted["step_size"]

    return jax.vmap(chain)(keys, starts)


@eqx.filter_jit
def _values(density: LogDensity, points: Array) -> dict[str, Array]:
    def one(x: Array) -> dict[str, Array]:
        found = parameter_dict(density.model(x))
        return {path: found[path].value for path in density.flat.params}

    return jax.vmap(jax.vmap(one))(points)


@eqx.filter_jit
def _models(density: LogDensity, points: Array) -> Any:
    return eqx.filter_vmap(density.model)(points)


@eqx.filter_jit
def _map(density: LogDensity, fn: Callable[[Any], Any], points: Array, batch_size: int) -> Any:
    return jax.lax.map(lambda x: fn(density.model(x)), points, batch_size=batch_size)


@eqx.filter_jit
def _diagnose(blackjax: Any, chains: Array) -> dict[str, Array]:
    return {name: getattr(blackjax.diagnostics, name)(chains) for name in ("rhat", "ess_bulk", "ess_tail")}


def _halves(draws: np.ndarray) -> np.ndarray:
    """One chain as two of half its length."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
