"""Convolutional: functions of images that are sums of one function of their patches."""

from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..maths import read_count
from ..parameters import Parameter, as_parameter
from ._base import Kernel, read_kernel


@final
class Convolutional(Kernel):
    r"""The weighted convolutional kernel: a function of an image is a weighted mean of one function of its patches.

    .. math:: f(x) = \frac1P \sum_{p=1}^P w_p\, g(x^{[p]}), \quad g \sim GP(0, k_g), \qquad
              k(x, x') = \frac{1}{P^2} \sum_{p, q} w_p w_q\, k_g(x^{[p]}, x'^{[q]})

    An image is a row of X, its pixels in row-major order, those of the colours of a pixel side by side. There is a patch
    for every place and every colour.

    Parameters
    ----------
    base_kernel
        :math:`k_g`, a kernel of one output, of patches.
    image_shape
        Height and width of an image, in pixels.
    patch_shape
        Height and width of a patch.
    weights
        :math:`w`, one for each patch; ones by default. They have no transform. A Parameter is adopted whole.
    colour_channels
        The number of colours.

    Raises
    ------
    TypeError
        If the base kernel is none, or has several outputs.
    ValueError
        If a patch is larger than the image, or there is not one weight for each patch; and, when called, if a row of X is
        not an image.

    References
    ----------
    van der Wilk, Rasmussen & Hensman (2017), *Convolutional Gaussian Processes*, eqs. 12, 13 and 18. GPflow 2.11,
    ``kernels.Convolutional`` (means where the paper has sums).

    Examples
    --------
    >>> import gparams as gp
    >>> import numpy as np
    >>> k = gp.kernels.Convolutional(gp.kernels.SquaredExponential(), image_shape=[3, 3], patch_shape=[2, 2])
    >>> k.num_patches, k.patch_len
    (4, 4)
    >>> image = np.arange(9.0)[None]
    >>> print(k.get_patches(image)[0])
    [[0. 1. 3. 4.]
     [1. 2. 4. 5.]
     [3. 4. 6. 7.]
     [4. 5. 7. 8.]]
    """

    base_kernel: Kernel
    weights: Parameter
    image_shape: tuple[int, int] = eqx.field(static=True)
    patch_shape: tuple[int, int] = eqx.field(static=True)
    colour_channels: int = eqx.field(static=True)

    def __init__(
        self,
        base_kernel: Kernel,
        image_shape: Sequence[int],
        patch_shape: Sequence[int],
        weights: Any = None,
        colour_channels: int = 1,
    ):
        self.base_kernel = read_kernel(base_kernel, "Convolutional")
        self.image_shape = _read_shape(image_shape, "image_shape")
        self.patch_shape = _read_shape(patch_shape, "patch_shape")
        self.colour_channels = read_count(colour_channels, "Convolutional.colour_channels")
        if self.patch_shape[0] > self.image_shape[0] or self.patch_shape[1] > self.image_shape[1]:
            raise ValueError(f"Convolutional: patches of {self.patch_shape} don't fit in images of {self.image_shape}")
        self.weights = as_parameter(jnp.ones(self.num_patches) if weights is None else weights)
        if self.weights.shape != (self.num_patches,):
            raise ValueError(
                f"Convolutional: expected {self.num_patches} weights, one for each patch, got shape {self.weights.shape}"
            )

    @property
    def patch_len(self) -> int:
        """The number of pixels of a patch."""
        return self.patch_shape[0] * self.patch_shape[1]

    @property
    def num_patches(self) -> int:
        """P, the number of patches of an image, over all colours."""
        (H, W), (h, w) = self.image_shape, self.patch_shape
        return (H - h + 1) * (W - w + 1) * self.colour_channels

    def get_patches(self, X: Any) -> Float[Array, "*B N P S"]:
        """Cut images [*B, N, D] into patches [*B, N, P, S]: colour by colour, each in row-major order."""
        (H, W), (h, w), C = self.image_shape, self.patch_shape, self.colour_channels
        X = jnp.asarray(X)
        if X.shape[-1] != H * W * C:
            raise ValueError(
                f"Convolutional: expected images of {H} x {W} pixels and {C} colours, {H * W * C} columns, got X of shape "
                f"{X.shape}"
            )
        pixels = np.arange(H * W * C).reshape(H, W, C).transpose(2, 0, 1)
        patches = np.lib.stride_tricks.sliding_window_view(pixels, (h, w), axis=(1, 2))
        return X[..., patches.reshape(self.num_patches, self.patch_len)]

    def K(self, X: Float[Array, "*B N D"], X2: Float[Array, "*C N2 D"] | None = None) -> Float[Array, "..."]:
        """Covariances [*B, N, N], or [*B, N, *C, N2]."""
        Xp, N, P = self.get_patches(X), X.shape[-2], self.num_patches
        if X2 is None:
            Kp = self.base_kernel(Xp.reshape(*X.shape[:-2], N * P, self.patch_len))
            Kp = Kp.reshape(*X.shape[:-2], N, P, N, P)
        else:
            Kp = self.base_kernel(Xp, self.get_patches(X2))  # [*B, N, P, *C, N2, P]
        return self._mean(jnp.moveaxis(self._mean(Kp), X.ndim - 1, -1))

    def K_diag(self, X: Float[Array, "*B N D"]) -> Float[Array, "*B N"]:
        """Variances at the rows of X."""
        return self._mean(self._mean(self.base_kernel(self.get_patches(X))))

    def K_patches(self, Z: Float[Array, "M S"], X: Any) -> Float[Array, "M *B N"]:
        """Covariances of g at patches Z with f at images X [*B, N, D]: the mean over p of w_p k_g(z, x^[p])."""
        if Z.shape[-1] != self.patch_len:
            raise ValueError(f"Convolutional: expected patches of {self.patch_len} pixels, got Z of shape {Z.shape}")
        return self._mean(self.base_kernel(Z, self.get_patches(X)))

    def _mean(self, Kp: Array) -> Array:
        """Weighted mean over the last axis, that of the patches."""
        w = self.weights.value
        return jnp.matmul(Kp, w, precision="highest") / self.num_patches


def _read_shape(shape: Sequence[int], what: str) -> tuple[int, int]:
    if np.shape(shape) != (2,):
        raise ValueError(f"Convolutional: expected {what} to be two whole numbers, height and width, got {shape!r}")
    height, width = (read_count(n, f"Convolutional.{what}") for n in shape)
    return height, width
