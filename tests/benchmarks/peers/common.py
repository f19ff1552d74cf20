"""What all workers share: the data, and the loop that answers requests. NumPy and the standard library alone."""

import json
import statistics
import sys
import time

import numpy as np

STEPS, RATE = 1000, 0.01  # of Adam
D, NOISE, LENGTHSCALES, VARIANCE = 5, 0.1, np.array([0.8, 1.0, 1.2, 1.4, 1.6]), 1.2


def data(N):
    """Inputs, and a noisy smooth function of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D))
    return X, np.sin(X.sum(1, keepdims=True)) + 0.3 * rng.normal(size=(N, 1))


def variational(M):
    """A variational distribution away from the prior, so that nothing cancels."""
    rng = np.random.default_rng(1)
    return 0.3 * rng.normal(size=(M, 1)), np.tril(0.05 * rng.normal(size=(1, M, M))) + 0.7 * np.eye(M)


def serve(tasks, evaluations=None):
    """Answer requests on standard input: set a task up, then time evaluations of it in a row, as a fit makes them.

    `evaluations` says how many one call of a task makes, where it is more than one.
    """
    call, each = None, 1
    for line in sys.stdin:
        request = json.loads(line)
        if "task" in request:
            make = tasks.get(request["task"])
            if make is None:
                print(json.dumps({"ready": False}), flush=True)
                continue
            call, each = make(request["size"]), (evaluations or {}).get(request["task"], 1)
            if request["task"] != "process":
                for _ in range(3):
                    call()
            if not request["rounds"]:
                print(json.dumps({"ready": True}), flush=True)
                continue
        times = []
        while sum(times) < request.get("seconds", 0.0) or not times:
            start = time.perf_counter()
            value = float(call())
            times.append(time.perf_counter() - start)
        print(json.dumps({"seconds": statistics.median(times) / each, "value": value}), flush=True)
