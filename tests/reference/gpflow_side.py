"""GPflow 2.11.2 behind the adapter that `compare` expects; needs ``gpflow``, which the tests don't.

``make_extra_cases.py`` computes its values through this class, and ``compare.check_case(case, GPflowSide())``
holds GPflow itself against a reference file.
"""

import gpflow
import gpflow.kernels.categorical  # which `import gpflow` leaves out
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from gpflow.conditionals.util import expand_independent_outputs

from .oracle_format import Builder


def _tensor(array):
    return tf.constant(array) if array.dtype.kind == "f" else array


def _float64(value):
    return tf.constant(value, dtype=tf.float64)


def _resolve(name):
    if name == "likelihoods.Ordinal":
        return lambda bin_edges: gpflow.likelihoods.Ordinal(np.asarray(bin_edges))  # it takes no tensor
    found = gpflow
    for step in name.split("."):
        found = getattr(found, step)
    return found


def _finite_erf(x, erf=tf.math.erf):
    """TensorFlow 2.21 has erf(inf) = NaN, which GPflow's Ordinal meets in its outer bins."""
    end = tf.math.is_inf(x)
    return tf.where(end, tf.sign(x), erf(tf.where(end, tf.zeros_like(x), x)))


tf.math.erf = _finite_erf

FUNCTIONS = {
    "exp": tf.exp,
    "square": tf.square,
    "sigmoid": tf.sigmoid,
    "softplus": tf.nn.softplus,
    "probit": tfp.distributions.Normal(_float64(0.0), _float64(1.0)).cdf,
    "laplace distribution": tfp.distributions.Laplace,
    "gamma of two": lambda F: tfp.distributions.Gamma(tf.exp(F[..., :1]), tf.exp(F[..., 1:])),
}

make = Builder(
    _resolve,
    lambda name, args: getattr(tfp.distributions, name)(*map(_float64, args)),
    lambda name, kwargs: getattr(tfp.bijectors, name)(**{k: _float64(v) for k, v in kwargs.items()}),
    _tensor,
    FUNCTIONS,
)


def parameters(obj):
    """``{path: Parameter}``, the path of a bare Parameter being a dot."""
    if isinstance(obj, gpflow.Parameter):
        return {".": obj}
    return gpflow.utilities.parameter_dict(obj)


def transform_name(bijector):
    if isinstance(bijector, tfp.bijectors.Chain):
        return " + ".join(type(part).__name__ for part in bijector.bijectors[::-1])
    return type(bijector).__name__


def describe(parameter):
    prior = parameter.prior
    return {
        "value": parameter.numpy(),
        "unconstrained": parameter.unconstrained_variable.numpy(),
        "shape": list(parameter.shape),
        "dtype": parameter.dtype.name,
        "class": type(parameter).__name__,
        "transform": transform_name(parameter.transform),
        "prior": None if prior is None else type(prior).__name__,
        "trainable": bool(parameter.trainable),
    }


class GPflowSide:
    def build(self, case):
        settings = {k: v for k, v in case["config"].items()}
        with gpflow.config.as_context(gpflow.config.Config(**settings)):
            obj = make(case["build"])
        if case["group"] == "bijector":
            return obj
        paths, setup = parameters(obj), case["setup"]
        for path, value in setup.get("set", {}).items():
            paths[path].assign(value)
        for path, flag in setup.get("trainable", {}).items():
            gpflow.set_trainable(paths[path], flag)
        for path, spec in setup.get("priors", {}).items():
            paths[path].prior = make(spec)
        for path, space in setup.get("prior_on", {}).items():
            paths[path].prior_on = space
        return obj

    def params(self, obj):
        return {path: describe(parameter) for path, parameter in parameters(obj).items()}

    def summary(self, obj, fmt):
        fmt = None if fmt == "None" else fmt
        return gpflow.utilities.tabulate_module_summary(obj, fmt)

    def _run(self, obj, call, args, kwargs):
        method = call["method"]
        if method == "__call__":
            return obj(*args, **kwargs)
        if not method.endswith("predict_f"):
            return getattr(obj, method)(*args, **kwargs)
        predict = obj.posterior().predict_f if method.startswith("posterior") else obj.predict_f
        full_cov, joint = kwargs.get("full_cov", False), kwargs.get("full_output_cov", False)
        mean, var = predict(*args, full_cov=full_cov)
        # GPR refuses full_output_cov; this is how GPflow's other models answer it for independent outputs
        return mean, expand_independent_outputs(var, full_cov, True) if joint else var

    def evaluate(self, obj, calls):
        return [self.evaluate_one(obj, call) for call in calls]

    def evaluate_one(self, obj, call):
        args, kwargs = make.arguments(call)
        watched = [int(position) for position in call.get("grad_args", {})]
        wanted = "weights" in call
        trained = {p: q for p, q in parameters(obj).items() if q.trainable} if wanted else {}
        variables = [parameter.unconstrained_variable for parameter in trained.values()]
        with tf.GradientTape() as tape:
            for position in watched:
                tape.watch(args[position])
            out = self._run(obj, call, args, kwargs)
            out = list(out) if isinstance(out, tuple | list) else [out]
            if wanted:
                pairs = zip(call["weights"], out, strict=True)
                scalar = sum(tf.reduce_sum(tf.reshape(_float64(w), tf.shape(o)) * o) for w, o in pairs)
        outputs = [np.asarray(o) for o in out]
        if not wanted:
            return outputs, {}
        sources = variables + [args[position] for position in watched]
        found = tape.gradient(scalar, sources, unconnected_gradients="zero")
        gradients = {}
        for (path, parameter), g in zip(trained.items(), found, strict=False):
            gradients[f"u:{path}"] = g.numpy()
            gradients[f"c:{path}"] = self._constrained(parameter, g)
        for position, g in zip(watched, found[len(variables) :], strict=True):
            gradients[f"a:{position}"] = g.numpy()
        return outputs, gradients

    def _constrained(self, parameter, gradient):
        value = tf.constant(parameter.numpy())
        with tf.GradientTape() as tape:
            tape.watch(value)
            unconstrained = parameter.transform.inverse(value)
        return tape.gradient(unconstrained, value, output_gradients=gradient).numpy()

    def fit(self, obj):
        result = gpflow.optimizers.Scipy().minimize(
            obj.training_loss, obj.trainable_variables, method="L-BFGS-B", options={"maxiter": 1000}
        )
        values = {path: p.numpy() for path, p in parameters(obj).items() if p.trainable}
        self.last_fit = [float(result.fun), int(result.nit), int(result.nfev), bool(result.success)]
        return float(result.fun), values
