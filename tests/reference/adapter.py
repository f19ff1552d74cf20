"""gparams behind the adapter that `compare` expects: specs to objects, calls to outputs and gradients."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
from tensorflow_probability.substrates import jax as tfp

import gparams as gp

from .oracle_format import Builder

# GPflow's names for what lives elsewhere here
NAMES = {
    "kullback_leiblers.gauss_kl": "maths.gauss_kl",
    "probability_distributions.": "expectations.",
    "conditionals.base_conditional": "maths.base_conditional",
    "functions": "mean_functions",
    "kernels.categorical": "kernels",
    "utilities.positive": "positive",
    "utilities.triangular": "triangular",
    "logdensities.": "maths.log_",
    "quadrature.gauss_hermite.gh_points_and_weights": "maths.gauss_hermite",
    "quadrature.gauss_hermite.ndgh_points_and_weights": "maths.gauss_hermite_grid",
    "quadrature.mvhermgauss": "maths.hermite_grid",
}

EXPONENTIAL = {"Softplus": gp.positive(base="exp"), "Softplus + Shift": gp.positive(lower=1e-6, base="exp")}


# GPflow's functions that are methods here
METHODS = {
    "covariances.Kuu": lambda inducing, kernel, **kwargs: inducing.Kuu(kernel, **kwargs),
    "covariances.Kuf": lambda inducing, kernel, X: inducing.Kuf(kernel, X),
}


def _resolve(name):
    if name in METHODS:
        return METHODS[name]
    for old, new in NAMES.items():
        name = name.replace(old, new)
    found = gp
    for step in name.split("."):
        found = getattr(found, step)
    return found


FUNCTIONS = {
    "exp": jnp.exp,
    "square": jnp.square,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "probit": jax.scipy.stats.norm.cdf,
    "laplace distribution": tfp.distributions.Laplace,
    "gamma of two": lambda F: tfp.distributions.Gamma(jnp.exp(F[..., :1]), jnp.exp(F[..., 1:])),
}


# priors and bijectors get plain Python floats, as a user would write them
make = Builder(
    _resolve,
    lambda name, args: getattr(tfp.distributions, name)(*args),
    lambda name, kwargs: getattr(tfp.bijectors, name)(**kwargs),
    jnp.asarray,
    FUNCTIONS,
)


def relaxed():
    """Promotion rules as JAX has them by default, for direct calls of TFP, which mixes ranks and dtypes."""
    return jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow")


def here(path):
    """GPflow's path without its leading dot."""
    return path.removeprefix(".")


def there(path):
    return f".{path}"


def transform_name(bijector):
    if bijector is None:
        return "Identity"
    if isinstance(bijector, tfp.bijectors.Chain):
        return " + ".join(type(part).__name__ for part in bijector.bijectors[::-1])
    return type(bijector).__name__


def by_constrained(parameter, gradient):
    """The gradient by the value, from that by the unconstrained variable."""
    if parameter.transform is None:
        return gradient
    if isinstance(parameter.transform, tfp.bijectors.FillTriangular):
        return parameter.transform.forward(gradient)  # it only puts elements into their places
    dtype, rank = relaxed()
    with dtype, rank:
        _, pull = jax.vjp(parameter.transform.inverse, parameter.value)
        return pull(gradient)[0]


def called(call):
    """The method of a call, or the free function."""
    return call["method"] if "method" in call else call["fn"]


class Adapter:
    def build(self, case):
        if case["build"] is None:
            return None  # the case of a free function
        with warnings.catch_warnings():
            # Said where GPflow ignores active_dims in silence; what it computes is the reference all the same.
            warnings.filterwarnings("ignore", "Categorical: the active_dims")
            obj, setup = make(case["build"]), case["setup"]
        if case["group"] == "bijector":
            return obj
        if case["config"].get("positive_bijector") == "exp":
            for path, parameter in gp.parameter_dict(obj).items():
                obj = gp.set_transform(gp.at(obj, path), EXPONENTIAL[transform_name(parameter.transform)])
        if setup.get("set"):
            obj = gp.multiple_assign(obj, {here(path): value for path, value in setup["set"].items()})
        for path, flag in setup.get("trainable", {}).items():
            obj = gp.set_trainable(gp.at(obj, here(path)), flag)
        for path, prior in setup.get("priors", {}).items():
            space = setup.get("prior_on", {}).get(path, "constrained")
            obj = gp.set_prior(gp.at(obj, here(path)), make(prior), prior_on=space)
        return obj

    def params(self, obj):
        return {
            there(path): {
                "value": np.asarray(p.value),
                "unconstrained": np.asarray(p.unconstrained),
                "shape": list(p.shape),
                "dtype": str(p.dtype),
                "transform": transform_name(p.transform),
                "prior": None if p.prior is None else type(p.prior).__name__,
                "trainable": p.trainable,
            }
            for path, p in gp.parameter_dict(obj).items()
        }

    def summary(self, obj, fmt):
        return gp.tabulate(obj, None if fmt == "None" else fmt)

    def _run(self, obj, method, args, kwargs):
        if obj is None:
            out = _resolve(method)(*args, **kwargs)
        elif method == "__call__":
            out = obj(*args, **kwargs)
        elif method == "posterior.predict_f":
            out = obj.posterior().predict_f(*args, **kwargs)
        elif method == "log_prior_density" and isinstance(obj, gp.Parameter):
            out = gp.log_prior(obj)
        elif isinstance(obj, tfp.bijectors.Bijector):
            dtype, rank = relaxed()
            with dtype, rank:
                out = getattr(obj, method)(*args, **kwargs)
        else:
            out = getattr(obj, method)(*args, **kwargs)
        return list(out) if isinstance(out, tuple | list) else [out]

    def evaluate(self, obj, calls):
        """All calls of a case in one compiled function: compiling is what takes the time."""
        if any(called(call) == "natgrad" for call in calls):
            return [(self.natgrad(obj, call), {}) for call in calls]
        params, static = gp.partition(obj)
        inputs = [make.arguments(call) for call in calls]

        def outputs(params, replaced, number):
            args, kwargs = inputs[number]
            args = [replaced.get(position, arg) for position, arg in enumerate(args)]
            return self._run(gp.combine(params, static), called(calls[number]), args, kwargs)

        def scalar(params, replaced, number):
            out = outputs(params, replaced, number)
            pairs = zip(calls[number]["weights"], out, strict=True)
            return sum(jnp.sum(jnp.reshape(jnp.asarray(w), o.shape) * o) for w, o in pairs), out

        @jax.jit
        def everything(params, arrays):
            slopes = jax.grad(scalar, argnums=(0, 1), has_aux=True)
            return [
                slopes(params, arrays[n], n) if "weights" in call else (({}, {}), outputs(params, {}, n))
                for n, call in enumerate(calls)
            ]

        watched = [
            {int(p): args[int(p)] for p in call.get("grad_args", {})}
            for call, (args, _) in zip(calls, inputs, strict=True)
        ]
        parameters, results = gp.parameter_dict(obj), []
        for (by_params, by_args), out in everything(params, watched):
            gradients = {f"a:{position}": g for position, g in by_args.items()}
            for path, g in by_params.items():
                gradients[f"u:{there(path)}"] = g
                gradients[f"c:{there(path)}"] = by_constrained(parameters[path], g)
            results.append((out, gradients))
        return results

    def natgrad(self, obj, call):
        """Variational mean and root after some steps of natural gradients, and the objective there."""
        args, kwargs = make.arguments(call)
        xi = getattr(gp.fitting, kwargs["xi"])()
        pair = [("q_mu", "q_sqrt")]
        solver = gp.fitting.NaturalGradient(kwargs["gamma"], variables=pair, xi=xi, steps=kwargs["steps"])
        data = args[0] if args else None
        model = gp.fit(gp.set_trainable(obj, False), data=data, solver=solver).model
        return [model.q_mu.value, model.q_sqrt.value, -model.training_loss(*args)]

    def fit(self, obj, call):
        args, _ = make.arguments(call)
        result = gp.fit(obj, data=args[0] if args else None, solver=gp.fitting.Scipy("L-BFGS-B"))
        values = {there(p): np.asarray(q.value) for p, q in gp.parameter_dict(result.model).items()}
        return float(result.loss), values
