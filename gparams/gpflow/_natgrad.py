"""Natural-gradient steps on stateful q_mu and q_sqrt; the step itself is that of `gparams.fitting.NaturalGradient`."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..fitting import XiNat, XiTransform
from ..fitting._natural import Pair, back_off, check_pair
from ..fitting._optax import all_finite
from ..parameters import assign
from ._captures import Untraceable
from ._extras import LossClosure
from ._parameter import Parameter
from ._programs import Uncompiled, program_for

_MAX_HALVINGS = 20


class NaturalGradient:
    """Natural-gradient descent on pairs (q_mu, q_sqrt), one step a call, in place.

    It moves exactly the Parameters that it is given, whatever their trainable flag: freeze them, so that another optimiser
    passes them by. Where a step would leave the positive definite matrices, it is tried again with gamma halved.

    Parameters
    ----------
    gamma
        Length of a step, above 0; 1 is exact for a Gaussian likelihood.
    xi_transform
        Parametrisation of the step: `XiNat` or `XiSqrtMeanVar`.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import numpy as np
    >>> X = np.linspace(0.0, 1.0, 5)[:, None]
    >>> model = gpflow.models.VGP((X, np.sin(X)), gpflow.kernels.RBF(), gpflow.likelihoods.Gaussian(0.1))
    >>> exact = gpflow.models.GPR((X, np.sin(X)), gpflow.kernels.RBF(), noise_variance=0.1)
    >>> natgrad = gpflow.optimizers.NaturalGradient(gamma=1.0)
    >>> natgrad.minimize(model.training_loss, [(model.q_mu, model.q_sqrt)])
    >>> bool(abs(model.elbo() - exact.log_marginal_likelihood()) < 1e-4)
    True
    """

    def __init__(self, gamma: Any, xi_transform: Any = XiNat(), name: str | None = None):  # noqa: B008
        self.gamma, self.xi_transform = gamma, xi_transform
        self.name = name or "NaturalGradient"

    def minimize(self, loss_fn: Callable[[], Any], var_list: Sequence[Any]) -> None:
        """Take one step.

        Parameters
        ----------
        loss_fn
            A function without arguments that returns the loss, such as ``model.training_loss``.
        var_list
            Pairs (q_mu, q_sqrt), or triples with a transform of their own.

        Raises
        ------
        TypeError
            If an item is not such a pair of Parameters.
        ValueError
            If their shapes don't belong together, as those of (q_sqrt, q_mu) do not; or one is frozen in part.
        numpy.linalg.LinAlgError
            If the loss or its gradient is not finite; nothing is changed then.
        """
        pairs, xis = self._read(var_list)
        cells = tuple(p for pair in pairs for p in pair)
        loss = loss_fn.step() if isinstance(loss_fn, LossClosure) else loss_fn
        program: Any
        try:
            program, captured = program_for(loss, cells)
        except Untraceable:
            program, step = Uncompiled(loss, cells), _step(Uncompiled(loss, cells), xis)
            inputs: Any = ()
        else:
            step = program.compiled(("natural", xis), lambda: jax.jit(_step(program, xis)))
            inputs = program.inputs(captured)
        params, finite = step(program.moving.params(), jnp.asarray(self.gamma, cells[0].dtype), inputs)
        if not finite:
            raise np.linalg.LinAlgError(
                "NaturalGradient: the loss or its gradient is not finite here; nothing was changed. Look at "
                "print_summary(model): is q_sqrt singular, or a kernel matrix not positive definite?"
            )
        program.moving.write(params)

    def _read(self, var_list: Sequence[Any]) -> tuple[list[tuple[Parameter, Parameter]], tuple[XiTransform, ...]]:
        pairs, xis = [], []
        for entry in var_list:
            mean, root, *own = entry if isinstance(entry, list | tuple) else (None, None)
            if not (isinstance(mean, Parameter) and isinstance(root, Parameter)):
                raise TypeError(f"NaturalGradient: expected pairs of Parameters (q_mu, q_sqrt), got {entry!r}")
            check_pair(Pair("q_mu", "q_sqrt", self.xi_transform), mean.held, root.held)
            pairs.append((mean, root))
            xis.append(own[0] if own and own[0] is not None else self.xi_transform)
        return pairs, tuple(xis)


def _step(program: Any, xis: tuple[XiTransform, ...]) -> Callable[..., tuple[Any, Any]]:
    """One step as a pure function: unconstrained arrays in, unconstrained arrays out."""

    def step(params: dict[str, Any], gamma: Any, inputs: Any) -> tuple[dict[str, Any], Any]:
        keys = program.moving.keys
        helds = dict(zip(keys, program.moving.moved(params), strict=True))
        values = {key: helds[key].value for key in keys}

        def loss(values: dict[str, Any]) -> Any:
            return program.loss({key: assign(helds[key], values[key]).unconstrained for key in keys}, inputs)

        value, slopes = jax.value_and_grad(loss)(values)
        finite = all_finite(value, slopes)
        new = dict(params)
        for mean, root, xi in zip(keys[::2], keys[1::2], xis, strict=True):
            found = back_off(xi, gamma, values[mean], values[root], slopes[mean], slopes[root], finite, _MAX_HALVINGS)
            for key, moved in zip((mean, root), found, strict=False):
                new[key] = assign(helds[key], moved).unconstrained
        return new, finite

    return step
