"""The TensorFlow calls that GPflow scripts use most, and their forms here: what `port` rewrites, and the guide's table.

A rule is a name, what it becomes, and the call's arguments. Without arguments the name alone is replaced and the call keeps
its own. With them, the text is filled in: `{x}` is the argument x, and what stands in square brackets is left out where an
argument in it was not given. `{gpflow}` is the script's own name for the package.
"""

from typing import NamedTuple


class Rule(NamedTuple):
    """One call of TensorFlow's, without ``tf.``; what it becomes; and its arguments, ``name`` or ``name=default``."""

    name: str
    to: str
    arguments: str | None = None


def _same(*names: str) -> tuple[Rule, ...]:
    """Calls that `jax.numpy` has under the same name (its last part)."""
    return tuple(Rule(name, f"jnp.{name.rsplit('.', 1)[-1]}") for name in names)


# The 40 commonest, in the guide's order; most are one renaming.
COMMON = (
    Rule("reduce_sum", "jnp.sum"),
    Rule("reduce_mean", "jnp.mean"),
    Rule("reduce_max", "jnp.max"),
    Rule("reduce_min", "jnp.min"),
    Rule("reduce_prod", "jnp.prod"),
    Rule("reduce_logsumexp", "jax.scipy.special.logsumexp"),
    Rule("cast", "jnp.asarray({x}, {dtype})", "x dtype"),
    Rule("constant", "jnp.asarray({value}[, dtype={dtype}])", "value dtype="),
    Rule("convert_to_tensor", "jnp.asarray({value}[, dtype={dtype}])", "value dtype="),
    *_same("exp", "math.log", "sqrt", "square", "abs", "sin", "cos", "maximum", "minimum", "where"),
    Rule("matmul", "{a:T}jnp.matmul", "transpose"),
    Rule("linalg.cholesky", "jnp.linalg.cholesky"),
    Rule(
        "linalg.triangular_solve",
        "jax.scipy.linalg.solve_triangular({matrix}, {rhs}, lower={lower}[, trans=int({adjoint})])",
        "matrix rhs lower=True adjoint=",
    ),
    Rule("linalg.cholesky_solve", "jax.scipy.linalg.cho_solve(({chol}, True), {rhs})", "chol rhs"),
    Rule("linalg.diag_part", "jnp.diagonal({input}, axis1=-2, axis2=-1)", "input"),
    Rule("linalg.diag", 'jnp.vectorize(jnp.diag, signature="(n)->(n,n)")({diagonal})', "diagonal"),
    *_same("eye", "ones", "zeros", "ones_like", "zeros_like", "shape", "reshape"),
    Rule("transpose", "jnp.transpose({a}[, {perm}])", "a perm="),
    Rule("expand_dims", "jnp.expand_dims({input}, {axis})", "input axis"),
    Rule("concat", "jnp.concatenate({values}, {axis})", "values axis"),
    Rule("stack", "jnp.stack"),
    Rule("tile", "jnp.tile({input}, {multiples})", "input multiples"),
    Rule("gather", "jnp.take({params}, jnp.asarray({indices}), axis={axis})", "params indices axis=0"),
    Rule("nn.softplus", "jax.nn.softplus"),
    Rule("optimizers.Adam", "{gpflow}.optimizers.Adam"),
    Rule("data.Dataset", "{gpflow}.Dataset"),
    Rule("random.set_seed", "{gpflow}.set_seed"),
    Rule("function", "{f}", "f"),
)

MORE = (
    *_same("linspace", "einsum", "tensordot", "broadcast_to", "sign", "round", "floor", "tan", "tanh", "sinh", "cosh"),
    *_same(
        "math.log1p", "math.expm1", "math.sqrt", "math.exp", "math.abs", "math.square", "math.maximum", "math.minimum"
    ),
    *_same(
        "math.sin", "math.cos", "math.tanh", "math.cumsum", "cumsum", "math.argmax", "argmax", "argmin", "math.sign"
    ),
    *(Rule(f"linalg.{name}", f"jnp.linalg.{name}") for name in ("inv", "solve", "eigh", "svd", "det", "norm", "pinv")),
    Rule("norm", "jnp.linalg.norm"),
    *_same(
        "int32",
        "int64",
        "float32",
        "float64",
        "split",
        "sort",
        "meshgrid",
        "repeat",
        "unique",
        "math.floor",
    ),
    Rule("range", "jnp.arange"),
    Rule("pow", "jnp.power"),
    Rule("math.pow", "jnp.power"),
    Rule("add", "jnp.add"),
    Rule("subtract", "jnp.subtract"),
    Rule("multiply", "jnp.multiply"),
    Rule("divide", "jnp.divide"),
    Rule("math.reduce_sum", "jnp.sum"),
    Rule("math.reduce_mean", "jnp.mean"),
    Rule("math.reduce_max", "jnp.max"),
    Rule("math.reduce_min", "jnp.min"),
    Rule("math.reduce_prod", "jnp.prod"),
    Rule("math.reduce_std", "jnp.std"),
    Rule("math.reduce_variance", "jnp.var"),
    Rule("math.reduce_logsumexp", "jax.scipy.special.logsumexp"),
    Rule("math.multiply", "jnp.multiply"),
    Rule("math.divide", "jnp.divide"),
    Rule("math.add", "jnp.add"),
    Rule("math.is_nan", "jnp.isnan"),
    Rule("math.is_finite", "jnp.isfinite"),
    Rule("math.lgamma", "jax.scipy.special.gammaln"),
    Rule("math.digamma", "jax.scipy.special.digamma"),
    Rule("math.erf", "jax.scipy.special.erf"),
    Rule("math.softplus", "jax.nn.softplus"),
    Rule("math.sigmoid", "jax.nn.sigmoid"),
    Rule("math.log_sigmoid", "jax.nn.log_sigmoid"),
    Rule("sigmoid", "jax.nn.sigmoid"),
    Rule("nn.sigmoid", "jax.nn.sigmoid"),
    Rule("nn.softmax", "jax.nn.softmax"),
    Rule("nn.log_softmax", "jax.nn.log_softmax"),
    Rule("nn.relu", "jax.nn.relu"),
    Rule("nn.tanh", "jnp.tanh"),
    Rule("one_hot", "jax.nn.one_hot({indices}, {depth}[, dtype={dtype}])", "indices depth dtype="),
    Rule("stop_gradient", "jax.lax.stop_gradient"),
    Rule("identity", "jnp.asarray"),
    Rule("rank", "jnp.ndim"),
    Rule("size", "jnp.size"),
    Rule("squeeze", "jnp.squeeze({input}[, {axis}])", "input axis="),
    Rule("fill", "jnp.full({dims}, {value})", "dims value"),
    Rule("reverse", "jnp.flip({tensor}, {axis})", "tensor axis"),
    Rule("boolean_mask", "jnp.asarray({tensor})[{mask}]", "tensor mask"),
    Rule("clip_by_value", "jnp.clip({t}, {low}, {high})", "t low high"),
    Rule("linalg.matmul", "{a:T}jnp.matmul", "transpose"),
    Rule("linalg.matvec", "jnp.matvec"),
    Rule("linalg.trace", "jnp.trace({x}, axis1=-2, axis2=-1)", "x"),
    Rule("linalg.logdet", "jnp.linalg.slogdet({matrix})[1]", "matrix"),
    Rule("linalg.slogdet", "jnp.linalg.slogdet"),
    Rule("linalg.adjoint", "jnp.matrix_transpose"),
    Rule("linalg.matrix_transpose", "jnp.matrix_transpose"),
    Rule("linalg.set_diag", "jnp.fill_diagonal({input}, {diagonal}, inplace=False)", "input diagonal"),
    Rule("random.normal", "np.random.normal(size={shape})", "shape"),
    Rule("random.uniform", "np.random.uniform(size={shape})", "shape"),
    Rule("Variable", "{gpflow}.Parameter"),
    Rule("Tensor", "jnp.ndarray"),
    Rule("newaxis", "None"),
    Rule("errors.InvalidArgumentError", "np.linalg.LinAlgError"),
    *(
        Rule(f"{home}.{name}", f"{{gpflow}}.optimizers.{name}")
        for home in ("optimizers", "keras.optimizers", "optimizers.legacy", "keras.optimizers.legacy")
        for name in ("Adam", "SGD", "RMSprop", "Adagrad", "Adamax", "Nadam", "AdamW")
        if (home, name) != ("optimizers", "Adam")
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in (*MORE, *COMMON)}

# What has no one-line form, and what to write instead.
_CHECKPOINT = "pickle, np.savez of read_values, or gparams.save of model.functional()"
BY_HAND = {
    "GradientTape": "loss, grads = {gpflow}.value_and_grad(closure, variables), a closure in place of the tape",
    "Module": "{gpflow}.Module",
    "while_loop": "jax.lax.while_loop, or a Python loop",
    "map_fn": "jax.vmap or jax.lax.map",
    "vectorized_map": "jax.vmap",
    "scan": "jax.lax.scan",
    "cond": "jax.lax.cond or jnp.where",
    "tensor_scatter_nd_update": "x.at[indices].set(values)",
    "gather_nd": "x[tuple(indices.T)]",
    "dynamic_partition": "Boolean indexing, x[mask]",
    "dynamic_stitch": "jnp.zeros(...).at[indices].set(values)",
    "linalg.band_part": "jnp.tril(x) or jnp.triu(x)",
    "train.Checkpoint": _CHECKPOINT,
    "train.CheckpointManager": f"a loop over files of your own, each written with {_CHECKPOINT}",
    "train.latest_checkpoint": f"the path of a file of your own, written with {_CHECKPOINT}",
    "saved_model": "pickle, or gparams.save of model.functional()",
    "summary": "a writer of your own; there is no TensorBoard in JAX",
    "config": "JAX's own settings (jax.config)",
    "keras": "a network of Equinox or Flax, turned into Parameters by gparams.parametrize",
    "custom_gradient": "jax.custom_jvp or jax.custom_vjp",
    "py_function": "nothing: the closure is Python as it is",
    "debugging": "a check of shapes in Python, or jaxtyping",
    "print": "jax.debug.print inside a closure, print outside",
    "assert": "a check in Python",
}


def rows() -> list[tuple[str, str]]:
    """Return the guide's table: TensorFlow's call and its form here, for each of the commonest."""
    return [(_left(rule), form(rule)) for rule in COMMON]


def _left(rule: Rule) -> str:
    if rule.arguments is None:
        return f"tf.{rule.name}"
    if rule.arguments == "transpose":
        return f"tf.{rule.name}(a, b, transpose_a=True)"
    return f"tf.{rule.name}({', '.join(a.rstrip('=') for a in rule.arguments.split())})"


def form(rule: Rule, gpflow: str = "gpflow") -> str:
    """Return what a call becomes, as text for a reader: the arguments by their names."""
    if rule.arguments == "transpose":
        return "jnp.matmul(jnp.matrix_transpose(a), b)"
    text = rule.to.replace("{gpflow}", gpflow)
    return (
        text if rule.arguments is None else text.replace("[, ", ", ").replace("]", "").replace("{", "").replace("}", "")
    )
