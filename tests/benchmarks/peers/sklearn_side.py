"""scikit-learn, as a worker of `bench_peers`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from common import D, LENGTHSCALES, NOISE, VARIANCE, data, serve
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel


def gpr(N):
    X, Y = data(N)
    kernel = ConstantKernel(VARIANCE) * RBF(LENGTHSCALES) + WhiteKernel(NOISE)
    model = GaussianProcessRegressor(kernel, optimizer=None, alpha=0.0).fit(X, Y[:, 0])
    return lambda: model.log_marginal_likelihood(model.kernel_.theta, eval_gradient=True)[0]


def process(N):
    X, Y = data(N)
    kernel = ConstantKernel(1.0) * RBF(np.ones(D)) + WhiteKernel(1.0)

    def run():
        model = GaussianProcessRegressor(kernel, alpha=0.0).fit(X, Y[:, 0])
        model.predict(X[:100], return_std=True)
        return model.log_marginal_likelihood_value_

    return run


serve({"gpr": gpr, "process": process})
