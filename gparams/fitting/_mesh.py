"""Rows of data over several devices: everything else is on each of them, and XLA adds up what the devices find."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from ._problem import Problem
from ._stream import Stream


def read_mesh(mesh: Any) -> Mesh:
    """Check a mesh, and return it with axes over which XLA itself may spread a computation."""
    if not isinstance(mesh, Mesh):
        raise TypeError(
            f"fit: expected mesh to be a jax.sharding.Mesh, such as jax.make_mesh((8,), ('data',)), got {mesh!r}"
        )
    return Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))


def over_devices(problem: Problem, mesh: Mesh, batch_size: int | None) -> Problem:
    """The problem with its model on every device, and its data there too: by rows where each step reads them all."""
    everywhere = NamedSharding(mesh, PartitionSpec())
    data = problem.data
    if isinstance(data, Stream):
        data = data.over(mesh)
    elif not any(eqx.is_array(leaf) for leaf in jax.tree.leaves(data)):
        raise ValueError(
            "fit: mesh= spreads rows of data over devices, and there are no data: give them to fit, for a loss(model, data)"
        )
    elif batch_size is None:
        data = shard_rows(data, mesh, "data")
    else:
        refuse_uneven(batch_size, mesh, "batch_size")
        data = _put(data, everywhere)  # any row may fall to any device
    return Problem(_put(problem.flat, everywhere), problem.loss, data, mesh)


def shard_rows(data: Any, mesh: Mesh, what: str) -> Any:
    """Arrays with their rows split evenly over the devices."""
    for leaf in jax.tree.leaves(data):
        if eqx.is_array(leaf) and leaf.ndim:
            refuse_uneven(leaf.shape[0], mesh, what)
    return jax.tree.map(lambda leaf: jax.device_put(leaf, _rows(leaf, mesh)) if eqx.is_array(leaf) else leaf, data)


def constrain_rows(data: Any, mesh: Mesh) -> Any:
    """The same inside a compiled program."""
    return jax.tree.map(
        lambda leaf: jax.lax.with_sharding_constraint(leaf, _rows(leaf, mesh)) if eqx.is_array(leaf) else leaf, data
    )


def divides(num_rows: int, mesh: Mesh) -> bool:
    """Whether so many rows can be split evenly."""
    return num_rows % mesh.devices.size == 0


def refuse_uneven(num_rows: int, mesh: Mesh, what: str) -> None:
    """Raise where rows can't be split evenly."""
    if not divides(num_rows, mesh):
        raise ValueError(
            f"fit: {what} of {num_rows} rows can't be split evenly over {mesh.devices.size} devices; give a multiple of "
            f"{mesh.devices.size}"
        )


def gather(params: Any) -> Any:
    """Copies on the default device, free to meet arrays from anywhere."""
    return jax.tree.map(lambda leaf: jax.numpy.asarray(np.asarray(leaf)), params)


def _rows(leaf: Any, mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec(mesh.axis_names) if leaf.ndim else PartitionSpec())


def _put(tree: Any, sharding: NamedSharding) -> Any:
    return jax.tree.map(lambda leaf: jax.device_put(leaf, sharding) if eqx.is_array(leaf) else leaf, tree)
