"""PyTorch with all derivatives written out by hand, and MKL's `potri` for the inverse, as a worker of `bench_peers`."""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from common import LENGTHSCALES, NOISE, VARIANCE, data, serve

torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)


def gpr(N):
    X, Y = (torch.as_tensor(a) for a in data(N))
    raw = torch.log(torch.expm1(torch.tensor([VARIANCE, *LENGTHSCALES, NOISE])))

    def call():
        values, slopes = torch.nn.functional.softplus(raw), torch.sigmoid(raw)
        variance, ell, noise = values[0], values[1:-1], values[-1]
        Z = X / ell
        norms = (Z * Z).sum(1)
        E = torch.addmm(norms[:, None] + norms, Z, Z.T, alpha=-2.0).clamp_min_(0.0).mul_(-0.5).exp_()
        K = variance * E
        K.diagonal().add_(noise)
        L = torch.linalg.cholesky(K)
        A = torch.cholesky_solve(Y, L)
        value = -0.5 * (Y * A).sum() - L.diagonal().log().sum() - 0.5 * N * math.log(2.0 * math.pi)
        G = torch.cholesky_inverse(L).neg_().addmm_(A, A.T).mul_(0.5)
        noise_slope = G.diagonal().sum()
        W = G.mul_(E)
        variance_slope = W.sum()
        ell_slopes = variance * (2.0 * (W.sum(1)[:, None] * Z * Z).sum(0) - 2.0 * (Z * (W @ Z)).sum(0)) / ell
        slopes * torch.cat([variance_slope[None], ell_slopes, noise_slope[None]])
        return value.item()

    return call


serve({"gpr": gpr, "loop": gpr})
