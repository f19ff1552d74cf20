"""Adam and any other optax optimiser, one step a call, on stateful Parameters."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
import optax

from ._captures import Untraceable
from ._extras import LossClosure
from ._fingerprint import Same
from ._moving import Moving
from ._parameter import Variable
from ._programs import Uncompiled, program_for, trainable_cells


class Optimizer:
    """An optax optimiser in the manner of TensorFlow's: one step at each call, its state kept with it.

    Parameters
    ----------
    transformation
        An optax gradient transformation, such as ``optax.adamw(1e-3)``.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> import optax
    >>> p = gpflow.Parameter(1.0)
    >>> optimizer = gpflow.optimizers.Optimizer(optax.sgd(0.25))
    >>> for _ in range(50):
    ...     optimizer.minimize(lambda: (p - 3.0) ** 2, [p])
    >>> round(float(p), 6)
    3.0
    """

    def __init__(self, transformation: Any):
        if not isinstance(transformation, optax.GradientTransformation):
            raise TypeError(f"Optimizer: expected an optax gradient transformation, got {transformation!r}")
        self.transformation = transformation
        self.state: Any = None
        self.rate: Any = None  # a learning rate that was set between steps
        self._keys: tuple[Any, ...] = ()
        self._last: Any = None

    def minimize(self, loss: Callable[[], Any], var_list: Any = None, *, variables: Any = None) -> None:
        """Take one step.

        Parameters
        ----------
        loss
            A function without arguments that returns the loss. It is traced once for each structure of what it reads.
        var_list, variables
            What to move, such as ``model.trainable_variables``. Those of them that are frozen now are not moved.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the loss, or its gradient, was not finite at the step before; that step has changed nothing.
        TypeError, ValueError
            As for `Scipy.minimize`.
        """
        self._check()
        cells = trainable_cells(variables if var_list is None else var_list)
        loss = loss.step() if isinstance(loss, LossClosure) else loss
        try:
            program, captured = program_for(loss, cells)
        except Untraceable:
            program = Uncompiled(loss, cells)
            step = self._step(program.loss)
            inputs: Any = ()
        else:
            step = program.compiled(Same(self.transformation), lambda: jax.jit(self._step(program.loss)))
            inputs = program.inputs(captured)
        params = program.moving.params()
        self._last, params, self.state = step(params, self._state_for(params), inputs)
        program.moving.write(params)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> None:
        """Take one step along gradients that are given.

        Parameters
        ----------
        grads_and_vars
            Pairs of gradient and variable, such as ``zip(grads, model.trainable_variables)``. Those variables that are
            frozen now are not moved.
        """
        pairs = list(grads_and_vars)
        named = [v.parameter if isinstance(v, Variable) else v for _, v in pairs]
        moving = Moving(trainable_cells(named))
        params = moving.params()
        given = {id(cell): g for cell, (g, _) in zip(named, pairs, strict=True)}
        gradients = {
            key: jnp.asarray(given[id(cell)]).reshape(params[key].shape)
            for key, cell in zip(moving.keys, moving.cells, strict=True)
        }
        new, self.state = self._moved(gradients, self._state_for(params), params)
        moving.write(new)

    def _moved(self, gradients: Any, state: Any, params: Any) -> tuple[Any, Any]:
        with jax.numpy_dtype_promotion("standard"):  # optax mixes dtypes
            updates, state = self.transformation.update(gradients, state, params)
            return optax.apply_updates(params, updates), state

    def _step(self, loss: Callable[..., Any]) -> Callable[..., Any]:
        def step(params: Any, state: Any, inputs: Any) -> tuple[Any, Any, Any]:
            value, gradient = jax.value_and_grad(loss)(params, inputs)
            new, new_state = self._moved(gradient, state, params)
            finite = jnp.isfinite(value) & jnp.all(jnp.stack([jnp.all(jnp.isfinite(g)) for g in gradient.values()]))

            def keep(a: Any, b: Any) -> Any:
                return jnp.where(finite, a, b)

            return (
                jnp.where(finite, value, jnp.nan),
                jtu.tree_map(keep, new, params),
                jtu.tree_map(keep, new_state, state),
            )

        return step

    def _check(self) -> None:
        if self._last is not None and not np.isfinite(self._last):
            self._last = None
            raise np.linalg.LinAlgError(
                "minimize: the loss or its gradient was not finite at the last step, which has changed nothing. A "
                "covariance matrix may not be positive definite: look at print_summary(model), and take smaller steps or "
                "more noise."
            )

    def _state_for(self, params: dict[str, Any]) -> Any:
        """The state, carried over by variable where the set of variables is another one than before."""
        keys = tuple((key, value.shape) for key, value in sorted(params.items()))
        if keys != self._keys:
            fresh = self.transformation.init(params)
            self.state = fresh if self.state is None else _carried(self.state, fresh)
            self._keys = keys
            self._set_rate()
        return self.state

    def _set_rate(self) -> None:
        if self.rate is not None and self.state is not None:
            known = self.state.hyperparams
            rate = jnp.asarray(self.rate, known["learning_rate"].dtype)
            self.state = self.state._replace(hyperparams={**known, "learning_rate": rate})


def _carried(old: Any, fresh: Any) -> Any:
    known = {jtu.keystr(path): leaf for path, leaf in jtu.tree_flatten_with_path(old)[0]}

    def one(path: Any, leaf: Any) -> Any:
        before = known.get(jtu.keystr(path))
        return before if before is not None and jnp.shape(before) == jnp.shape(leaf) else leaf

    return jtu.tree_map_with_path(one, fresh)


def keras_style(name: str, make: Callable[..., Any], default_rate: float, renamed: dict[str, str]) -> type:
    """Make the class of an optimiser with TensorFlow's name and keywords."""
    fixed = tuple(key for key in inspect.signature(make).parameters if key != "learning_rate")

    def __init__(self: Any, learning_rate: Any = default_rate, **kwargs: Any) -> None:
        kwargs.pop("name", None)
        lr = kwargs.pop("lr", learning_rate)
        unknown = [key for key in kwargs if key not in renamed]
        if unknown:
            raise TypeError(f"{name}: does not take {unknown}; it takes learning_rate, {', '.join(renamed)}")
        settings = {renamed[key]: value for key, value in kwargs.items()}
        built = optax.inject_hyperparams(make, static_args=fixed)(learning_rate=lr, **settings)
        Optimizer.__init__(self, built)
        self._given_rate = lr

    def read(self: Any) -> Any:
        return self._given_rate if self.rate is None else self.rate

    def write(self: Any, rate: Any) -> None:
        self.rate = rate
        self._set_rate()

    doc = f"""TensorFlow's {name}: `Optimizer` over optax, with TensorFlow's keywords.

    Parameters
    ----------
    learning_rate
        Step size, or an optax schedule; {default_rate} by default. May be set between steps.
    **kwargs
        {", ".join(renamed) or "None"}.

    Examples
    --------
    >>> import gparams.gpflow as gpflow
    >>> p = gpflow.Parameter(1.0)
    >>> gpflow.optimizers.{name}(0.1).minimize(lambda: (p - 3.0) ** 2, [p])
    >>> 1.0 < float(p) < 3.0
    True
    """
    return type(name, (Optimizer,), {"__init__": __init__, "learning_rate": property(read, write), "__doc__": doc})


def _adam(learning_rate: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-7) -> Any:
    return optax.adam(learning_rate, b1=b1, b2=b2, eps=eps)


_BETAS = {"beta_1": "b1", "beta_2": "b2", "epsilon": "eps"}
Adam = keras_style("Adam", _adam, 0.001, _BETAS)
AdamW = keras_style("AdamW", optax.adamw, 0.001, {**_BETAS, "weight_decay": "weight_decay"})
Nadam = keras_style("Nadam", optax.nadam, 0.001, _BETAS)
SGD = keras_style("SGD", optax.sgd, 0.01, {"momentum": "momentum", "nesterov": "nesterov"})
RMSprop = keras_style("RMSprop", optax.rmsprop, 0.001, {"rho": "decay", "momentum": "momentum", "epsilon": "eps"})
Adagrad = keras_style("Adagrad", optax.adagrad, 0.001, {"epsilon": "eps"})
Adamax = keras_style("Adamax", optax.adamax, 0.001, _BETAS)
