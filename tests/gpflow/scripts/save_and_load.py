"""np.savez of every parameter and back; read_values and multiple_assign; pickle of numbers."""

import io
import pickle

import gpflow
import numpy as np
from gpflow.utilities import multiple_assign, parameter_dict, read_values

rng = np.random.RandomState(0)
X = rng.rand(30, 1)
Y = np.sin(8.0 * X) + 0.1 * rng.randn(30, 1)
Xnew = np.linspace(-0.1, 1.1, 7)[:, None]
TIGHT = dict(maxiter=2000, ftol=1e-14, gtol=1e-9)


def build():
    return gpflow.models.GPR((X, Y), kernel=gpflow.kernels.RBF() * gpflow.kernels.Linear() + gpflow.kernels.White(0.1))


m = build()
gpflow.optimizers.Scipy().minimize(m.training_loss, m.trainable_variables, options=dict(maxiter=20))
buffer = io.BytesIO()
np.savez(buffer, **{path: p.numpy() for path, p in parameter_dict(m).items()})
buffer.seek(0)
stored = np.load(buffer)
m2 = build()
multiple_assign(m2, {path: stored[path] for path in stored.files})
m3 = build()
multiple_assign(m3, parameter_dict(m))
m4 = build()
multiple_assign(m4, pickle.loads(pickle.dumps(read_values(m))))
results = {
    "equal": [float(abs(k.training_loss() - m.training_loss())) < 1e-9 for k in (m2, m3, m4)],
    "paths": sorted(parameter_dict(m)),
    "count": len(read_values(m2)),
}
