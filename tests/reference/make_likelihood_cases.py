"""Make ``likelihood_cases.npz``: every likelihood of GPflow 2.11.2 in several configurations, in float64.

Run by hand, from the folder above this one, in an environment that has GPflow 2.11.2:

    python -m reference.make_likelihood_cases

Each has its six methods with gradients by the parameters and by F or its mean and variance. The extreme cases have a
latent function between -300 and 300; of these only the rows are stored for which GPflow's outputs and gradients are
finite (gparams must be finite on all, which tests/likelihoods holds it to). Those of Monte Carlo likelihoods have their
draws in them.
"""

import pathlib
from importlib.metadata import version

import numpy as np

from .gpflow_side import GPflowSide, parameters
from .make_extra_cases import measure, weights
from .oracle_format import dump, obj

HERE = pathlib.Path(__file__).parent

rng = np.random.default_rng(20240301)
N = 7
X = np.round(rng.uniform(-2.0, 2.0, (N, 2)), 8)
F = np.round(1.2 * rng.standard_normal((N, 4)), 8)
FMU = np.round(rng.standard_normal((N, 4)), 8)
FVAR = np.round(rng.uniform(0.1, 1.6, (N, 4)), 8)
EXTREME = np.array([-300.0, -40.0, -8.0, 0.0, 8.0, 40.0, 300.0])[:, None]
REAL = np.round(1.5 * rng.standard_normal((N, 2)), 8)
POSITIVE = np.round(rng.gamma(2.0, 0.8, (N, 2)) + 0.05, 8)
COUNTS = rng.poisson(2.0, (N, 2)).astype(float)
BINARY = rng.integers(0, 2, (N, 2)).astype(float)
UNIT = np.round(rng.beta(2.0, 1.5, (N, 2)), 8)
LABELS = np.arange(N)[:, None] % 3
FIVE = np.stack([np.arange(N) % 5, np.arange(N)[::-1] % 5], 1).astype(float)


def fn(name):
    return {"$fn": name}


def make(name, *args, **kwargs):
    return obj(f"likelihoods.{name}", *args, **kwargs)


GROWING = obj("functions.Polynomial", degree=2, input_dim=2, w=np.array([0.5, 0.0, 0.2, 0.0, 0.0, 0.3]))
RISING = obj("functions.Linear", np.array([[0.15], [-0.1]]), np.array([0.9]))


def scalar():
    """``id -> (build, observations)`` of likelihoods with one latent function for each observation."""
    return {
        "Gaussian/vector": (make("Gaussian", np.array([0.3, 0.8])), REAL),
        "Gaussian/rows": (make("Gaussian", np.linspace(0.2, 0.9, N)[:, None]), REAL),
        "Bernoulli/default": (make("Bernoulli"), BINARY),
        "Bernoulli/sigmoid": (make("Bernoulli", invlink=fn("sigmoid")), BINARY),
        "Bernoulli/probit": (make("Bernoulli", invlink=fn("probit")), BINARY),
        "Poisson/default": (make("Poisson"), COUNTS),
        "Poisson/binsize": (make("Poisson", binsize=0.4), COUNTS),
        "Poisson/softplus": (make("Poisson", invlink=fn("softplus"), binsize=2.5), COUNTS),
        "Poisson/square": (make("Poisson", invlink=fn("square")), COUNTS),
        "StudentT/default": (make("StudentT"), REAL),
        "StudentT/df": (make("StudentT", scale=0.6, df=5.5), REAL),
        "StudentT/floor": (make("StudentT", scale=0.6, df=2.5, scale_lower_bound=0.5), REAL),
        "StudentT/function": (make("StudentT", scale=RISING, df=4.0), REAL),
        "Exponential/default": (make("Exponential"), POSITIVE),
        "Exponential/softplus": (make("Exponential", invlink=fn("softplus")), POSITIVE),
        "Exponential/square": (make("Exponential", invlink=fn("square")), POSITIVE),
        "Gamma/default": (make("Gamma"), POSITIVE),
        "Gamma/shape": (make("Gamma", shape=2.3), POSITIVE),
        "Gamma/softplus": (make("Gamma", invlink=fn("softplus"), shape=0.7), POSITIVE),
        "Gamma/function": (make("Gamma", shape=GROWING), POSITIVE),
        "Beta/default": (make("Beta"), UNIT),
        "Beta/scale": (make("Beta", scale=3.7), UNIT),
        "Beta/sigmoid": (make("Beta", invlink=fn("sigmoid"), scale=0.8), UNIT),
        "Beta/function": (make("Beta", scale=GROWING), UNIT),
        "Beta/ends": (make("Beta", scale=1.7), np.round(UNIT)),
        "Ordinal/two": (make("Ordinal", np.array([0.2])), BINARY),
        "Ordinal/five": (make("Ordinal", np.array([-1.1, -0.3, 0.4, 1.5])), FIVE),
    }


def ends():
    """``id -> (build, observation)`` of the extreme cases, one latent function each."""
    positive = {name: (make(name), 1.7) for name in ("Exponential", "Gamma")}
    softplus = {f"{name}/softplus": (make(name, invlink=fn("softplus")), 1.7) for name in positive}
    return {
        **positive,
        **softplus,
        "Gaussian": (make("Gaussian", 0.3), 0.4),
        "StudentT": (make("StudentT"), 0.4),
        "Bernoulli/yes": (make("Bernoulli"), 1.0),
        "Bernoulli/no": (make("Bernoulli"), 0.0),
        "Bernoulli/sigmoid/yes": (make("Bernoulli", invlink=fn("sigmoid")), 1.0),
        "Bernoulli/probit/yes": (make("Bernoulli", invlink=fn("probit")), 1.0),
        "Poisson/zero": (make("Poisson"), 0.0),
        "Poisson/softplus": (make("Poisson", invlink=fn("softplus")), 3.0),
        "Beta": (make("Beta", scale=2.0), 0.3),
        "Ordinal/first": (make("Ordinal", np.array([-0.5, 0.7])), 0.0),
        "Ordinal/middle": (make("Ordinal", np.array([-0.5, 0.7])), 1.0),
        "Ordinal/last": (make("Ordinal", np.array([-0.5, 0.7])), 2.0),
    }


def joint():
    """``id -> (build, setup, latent functions, columns of the moments, observations)`` of the others."""
    robust = make("RobustMax", 4, 0.08)
    switched = make("SwitchedLikelihood", [make("Gaussian", 0.3), make("StudentT", 0.7), make("Poisson")])
    softplus = {"$bij": "Softplus", "kwargs": {"low": 0.01}}
    hetero = "HeteroskedasticTFPConditional"
    with_label = np.hstack([COUNTS[:, :1], LABELS.astype(float)])
    switch = make("SwitchedLikelihood", [make("Gaussian", 0.3), make("Gamma", shape=1.4)])
    two = np.hstack([POSITIVE, LABELS % 2])
    return {
        "MultiClass/default": (make("MultiClass", 3), {}, 3, 3, LABELS),
        "MultiClass/two": (make("MultiClass", 2), {}, 2, 2, (LABELS % 2).astype(float)),
        "MultiClass/epsilon": (make("MultiClass", 4, robust), {"trainable": {".invlink.epsilon": True}}, 4, 4, LABELS),
        "Heteroskedastic/exp": (make(hetero), {}, 2, 1, REAL[:, :1]),
        "Heteroskedastic/softplus": (make(hetero, scale_transform=softplus), {}, 2, 1, REAL[:, :1]),
        "Heteroskedastic/Laplace": (make(hetero, fn("laplace distribution")), {}, 2, 1, REAL[:, :1]),
        "MultiLatent/Gamma": (make("MultiLatentTFPConditional", 2, fn("gamma of two")), {}, 2, 1, POSITIVE[:, :1]),
        "Switched/three": (switched, {}, 1, 3, with_label),
        "Switched/two_outputs": (switch, {}, 2, 4, two),
    }


def calls(x, f, mean, var, y, columns, moments_given_f=True):
    """The six methods, with gradients by the latent function, or by its mean and variance."""
    n = len(x)
    density, moment = (n,), (n, columns)
    by_f, by_both = {"1": None}, {"1": None, "2": None}
    conditional = [
        {"name": name, "method": name, "args": [x, f], "weights": weights(moment), "grad_args": by_f}
        for name in ("conditional_mean", "conditional_variance")
    ]
    return [
        {"name": "log_prob", "method": "log_prob", "args": [x, f, y], "weights": weights(density), "grad_args": by_f},
        *(conditional if moments_given_f else []),
        {"name": "variational_expectations", "method": "variational_expectations", "args": [x, mean, var, y],
         "weights": weights(density), "grad_args": by_both},
        {"name": "predict_mean_and_var", "method": "predict_mean_and_var", "args": [x, mean, var],
         "weights": weights(moment, moment), "grad_args": by_both},
        {"name": "predict_log_density", "method": "predict_log_density", "args": [x, mean, var, y],
         "weights": weights(density), "grad_args": by_both},
    ]  # fmt: skip


def drawn(calls, shape):
    """The same calls with draws handed to GPflow's inner methods."""
    epsilon = np.round(rng.standard_normal((100, *shape)), 8)
    for call in calls:
        if call["method"] in ("variational_expectations", "predict_mean_and_var", "predict_log_density"):
            call["method"], call["kwargs"] = f"_{call['method']}", {"epsilon": epsilon}
    return calls


def plain(call):
    """The same call without gradients."""
    return {key: value for key, value in call.items() if key not in ("weights", "grad_args")}


def finite_rows(side, case, call):
    """The call at those rows where GPflow's outputs and gradients are finite; None if there is none."""
    keep = []
    for i in range(len(EXTREME)):
        one = {**call, "args": [a[i : i + 1] for a in call["args"]], "weights": [w[i : i + 1] for w in call["weights"]]}
        out, gradients = side.evaluate_one(side.build(case), one)
        if all(np.isfinite(value).all() for value in [*out, *gradients.values()]):
            keep.append(i)
    if not keep:
        return None
    return {**call, "args": [a[keep] for a in call["args"]], "weights": [w[keep] for w in call["weights"]]}


def every_case():
    """Ids with their build, setup, calls, and whether they are extreme."""
    for name, (build, y) in scalar().items():
        # GPflow takes log(1 - p), which is infinite from the latent function 8.3 on.
        narrow = 0.1 if "probit" in name else 1.0
        yield name, build, {}, calls(X, F[:, :2], FMU[:, :2], narrow * FVAR[:, :2], y, 2), False
    setup = {"set": {".sigma": 0.6}}
    yield (
        "Ordinal/sigma",
        make("Ordinal", np.array([-0.4, 0.9])),
        setup,
        calls(X, F[:, :2], FMU[:, :2], FVAR[:, :2], FIVE % 3, 2),
        False,
    )
    for name, (build, setup, latents, columns, y) in joint().items():
        f, mean, var = (a[:, :latents] for a in (F, FMU, FVAR))
        methods = calls(X, f, mean, var, y, columns, "Switched" not in name)
        if "epsilon" in name:  # tf.one_hot, which gives these moments, has no derivative by its values
            methods = [plain(call) if "conditional" in call["name"] else call for call in methods]
        yield name, build, setup, methods, False
    f, mean, var = (a[:, :3] for a in (F, FMU, FVAR))
    yield "Softmax/epsilon", make("Softmax", 3), {}, drawn(calls(X, f, mean, var, LABELS, 3), mean.shape), False
    f, mean, var = (a[:, :2] for a in (F, FMU, FVAR))
    yield "GaussianMC/epsilon", make("GaussianMC", 0.4), {}, drawn(calls(X, f, mean, var, REAL, 2), mean.shape), False
    zero = np.zeros_like(EXTREME)
    for name, (build, y) in ends().items():
        yield f"{name}/extreme", build, {}, calls(zero, EXTREME, EXTREME, zero + 0.25, zero + y, 1), True


def main():
    side, cases = GPflowSide(), []
    for number, (name, build, setup, methods, extreme) in enumerate(every_case()):
        case = {"id": f"more/likelihood/{name}", "group": "likelihood", "tags": ["extreme"] * extreme, "config": {},
                "build": build, "setup": setup}  # fmt: skip
        subject = side.build(case)
        case["params"] = side.params(subject)
        known = {id(parameter): path for path, parameter in parameters(subject).items()}
        case["trainable_parameters"] = [known[id(p)] for p in subject.trainable_parameters]
        if extreme:
            methods = [call for call in (finite_rows(side, case, call) for call in methods) if call is not None]
        case["calls"] = [measure(side, case, call, [number, i]) for i, call in enumerate(methods)]
        case["summary"] = {}
        cases.append(case)
        print(case["id"], [len(call["args"][1]) for call in case["calls"]])
    packages = ("gpflow", "tensorflow", "tensorflow_probability", "numpy")
    meta = {"format": 1, "made_by": "make_likelihood_cases.py", **{name: version(name) for name in packages}}
    dump({"meta": meta, "cases": cases}, HERE / "likelihood_cases.npz")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
