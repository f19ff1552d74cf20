"""Make ``kernel_cases.npz``: kernels of labels, images, conditions, change points and several outputs, by GPflow 2.11.2.

Run by hand, from the folder above this one, in an environment that has GPflow 2.11.2:

    python -m reference.make_kernel_cases

Data come from a seeded generator, so a second run gives the same cases; their last bits are those of the
TensorFlow build that runs it.
"""

import pathlib
from importlib.metadata import version

import numpy as np

from .gpflow_side import GPflowSide, parameters
from .make_extra_cases import added, kernel_calls, matern, measure, multiplied, periodic, se, weights
from .oracle_format import dump, obj

HERE = pathlib.Path(__file__).parent

rng = np.random.default_rng(20240301)
X = np.round(rng.uniform(-2.0, 2.0, (6, 3)), 8)
X2 = np.round(rng.uniform(-2.0, 2.0, (4, 3)), 8)
XBATCH = np.round(rng.uniform(-2.0, 2.0, (2, 3, 3)), 8)
W = np.round(rng.standard_normal((3, 2)), 8)


def labelled(x, labels):
    """Inputs with a last column of labels."""
    return np.concatenate([x, np.resize(np.asarray(labels, float), (*x.shape[:-1], 1))], -1)


LABELS, LABELS2 = [2, 0, 1, 2, 1, 0], [1, 2, 0, 0]
XL, XL2, XLBATCH = labelled(X[:, :1], LABELS), labelled(X2[:, :1], LABELS2), labelled(XBATCH[..., :1], LABELS)


def coregion(**kwargs):
    return obj("kernels.Coregion", 3, **kwargs)


def coregions():
    """``id -> (build, setup)`` of kernels of labels in the last of two columns."""
    values = {".W": np.round(rng.standard_normal((3, 2)), 8), ".kappa": np.array([0.2, 1.4, 0.7])}
    inside = {f".kernels[1]{path}": value for path, value in values.items()}
    return {
        "Coregion/rank_2": (coregion(rank=2, active_dims=[1]), {"set": values}),
        "Coregion/slice": (coregion(rank=1, active_dims={"$slice": [1, None]}), {}),
        "Coregion/product": (
            multiplied(se(0.8, 0.9, active_dims=[0]), coregion(rank=2, active_dims=[1])),
            {"set": inside, "trainable": {".kernels[1].kappa": False}},
        ),
        "Coregion/sum_of_products": (
            added(
                multiplied(se(active_dims=[0]), coregion(rank=1, active_dims=[1])),
                multiplied(matern(32, 0.7, active_dims=[0]), coregion(rank=2, active_dims=[1])),
            ),
            {},
        ),
    }


def categoricals():
    """``id -> (build, setup)``; GPflow draws the differences at random, so they are set."""
    name, deltas = "kernels.categorical.Categorical", {"set": {"._Z_deltas": np.array([[0.8], [-1.7]])}}
    return {
        "Categorical/plain": (obj(name, se(0.8, 0.9), se(1.1, 0.7), 3), deltas),
        "Categorical/columns": (obj(name, matern(52, 0.8, active_dims=[0]), se(1.0, 0.7, active_dims=[1]), 3), deltas),
        "Categorical/ard": (obj(name, se(0.8, np.array([0.9, 1.4])), matern(32), 3), deltas),
    }


def change_points():
    """``id -> build`` of kernels of one column."""
    name, one, two = "kernels.ChangePoints", se(0.8, 0.9), periodic(se(1.2, 0.7), period=1.3)
    three = matern(32, 0.5, 1.4)
    return {
        "ChangePoints/one": obj(name, [one, two], np.array([0.2])),
        "ChangePoints/two_steepnesses": obj(name, [one, two, three], np.array([-0.6, 0.7]), np.array([2.0, 5.5])),
        "ChangePoints/unsorted": obj(name, [one, two, three], np.array([0.9, -0.4]), np.array([3.0, 0.6])),
        "ChangePoints/steep": obj(name, [one, three], np.array([0.1]), steepness=40.0),
        "ChangePoints/nested": added(obj(name, [multiplied(one, three), two], np.array([0.0]), steepness=3.0), three),
        "ChangePoints/in_another": obj(name, [obj(name, [one, two], np.array([-0.5])), three], np.array([0.5])),
    }


def images():
    """``id -> (build, number of columns)`` of convolutional kernels."""
    name = "kernels.Convolutional"
    weighted = np.round(rng.standard_normal(4), 8)
    coloured = np.round(rng.standard_normal(2 * 2 * 2), 8)
    return {
        "Convolutional/default": (obj(name, se(0.8, 1.2), [3, 4], [2, 3]), 12),
        "Convolutional/weights": (obj(name, matern(52, 0.8, 1.2), [3, 3], [2, 2], weighted), 9),
        "Convolutional/colours": (obj(name, se(0.8, np.array([1.2, 0.7, 1.1, 0.9])), [3, 3], [2, 2], coloured, 2), 18),
        "Convolutional/whole": (obj(name, se(0.8, 1.2), [2, 3], [2, 3]), 6),
    }


def node(name, columns, bounds, condition=None):
    args = [name, columns, np.array(bounds)]
    if condition is not None:
        args.append(obj("kernels.ActivityCondition", {"$intdict": [[k, v] for k, v in condition.items()]}))
    return obj("kernels.HierarchyNode", *args)


def hierarchies():
    """``id -> build`` of kernels of conditional inputs: four columns, the last two with values 0, 1 and 2."""
    root, both = node("root", [0], [[-2.0, 2.0]]), {2: 1, 3: 2}
    nodes = {
        "tree": [root, node("leaf", [1], [[-2.0, 3.0]], both)],
        "conditional_only": [node("a", [0], [[-2.0, 2.0]], {2: 1}), node("b", [1], [[-2.0, 2.0]], {3: 0})],
        "shared": [node("pair", [1, 0], [[-2.0, 2.0], [-1.0, 4.0]], both)],
    }
    table = {}
    for kind in ("Arc", "Wedge"):
        for name, listed in nodes.items():
            table[f"{kind}Hierarchical/{name}"] = obj(f"kernels.{kind}Hierarchical", listed, active_dims=[0, 1, 2, 3])
        base = se(0.7, np.array([0.4, 1.3, 2.2]))
        table[f"{kind}Hierarchical/base_ard"] = obj(
            f"kernels.{kind}Hierarchical", nodes["tree"], base, active_dims={"$slice": [0, 4]}
        )
        table[f"{kind}Hierarchical/base_matern12"] = obj(
            f"kernels.{kind}Hierarchical", nodes["shared"], matern(12, 0.7, 3.0), active_dims=[1, 0, 2, 3]
        )
    flat = [node("all", [0, 1, 2, 3], [[-2.0, 2.0], [-2.0, 2.0], [0.0, 2.0], [1.0, 1.0]])]
    table["ArcHierarchical/unconditional"] = obj("kernels.ArcHierarchical", flat, active_dims=[0, 1, 2, 3])
    return table


XH = np.concatenate([X[:, :2], np.array([[1, 2], [1, 0], [0, 2], [1, 2], [2, 1], [0, 0]], float)], 1)
XH2 = np.concatenate([X2[:, :2], np.array([[1, 2], [0, 0], [1, 1], [1, 2]], float)], 1)


def several_outputs():
    """``id -> build`` of kernels of two or three outputs."""
    latent = [se(1.1, 0.8), matern(32, 0.7, 1.4)]
    return {
        "SharedIndependent/two": obj("kernels.SharedIndependent", se(0.9, np.array([0.7, 1.2, 2.0])), output_dim=2),
        "SharedIndependent/one": obj("kernels.SharedIndependent", matern(12, 0.9), output_dim=1),
        "SharedIndependent/sum": obj("kernels.SharedIndependent", added(*latent), output_dim=3),
        "SeparateIndependent/two": obj("kernels.SeparateIndependent", latent),
        "SeparateIndependent/three": obj(
            "kernels.SeparateIndependent", [*latent, added(periodic(se(), 1.3), obj("kernels.White", variance=0.2))]
        ),
        "LinearCoregionalization/tall": obj("kernels.LinearCoregionalization", latent, W=W),
        "LinearCoregionalization/wide": obj("kernels.LinearCoregionalization", [*latent, se(0.6, 2.0)], W=W.T),
        "LinearCoregionalization/one": obj("kernels.LinearCoregionalization", latent[:1], W=W[:, :1]),
    }


def output_calls(P):
    """Every way to call a kernel of P outputs."""
    n, m, method = len(X), len(X2), {"method": "__call__"}
    calls = [{**method, "name": "kernel(X)", "args": [X]}]
    for joint in (True, False):
        flags = {"full_cov": True, "full_output_cov": joint}
        shapes = [(n, P, n, P), (n, P, m, P), (n, P, P)] if joint else [(P, n, n), (P, n, m), (n, P)]
        whole, cross, diagonal = (weights(shape) for shape in shapes)
        less = {**flags, "full_cov": False}
        calls += [
            {**method, "name": f"K(X),foc={joint}", "args": [X], "kwargs": flags, "weights": whole},
            {**method, "name": f"K(X,X2),foc={joint}", "args": [X, X2], "kwargs": flags, "weights": cross,
             "grad_args": {"0": None, "1": None}},
            {**method, "name": f"K_diag(X),foc={joint}", "args": [X], "kwargs": less, "weights": diagonal},
            {**method, "name": f"K(batch),foc={joint}", "args": [XBATCH], "kwargs": flags},
            {**method, "name": f"K(batch,X2),foc={joint}", "args": [XBATCH, X2], "kwargs": flags},
            {**method, "name": f"K_diag(batch),foc={joint}", "args": [XBATCH], "kwargs": less},
        ]  # fmt: skip
    return calls


def labelled_calls(calls):
    """Without the gradient by inputs that are labels, which GPflow has none of."""
    return [{k: v for k, v in call.items() if k != "grad_args"} for call in calls]


def every_case():
    """Ids with their build, setup and calls."""
    for name, (build, setup) in {**coregions(), **categoricals()}.items():
        yield name, build, setup, labelled_calls(kernel_calls(XL, XL2, XLBATCH))
    for name, build in change_points().items():
        yield name, build, {}, kernel_calls(X[:, :1], X2[:, :1], XBATCH[..., :1])
    for name, (build, columns) in images().items():
        pictures = np.round(np.random.default_rng(columns).standard_normal((11, columns)), 8)
        calls = kernel_calls(pictures[:4], pictures[4:7], pictures[7:].reshape(2, 2, columns))
        patches = {"name": "patches", "method": "get_patches", "args": [pictures[:2]]}
        yield name, build, {}, [*calls, patches]
    for name, build in hierarchies().items():
        yield name, build, {}, kernel_calls(XH, XH2, np.stack([XH[:3], XH[3:]]))
    for name, build in several_outputs().items():
        outputs = {"two": 2, "one": 1, "sum": 3, "three": 3, "tall": 3, "wide": 2}[name.split("/")[1]]
        yield name, build, {}, output_calls(3 if name == "LinearCoregionalization/one" else outputs)


def main():
    side, cases = GPflowSide(), []
    for number, (name, build, setup, calls) in enumerate(every_case()):
        case = {
            "id": f"more/kernel/{name}",
            "group": "kernel",
            "tags": [],
            "config": {},
            "build": build,
            "setup": setup,
        }
        subject = side.build(case)
        case["params"] = side.params(subject)
        known = {id(parameter): path for path, parameter in parameters(subject).items()}
        case["trainable_parameters"] = [known[id(p)] for p in subject.trainable_parameters]
        case["calls"] = [measure(side, case, call, [number, i]) for i, call in enumerate(calls)]
        case["summary"] = {"simple": side.summary(subject, "simple")}
        cases.append(case)
    packages = ("gpflow", "tensorflow", "tensorflow_probability", "numpy", "tabulate")
    meta = {"format": 1, "made_by": "make_kernel_cases.py", **{name: version(name) for name in packages}}
    dump({"meta": meta, "cases": cases}, HERE / "kernel_cases.npz")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
