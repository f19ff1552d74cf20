"""The factor and the inverse of the covariance matrix alone, by MKL's `potrf` and `potri`, as a worker of `bench_peers`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from common import LENGTHSCALES, NOISE, VARIANCE, data, serve

torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)


def gpr(N):
    X, _ = data(N)
    Z = torch.as_tensor(X / LENGTHSCALES)
    K = VARIANCE * torch.exp(-0.5 * torch.cdist(Z, Z) ** 2)
    K.diagonal().add_(NOISE)

    def call():
        L = torch.linalg.cholesky(K)
        torch.cholesky_inverse(L)
        return L.diagonal().log().sum().item()

    return call


serve({"gpr": gpr, "loop": gpr})
