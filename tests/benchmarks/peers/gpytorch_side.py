"""GPyTorch with exact Cholesky factors, as a worker of `bench_peers`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import gpytorch
import torch
from common import D, LENGTHSCALES, NOISE, RATE, STEPS, VARIANCE, data, serve, variational

torch.set_default_dtype(torch.float64)
gpytorch.settings.max_cholesky_size._set_value(100_000)
gpytorch.settings.fast_computations.covar_root_decomposition._set_state(False)


def kernel(start):
    k = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel(ard_num_dims=D))
    if start:
        k.outputscale, k.base_kernel.lengthscale = VARIANCE, torch.as_tensor(LENGTHSCALES)
    return k


class Exact(gpytorch.models.ExactGP):
    def __init__(self, X, Y, likelihood, start):
        super().__init__(X, Y, likelihood)
        self.mean_module, self.covar_module = gpytorch.means.ZeroMean(), kernel(start)

    def forward(self, X):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(X), self.covar_module(X))


def exact(N, start=True):
    X, Y = (torch.as_tensor(a) for a in data(N))
    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    likelihood.noise = NOISE if start else 1.0
    model = Exact(X, Y[:, 0], likelihood, start).train()
    if not start:
        model.covar_module.outputscale = 1.0
        model.covar_module.base_kernel.lengthscale = torch.ones(D)
    mll = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    return model, lambda: -mll(model(X), Y[:, 0]) * N


def gpr(N):
    model, loss = exact(N)

    def call():
        model.zero_grad()
        value = loss()
        value.backward()
        return -value.item()

    return call


def adam(N):
    model, loss = exact(N)
    start = {name: value.clone() for name, value in model.state_dict().items()}

    def run():
        model.load_state_dict(start)
        optimizer = torch.optim.Adam(model.parameters(), RATE)
        for _ in range(STEPS):
            optimizer.zero_grad()
            value = loss()
            value.backward()
            optimizer.step()
        return -loss().item()

    return run


class Sparse(gpytorch.models.ApproximateGP):
    def __init__(self, Z, q_mu, q_sqrt):
        M = len(Z)
        q = gpytorch.variational.CholeskyVariationalDistribution(M)
        super().__init__(gpytorch.variational.VariationalStrategy(self, Z, q, learn_inducing_locations=True))
        self.mean_module, self.covar_module = gpytorch.means.ZeroMean(), kernel(True)
        q.variational_mean.data = torch.as_tensor(q_mu[:, 0])
        q.chol_variational_covar.data = torch.as_tensor(q_sqrt[0])
        self.variational_strategy.variational_params_initialized.fill_(1)

    def forward(self, X):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(X), self.covar_module(X))


def svgp(size):
    M, B = size
    X, Y = (torch.as_tensor(a) for a in data(10_000))
    model, likelihood = Sparse(X[:M].clone(), *variational(M)), gpytorch.likelihoods.GaussianLikelihood()
    likelihood.noise = NOISE
    mll = gpytorch.mlls.VariationalELBO(likelihood, model, num_data=len(X))
    model.train()

    def call():
        model.zero_grad()
        value = -mll(model(X[-B:]), Y[-B:, 0]) * len(X)
        value.backward()
        return -value.item()

    return call


def process(N):
    model, loss = exact(N, start=False)

    def run():
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            value = loss()
            value.backward()
            return value

        optimizer.step(closure)
        value = loss().item()
        model.eval()
        with torch.no_grad():
            model(torch.as_tensor(data(N)[0][:100])).variance
        return -value

    return run


serve({"gpr": gpr, "adam": adam, "svgp": svgp, "process": process})
