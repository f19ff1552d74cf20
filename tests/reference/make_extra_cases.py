"""Make ``extra_cases.npz``: further reference values, computed with GPflow 2.11.2 in float64.

Run by hand, from the folder above this one, in an environment that has GPflow 2.11.2:

    python -m reference.make_extra_cases

Data come from a seeded generator, so a second run gives the same cases; their last bits are those of the
TensorFlow build that runs it. GPflow's GPR has no answer of its own to ``full_output_cov=True``: the values
stored for it are GPflow's ``conditionals.util.expand_independent_outputs`` of those that it has.
"""

import pathlib
from importlib.metadata import version

import numpy as np

from .gpflow_side import GPflowSide, parameters
from .oracle_format import dist, dump, jiggle, obj

HERE = pathlib.Path(__file__).parent
NOISE_RUNS = 3

rng = np.random.default_rng(20240229)
X = np.round(rng.uniform(-2.0, 2.0, (12, 3)), 8)
Y = np.round(np.sin(X @ [[1.0], [0.7], [-0.4]]) + 0.1 * rng.standard_normal((12, 1)), 8)
Y2 = np.round(np.hstack([Y, np.cos(X[:, :1]) + 0.1 * rng.standard_normal((12, 1))]), 8)
XNEW = np.round(rng.uniform(-2.0, 2.0, (5, 3)), 8)
YNEW2 = np.round(rng.standard_normal((5, 2)), 8)
# rows 0 and 2, and 1 and 4, are equal, and small enough numbers that their distance is exactly zero
GRID = np.array([[0.0, 0.0], [0.5, 1.0], [0.0, 0.0], [1.5, -0.5], [0.5, 1.0], [-1.0, 2.0]])
XBATCH = np.round(rng.uniform(-2.0, 2.0, (2, 4, 3)), 8)


def se(variance=1.0, lengthscales=1.0, **kwargs):
    return obj("kernels.SquaredExponential", variance=variance, lengthscales=lengthscales, **kwargs)


def matern(order, variance=1.0, lengthscales=1.0, **kwargs):
    return obj(f"kernels.Matern{order}", variance=variance, lengthscales=lengthscales, **kwargs)


def periodic(base, period):
    return obj("kernels.Periodic", base, period=period)


def added(*kernels):
    return obj("kernels.Sum", list(kernels))


def multiplied(*kernels):
    return obj("kernels.Product", list(kernels))


def gpr(kernel, y=Y, x=X, **kwargs):
    return obj("models.GPR", {"$tuple": [x, y]}, kernel=kernel, **kwargs)


def constant(*values):
    return obj("functions.Constant", np.array(values))


ARD = np.array([0.7, 1.3, 2.1])
SE_PERIODIC = added(
    se(0.8, np.array([0.9, 1.4]), active_dims=[0, 1]), periodic(se(0.6, 0.8, active_dims=[2]), period=1.7)
)
MATERNS = multiplied(
    matern(12, 1.1, 1.5, active_dims={"$slice": [0, 2]}),
    periodic(matern(32, 0.9, 1.2, active_dims=[2]), period=2.3),
)
NESTED = added(multiplied(se(0.9, ARD), matern(52, 0.8, 1.2)), matern(32, 0.4, 0.9, active_dims=[1]))
FITTED_X = np.round(rng.uniform(0.0, 5.0, (80, 2)), 8)
FITTED_Y = np.round(np.sin(2.0 * FITTED_X[:, :1]) + 0.3 * FITTED_X[:, 1:] + 0.15 * rng.standard_normal((80, 1)), 8)

ALL_VALUES = added(
    se(1e-12, 1e8), se(3.3333333e-9, 98765.4321), matern(12, 1e-6, 0.001), matern(32, 0.5, 20.0),
    matern(52, 1e4, np.array([1e-3, 1.0, 1e3, 1e6])),
)  # fmt: skip


def model_setups():
    """``id -> setup`` of the GPR cases that are changed after they are built."""
    priors = {
        ".kernel.variance": dist("Gamma", 2.0, 3.0),
        ".kernel.lengthscales": dist("LogNormal", 0.1, 0.7),
        ".likelihood.variance": dist("Normal", -1.0, 0.8),
    }
    values = {
        ".kernel.kernels[0].lengthscales": np.array([0.35, 2.75]),
        ".likelihood.variance": 0.015,
        ".kernel.kernels[1].period": 1.25,
        ".mean_function.c": np.array([-0.45]),
    }
    frozen = (".kernel.kernels[0].kernels[0].lengthscales", ".mean_function.c", ".likelihood.variance")
    partly = {".likelihood.variance": priors[".kernel.variance"]}
    partly[".kernel.kernels[1].variance"] = dist("Exponential", 1.4)
    return {
        "assigned": {"set": values},
        "priors": {"priors": priors, "prior_on": {".likelihood.variance": "unconstrained"}},
        "priors_two_outputs": {
            "priors": {**priors, ".mean_function.c": dist("Normal", 0.0, 2.0)},
            "prior_on": {".kernel.lengthscales": "unconstrained", ".kernel.variance": "constrained"},
        },
        "frozen": {"trainable": dict.fromkeys(frozen, False), "priors": partly},
        "all_frozen_but_one": {"trainable": {".kernel.variance": False, ".kernel.lengthscales": False}},
    }


def models():
    """``id -> (build, new inputs, new outputs)`` of the GPR cases."""
    gaussian = "likelihoods.Gaussian"
    listed = matern(32, 1.2, np.array([0.8, 1.9]), active_dims=[2, 0])
    sliced = matern(52, 0.7, 1.1, active_dims={"$slice": [0, 3, 2]})
    whole = {
        "sum_se_periodic": gpr(SE_PERIODIC, noise_variance=0.05),
        "product_materns": gpr(MATERNS, noise_variance=0.2),
        "nested_two_outputs": gpr(NESTED, Y2, mean_function=constant(0.7), noise_variance=0.05),
        "two_means": gpr(se(1.2, ARD), Y2, mean_function=constant(0.3, -0.8), noise_variance=0.07),
        "zero_mean": gpr(matern(12, 0.9, ARD), mean_function=obj("functions.Zero"), noise_variance=0.3),
        "defaults": gpr(obj("kernels.Matern32")),
        "active_list": gpr(listed, noise_variance=0.1),
        "active_slice": gpr(sliced, noise_variance=0.1),
        "scale": gpr(se(1.1, ARD), likelihood=obj(gaussian, scale=0.3)),
        "no_floor": gpr(matern(12), likelihood=obj(gaussian, 1e-9, variance_lower_bound=0.0)),
        "high_floor": gpr(matern(12), likelihood=obj(gaussian, 0.11, variance_lower_bound=0.1)),
        "large_values": gpr(se(1e8, ARD * 10), Y * 1e4, noise_variance=1e5),
        "small_values": gpr(se(1e-12, 1e8), Y * 1e-3, noise_variance=2e-6),
        "short_lengthscales": gpr(matern(52, 0.9, 1e-4), noise_variance=0.1),
        "assigned": gpr(SE_PERIODIC, mean_function=constant(0.0)),
        "priors": gpr(se(1.2, ARD), noise_variance=0.07),
        "priors_two_outputs": gpr(
            matern(52, 1.2, ARD), Y2, mean_function=constant(0.2), noise_variance=0.07
        ),
        "frozen": gpr(NESTED, mean_function=constant(0.7), noise_variance=0.05),
        "all_frozen_but_one": gpr(se(1.2, ARD), noise_variance=0.07),
    }  # fmt: skip
    table = {}
    for name, build in whole.items():
        outputs = build["args"][0]["$tuple"][1].shape[1]
        table[name] = (build, XNEW, YNEW2[:, :outputs])
    table["one_point"] = (gpr(se(1.3, 0.6), Y[:1], X[:1], noise_variance=0.1), XNEW[:1], YNEW2[:1, :1])
    for order in (12, 32, 52):
        twice = gpr(matern(order, 1.5, 1.0), Y2[:6], GRID, noise_variance=0.25)
        table[f"repeated_rows_{order}"] = (twice, GRID[1:4], YNEW2[:3])
    return table


def weights(*shapes):
    """What the outputs are weighted with before they are summed and differentiated."""
    return [np.round(1.0 + 0.5 * np.cos(1.7 * np.arange(np.prod(s)) + 0.3), 8).reshape(s) for s in shapes]


# GPR cases with the gradient of every call; the others, costly to compile, have those of LEAN alone
THOROUGH = {"two_means", "priors", "active_list", "zero_mean", "scale", "one_point", "repeated_rows_12"}
LEAN = {"training_loss", "predict_f,fc=False,foc=False", "predict_log_density"}


def lean(calls):
    """The same calls, differentiated only where they are in `LEAN`."""
    return [
        call if call["name"] in LEAN else {k: v for k, v in call.items() if k not in ("weights", "grad_args")}
        for call in calls
    ]


def model_calls(x, y):
    n, p = y.shape
    scalars = ("maximum_log_likelihood_objective", "training_loss", "log_prior_density")
    calls = [{"name": s, "method": s, "weights": [1.0]} for s in scalars]
    for plain in ("log_posterior_density", "log_marginal_likelihood"):
        calls.append({"name": plain, "method": plain})
    for full, joint in ((False, False), (True, False), (False, True), (True, True)):
        flags = {"full_cov": full, "full_output_cov": joint}
        shape = {(False, False): (n, p), (True, False): (p, n, n), (False, True): (n, p, p)}
        name = f"predict_f,fc={full},foc={joint}"
        call = {"name": name, "method": "predict_f", "args": [x], "kwargs": flags}
        if not joint:
            call.update(weights=weights((n, p), shape[full, joint]), grad_args={"0": None})
        calls.append(call)
        calls.append({"name": f"posterior().{name}", "method": "posterior.predict_f", "args": [x], "kwargs": flags})
    calls.append({"name": "predict_y", "method": "predict_y", "args": [x], "weights": weights((n, p), (n, p)),
                  "grad_args": {"0": None}})  # fmt: skip
    calls.append({"name": "predict_log_density", "method": "predict_log_density",
                  "args": [{"$tuple": [x, y]}], "weights": weights((n,))})  # fmt: skip
    return calls


def kernel_calls(x, x2, batch):
    n, m = len(x), len(x2)
    method = {"method": "__call__"}
    diagonal = {**method, "kwargs": {"full_cov": False}}
    return [
        {**method, "name": "K(X)", "args": [x], "weights": weights((n, n))},
        {**method, "name": "K(X,X2)", "args": [x, x2], "weights": weights((n, m)),
         "grad_args": {"0": None, "1": None}},
        {**diagonal, "name": "K_diag(X)", "args": [x], "weights": weights((n,))},
        {**method, "name": "K(batch)", "args": [batch]},
        {**method, "name": "K(batch,X2)", "args": [batch, x2]},
        {**diagonal, "name": "K_diag(batch)", "args": [batch]},
    ]  # fmt: skip


def kernels():
    """``id -> build`` of the kernel cases."""
    return {
        "SquaredExponential/defaults": obj("kernels.SquaredExponential"),
        "SquaredExponential/small_and_large": se(1e8, np.array([1e4, 3e2, 1e8])),
        "Matern12/small": matern(12, 1e-12, ARD),
        "Matern32/iso": matern(32, 0.8, 1.7),
        "Matern32/ard_slice": matern(32, 0.8, np.array([1.7, 0.6]), active_dims={"$slice": [1, None]}),
        "Periodic/SquaredExponential": periodic(se(0.7, 1.2), period=1.4),
        "Periodic/Matern12": periodic(matern(12, 0.7, 1.2), period=1.4),
        "Periodic/Matern32_active": periodic(matern(32, 0.7, 1.2, active_dims=[1]), period=1.4),
        "Periodic/SquaredExponential_ard_active": periodic(
            se(0.7, np.array([1.2, 0.5]), active_dims=[2, 0]), period=np.array([1.4, 0.9])
        ),
        "Sum/periodic": SE_PERIODIC,
        "Product/materns": MATERNS,
        "Sum/nested": NESTED,
        "Product/three": multiplied(se(0.9, 1.1), se(1.2, ARD), matern(52, 0.8)),
    }


def priors():
    """``id -> build`` of Parameters with a prior."""

    def parameter(prior, transform=None, prior_on="constrained", value=None):
        value = np.array([0.4, 1.7]) if value is None else value
        extra = {} if transform is None else {"transform": transform}
        return obj("Parameter", value, prior=prior, prior_on=prior_on, **extra)

    positive, bounded = obj("utilities.positive"), {"$bij": "Sigmoid", "kwargs": {"low": 0.1, "high": 3.0}}
    floored, log = obj("utilities.positive", lower=1e-6), obj("utilities.positive", base="exp")
    return {
        "Gamma/softplus_lower": parameter(dist("Gamma", 2.0, 3.0), floored),
        "LogNormal/softplus": parameter(dist("LogNormal", 0.1, 0.7), positive),
        "Normal/exp/unconstrained": parameter(dist("Normal", -0.3, 1.2), log, "unconstrained"),
        "Normal/sigmoid/unconstrained": parameter(dist("Normal", -0.3, 1.2), bounded, "unconstrained"),
        "Uniform/sigmoid": parameter(dist("Uniform", 0.0, 4.0), bounded),
        "StudentT/identity": parameter(dist("StudentT", 4.0, 0.2, 1.5)),
        "Laplace/identity/unconstrained": parameter(dist("Laplace", 0.2, 1.5), None, "unconstrained"),
        "Gamma/softplus/matrix": parameter(dist("Gamma", 2.0, 3.0), positive, value=np.abs(X[:2])),
        "Gamma/softplus/scalar": parameter(dist("Gamma", 2.0, 3.0), positive, value=np.array(0.3)),
        "Gamma/softplus/wide": parameter(dist("Gamma", 2.0, 3.0), positive, value=np.array([1e-12, 1e8])),
    }


def likelihoods():
    """``id -> (build, calls)`` of the Gaussian likelihood."""
    mean, var = XNEW[:, :2], np.abs(XNEW[:, 1:]) + 0.1
    calls = []
    arguments = {
        "log_prob": [XNEW, mean, YNEW2],
        "variational_expectations": [XNEW, mean, var, YNEW2],
        "predict_mean_and_var": [XNEW, mean, var],
        "predict_log_density": [XNEW, mean, var, YNEW2],
        "conditional_mean": [XNEW, mean],
        "conditional_variance": [XNEW, mean],
    }
    moments = {"predict_mean_and_var": 2, "conditional_mean": 1, "conditional_variance": 1}
    for name, args in arguments.items():
        shapes = [(5, 2)] * moments[name] if name in moments else [(5,)]
        calls.append({"name": name, "method": name, "args": args, "weights": weights(*shapes)})
    return {
        "scale": (obj("likelihoods.Gaussian", scale=0.6), calls),
        "no_floor": (obj("likelihoods.Gaussian", 1e-8, variance_lower_bound=0.0), calls),
        "defaults": (obj("likelihoods.Gaussian"), calls),
    }


def fits():
    """``id -> (build, setup)`` of the fits."""
    start = gpr(obj("kernels.Matern52", lengthscales=np.ones(2)), FITTED_Y, FITTED_X)
    composed = added(se(1.0, 1.0, active_dims=[0]), matern(32, 1.0, 2.0, active_dims=[1]))
    return {
        "GPR/Matern52_ard": (start, {}),
        "GPR/priors_and_frozen": (
            gpr(composed, FITTED_Y, FITTED_X, mean_function=constant(0.0)),
            {"priors": {".kernel.kernels[0].variance": dist("Gamma", 2.0, 3.0),
                        ".kernel.kernels[1].lengthscales": dist("LogNormal", 0.1, 0.7)},
             "trainable": {".kernel.kernels[0].lengthscales": False}},
        ),
    }  # fmt: skip


def summaries():
    """``id -> (build, setup)`` of the summaries."""
    three = gpr(se(2.0, ARD), mean_function=constant(0.25), noise_variance=0.125)
    return {
        "all_values": (ALL_VALUES, {}),
        "many_elements": (se(1.5, np.array([0.1, 0.25, 1.0 / 3.0, 1e5, 123456.7890123])), {}),
        "whole_numbers": (added(se(1.0, 2.0), matern(32, 3.0, 4.0)), {}),
        "frozen": (three, {"trainable": {".kernel.lengthscales": False, ".mean_function.c": False}}),
        "two_means": (gpr(se(), Y2, mean_function=constant(-0.5, 123.456789)), {}),
        "scale": (obj("likelihoods.Gaussian", scale=0.5), {}),
    }


def every_case():
    """Ids with their group, build, setup, calls and summary formats."""
    formats = [None, "simple", "fancy_grid", "grid", "html", "github", "latex", "plain", "tsv"]
    setups = model_setups()
    for name, (build, x, y) in models().items():
        calls = model_calls(x, y) if name in THOROUGH else lean(model_calls(x, y))
        yield f"extra/GPR/{name}", "model", build, setups.get(name, {}), calls, ["simple"]
    for name, build in kernels().items():
        yield f"extra/kernel/{name}", "kernel", build, {}, kernel_calls(X[:6], XNEW, XBATCH), ["simple"]
    for order in (12, 32, 52):
        calls = kernel_calls(GRID, GRID[:4], np.stack([GRID[:3], GRID[3:]]))
        yield f"extra/kernel/Matern{order}/repeated_rows", "kernel", matern(order, 1.5), {}, calls, []
    means = {"Zero": obj("functions.Zero"), "Zero/two": obj("functions.Zero", 2),
             "Constant/default": obj("functions.Constant"), "Constant/two": constant(0.3, -0.8)}  # fmt: skip
    for name, build in means.items():
        calls = [{"name": "m(X)", "method": "__call__", "args": [XNEW]},
                 {"name": "m(batch)", "method": "__call__", "args": [XBATCH]}]  # fmt: skip
        yield f"extra/mean/{name}", "mean", build, {}, calls, ["simple"]
    for name, (build, calls) in likelihoods().items():
        yield f"extra/likelihood/Gaussian/{name}", "likelihood", build, {}, calls, ["simple"]
    for name, build in priors().items():
        calls = [{"name": "log_prior_density", "method": "log_prior_density", "weights": [1.0]}]
        yield f"extra/prior/{name}", "prior", build, {}, calls, []
    for name, (build, setup) in fits().items():
        yield f"extra/fit/{name}", "fit", build, setup, [{"name": "fit", "method": "fit"}], ["simple"]
    for name, (build, setup) in summaries().items():
        yield f"extra/summary/{name}", "summary", build, setup, [], formats


def largest(one, other):
    return float(np.max(np.abs(np.asarray(one) - np.asarray(other)), initial=0.0))


def measure(side, case, call, seed):
    """Complete a call with its outputs, its gradients and the rounding floor of both."""
    obj_ = side.build(case)
    if call["method"] == "fit":
        _, values = side.fit(obj_)
        out = [*side.last_fit, *(values[path] for path in case["trainable_parameters"])]
        return {**call, "out": out, "noise": [0.0] * len(out)}
    out, gradients = side.evaluate_one(obj_, call)
    noise, grad_noise = [0.0] * len(out), dict.fromkeys(gradients, 0.0)
    random = np.random.default_rng(seed)
    for _ in range(NOISE_RUNS):
        moved = {**case, "build": jiggle(case["build"], random), "setup": jiggle(case["setup"], random)}
        inputs = jiggle(call.get("args", []), random)
        again, slopes = side.evaluate_one(side.build(moved), {**call, "args": inputs})
        noise = [max(n, largest(a, b)) for n, a, b in zip(noise, out, again, strict=True)]
        grad_noise = {key: max(n, largest(gradients[key], slopes[key])) for key, n in grad_noise.items()}
    done = {**call, "out": out, "noise": noise}
    if "weights" in call:
        done.update(grad_noise=grad_noise, grad_u={}, grad_c={}, grad_args={})
        tables = {"u": done["grad_u"], "c": done["grad_c"], "a": done["grad_args"]}
        for key, gradient in gradients.items():
            tables[key[0]][key[2:]] = gradient
    for value in [*out, *gradients.values()]:
        if not np.isfinite(value).all():
            raise ValueError(f"{case['id']}, {call['name']}: not finite")
    return done


def main():
    side, cases = GPflowSide(), []
    for number, (name, group, build, setup, calls, formats) in enumerate(every_case()):
        case = {"id": name, "group": group, "tags": [], "config": {}, "build": build, "setup": setup}
        subject = side.build(case)
        case["params"] = side.params(subject)
        known = {id(parameter): path for path, parameter in parameters(subject).items()}
        if group != "prior":
            case["trainable_parameters"] = [known[id(p)] for p in subject.trainable_parameters]
        case["calls"] = [measure(side, case, call, [number, i]) for i, call in enumerate(calls)]
        case["summary"] = {str(fmt): side.summary(subject, fmt) for fmt in formats}
        cases.append(case)
    packages = ("gpflow", "tensorflow", "tensorflow_probability", "numpy", "tabulate")
    meta = {"format": 1, "made_by": "make_extra_cases.py", **{name: version(name) for name in packages}}
    dump({"meta": meta, "cases": cases}, HERE / "extra_cases.npz")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
