"""Checkpoints: a model's numbers and facts in one safetensors file, keyed by path.

There is no pickle in it, so that a file from a stranger can't run code. The numbers are tensors; the facts (flags, masks,
ties, and a description of transforms and priors) are one JSON text in the header. Code (classes, transforms, priors) is
never read from a file: it comes from the model that the file is loaded into.
"""

import dataclasses
import json
import os
import tempfile
from pathlib import Path as FilePath
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
import safetensors
import safetensors.numpy

from ._held import Held
from ._parameter import Buffer, Parameter, rebuild
from ._paths import Named, text_of, walk
from ._spec import Mask, Spec, Tie
from ._tfp import tfb, tfd

_FORMAT, _VERSION = "gparams", 1
_SILENT = ("name", "validate_args", "allow_nan_stats", "parameters", "experimental_use_kahan_sum")


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What a partial load found.

    Parameters
    ----------
    loaded
        Paths that were read.
    missing
        Paths of the model that the file does not have; they keep the model's own numbers.
    left_over
        Paths of the file that the model does not have.
    mismatched
        Path to what differs: shape, dtype, kind, transform or prior. These keep the model's own numbers, too.

    Examples
    --------
    >>> import gparams as gp
    >>> gp.LoadReport(loaded=("variance",), missing=("lengthscales",), left_over=(), mismatched={}).complete
    False
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    left_over: tuple[str, ...]
    mismatched: dict[str, str]

    @property
    def complete(self) -> bool:
        """Whether file and model agreed in everything."""
        return not (self.missing or self.left_over or self.mismatched)

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} loaded"]
        lines += [f"missing from the file: {', '.join(self.missing)}"] if self.missing else []
        lines += [f"left over in the file: {', '.join(self.left_over)}"] if self.left_over else []
        lines += [f"{path}: {what}" for path, what in self.mismatched.items()]
        return "\n  ".join(lines)


def save(path: str | os.PathLike, model: Any) -> None:
    """Write a model's numbers and facts to a safetensors file.

    Every Parameter, Buffer and plain array is written under its path, a Parameter as its unconstrained array (bit for
    bit) and, where it has a transform, its value too, for other readers. A crash while writing leaves an old file whole:
    the new one is written beside it, and takes its place at the end.

    Parameters
    ----------
    path
        Name of the file, usually ``*.safetensors``.
    model
        Any PyTree.

    Raises
    ------
    ValueError
        If an array is traced (inside `jit`), or missing (the static half of `partition`).
    OSError
        If the file can't be written.

    Examples
    --------
    >>> import gparams as gp, os, tempfile
    >>> file = os.path.join(tempfile.mkdtemp(), "kernel.safetensors")
    >>> gp.save(file, gp.kernels.SquaredExponential(lengthscales=0.3))
    >>> gp.load(file, like=gp.kernels.SquaredExponential()).lengthscales
    Parameter(0.3, transform=Softplus)
    """
    tensors: dict[str, np.ndarray] = {}
    entries: dict[str, dict[str, Any]] = {}
    for where, leaf in _arrays(model):
        text = text_of(where)
        array, entry = _entry(text, leaf)
        entries[text] = entry
        tensors[text] = array
        if isinstance(leaf, Parameter) and leaf._spec.transform is not None:
            tensors[_value_key(text)] = _plain(leaf.value)[0]
    header = {"format": _FORMAT, "version": str(_VERSION), "entries": json.dumps(entries)}
    _write(FilePath(path), safetensors.numpy.save(tensors, metadata=header))


def load(path: str | os.PathLike, like: Any, *, strict: bool = True) -> Any:
    """Read a checkpoint into a model of the same kind.

    Parameters
    ----------
    path
        A file that `save` wrote.
    like
        A model that gives structure, classes, transforms and priors; nothing of these is read from the file. Numbers,
        flags, masks and ties are. Its own numbers don't matter: what `equinox.filter_eval_shape` gives will do.
    strict
        Whether file and model must have the same paths, shapes, dtypes, transforms and priors. If False, all that fits is
        read, and a report is returned beside the model.

    Returns
    -------
    The model; with ``strict=False`` the pair (model, `LoadReport`).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is truncated or not a gparams checkpoint, if it is of another model (with `strict`), or if a number in
        it is not finite.

    Examples
    --------
    >>> import gparams as gp, os, tempfile
    >>> file = os.path.join(tempfile.mkdtemp(), "kernel.safetensors")
    >>> gp.save(file, gp.kernels.SquaredExponential())
    >>> model, report = gp.load(file, like=gp.kernels.Periodic(gp.kernels.SquaredExponential()), strict=False)
    >>> print(report)
    0 loaded
      missing from the file: base_kernel.variance, base_kernel.lengthscales, period
      left over in the file: variance, lengthscales
    """
    tensors, entries = _read(FilePath(path))
    leaves, treedef = walk(like)
    out = [leaf for _, leaf in leaves]
    loaded, missing, mismatched = [], [], {}
    wanted = {text_of(where) for where, _ in _arrays(like)}
    for i, (where, leaf) in enumerate(leaves):
        text = text_of(where)
        if not _is_array(leaf):
            continue
        if text not in entries:
            missing.append(text)
            continue
        try:
            what = _difference(text, leaf, entries[text])
            new = None if what is not None else _restored(text, leaf, tensors[text], entries[text])
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"load: what {os.fspath(path)!r} says of {text!r} makes no sense ({error!r})") from error
        if what is None:
            out[i] = new
            loaded.append(text)
        else:
            mismatched[text] = what
    left = tuple(text for text in entries if text not in wanted)
    report = LoadReport(tuple(loaded), tuple(missing), left, mismatched)
    if strict and not report.complete:
        raise ValueError(
            f"load: {os.fspath(path)!r} does not fit this {type(like).__name__} (strict=False reads what does)\n  {report}"
        )
    model = jtu.tree_unflatten(treedef, out)
    return model if strict else (model, report)


# ---- what is written for one leaf


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, Parameter | Buffer | np.ndarray | jax.ShapeDtypeStruct) or eqx.is_array(leaf)


def _arrays(model: Any) -> list[Named]:
    return [n for n in walk(model)[0] if _is_array(n.leaf)]


def _value_key(text: str) -> str:
    return f"{text}#value"


def _raw(leaf: Any) -> Any:
    return leaf.unconstrained if isinstance(leaf, Parameter) else leaf.value if isinstance(leaf, Buffer) else leaf


def _plain(array: Any) -> tuple[np.ndarray, str, str]:
    """An array that safetensors can write, its dtype's name, and how it was made: as bits where there is no such dtype."""
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(array)), str(jax.random.key_impl(array)), "key"
    a = np.asarray(array)
    name = a.dtype.name
    if a.dtype.kind == "c":
        return np.ascontiguousarray(a).view(f"f{a.dtype.itemsize // 2}").reshape(*a.shape, 2), name, "complex"
    if a.dtype.kind not in "fiub":
        if a.dtype.kind in "OSUMm":
            raise TypeError(f"an array of dtype {a.dtype} holds no numbers")
        return a.reshape(-1).view(f"u{a.dtype.itemsize}").reshape(a.shape), name, "bits"
    return np.ascontiguousarray(a).reshape(a.shape), name, "plain"


def _dtype_name(raw: Any) -> str:
    return raw.dtype.name if isinstance(raw, jax.ShapeDtypeStruct) else _plain(raw)[1]


def _entry(text: str, leaf: Any) -> tuple[np.ndarray, dict[str, Any]]:
    raw = _raw(leaf)
    if raw is None:
        raise ValueError(f"save: {text!r} holds no array: this is the static half that partition gave")
    if isinstance(raw, jax.core.Tracer):
        raise ValueError(f"save: {text!r} is traced; a model is saved outside jit")
    try:
        array, dtype, form = _plain(raw)
    except TypeError as error:
        raise ValueError(f"save: {text!r} can't be saved: {error}") from error
    entry: dict[str, Any] = {"kind": _kind(leaf), "dtype": dtype, "form": form, "shape": list(np.shape(raw))}
    if isinstance(leaf, Parameter):
        entry |= _described(leaf._spec)
    return array, entry


def _kind(leaf: Any) -> str:
    return type(leaf).__name__ if isinstance(leaf, Parameter | Buffer) else "array"


def _described(spec: Spec) -> dict[str, Any]:
    return {
        "trainable": spec.trainable,
        "frozen": None if spec.mask is None else np.flatnonzero(spec.mask.frozen).tolist(),
        "mask_shape": None if spec.mask is None else list(spec.mask.shape),
        "tie": None if spec.tie is None else {"places": [list(p) for p in spec.tie.places], "member": spec.tie.member},
        "transform": describe_held(spec.transform),
        "prior": describe_held(spec.prior),
        "prior_on": spec.prior_on,
    }


def describe_held(held: Held | None) -> str | None:
    """A transform or prior as text, such as ``Gamma(concentration=2.0, rate=1.0)``."""
    return None if held is None else _told(held.obj)


def _told(x: Any) -> str:
    if isinstance(x, tfb.Bijector | tfd.Distribution):
        arguments = x.parameters or {}
        told = ", ".join(f"{k}={_told(v)}" for k, v in arguments.items() if k not in _SILENT and v is not None)
        return f"{type(x).__name__}({told})"
    if isinstance(x, list | tuple):
        return f"[{', '.join(_told(v) for v in x)}]"
    if isinstance(x, np.ndarray | np.generic | jax.Array):
        return repr(np.asarray(x).tolist())
    return getattr(x, "__qualname__", None) or repr(x)


# ---- what is read for one leaf


def _difference(text: str, leaf: Any, entry: dict[str, Any]) -> str | None:
    raw = _raw(leaf)
    if entry["kind"] != _kind(leaf):
        return f"a {entry['kind']} in the file, a {_kind(leaf)} in the model"
    if raw is None:
        return "the model holds no array here: it is the static half that partition gave"
    if entry["shape"] != list(np.shape(raw)):
        return f"shape {tuple(entry['shape'])} in the file, {tuple(np.shape(raw))} in the model"
    dtype = _dtype_name(raw)
    if entry["dtype"] != dtype:
        return f"dtype {entry['dtype']} in the file, {dtype} in the model"
    if isinstance(leaf, Parameter):
        own = _described(leaf._spec)
        for fact in ("transform", "prior", "prior_on"):
            if entry[fact] != own[fact]:
                return f"{fact} {entry[fact]} in the file, {own[fact]} in the model"
    return None


def _restored(text: str, leaf: Any, array: np.ndarray, entry: dict[str, Any]) -> Any:
    if entry["form"] == "key":
        new: Any = jax.random.wrap_key_data(jnp.asarray(array), impl=entry["dtype"])
    elif entry["form"] == "complex":
        new = jnp.asarray(np.ascontiguousarray(array).view(entry["dtype"]).reshape(entry["shape"]))
    elif entry["form"] == "bits":
        new = jnp.asarray(array.reshape(-1).view(jnp.dtype(entry["dtype"])).reshape(array.shape))
    else:
        new = array if isinstance(leaf, np.ndarray) else jnp.asarray(array)
    if np.shape(new) != np.shape(_raw(leaf)) or _dtype_name(new) != entry["dtype"]:
        raise ValueError(
            f"load: the file says {entry['dtype']}{entry['shape']} of {text!r}, and holds {new.dtype}{list(new.shape)}"
        )
    if not isinstance(leaf, Parameter):
        if isinstance(leaf, np.ndarray):
            return np.asarray(new)
        return Buffer(new) if isinstance(leaf, Buffer) else new
    if not np.isfinite(np.asarray(new, float)).all():
        raise ValueError(f"load: the numbers of {text!r} in the file are not all finite")
    mask = None
    if entry["frozen"] is not None:
        frozen = np.zeros(entry["mask_shape"], bool)
        frozen.flat[entry["frozen"]] = True
        mask = Mask(frozen)
    tie = entry["tie"]
    tie = None if tie is None else Tie(tuple(tuple(p) for p in tie["places"]), tie["member"])
    return rebuild(new, leaf._spec.replace(trainable=bool(entry["trainable"]), mask=mask, tie=tie))


# ---- files


def _write(path: FilePath, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        FilePath(name).unlink(missing_ok=True)
        raise


def _read(path: FilePath) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    if not path.is_file():
        raise FileNotFoundError(f"load: there is no file {os.fspath(path)!r}")
    foreign = f"load: {os.fspath(path)!r} is not a whole gparams checkpoint"
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != _FORMAT:
                raise ValueError(f"{foreign}: it is a safetensors file that gparams.save did not write")
            if header.get("version") != str(_VERSION):
                raise ValueError(
                    f"load: {os.fspath(path)!r} is of format version {header.get('version')}, and this gparams reads "
                    f"version {_VERSION}"
                )
            entries = json.loads(header["entries"])
            tensors = {text: file.get_tensor(text) for text in entries}
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{foreign}: truncated, damaged, or another kind of file ({error})") from error
    return tensors, entries
