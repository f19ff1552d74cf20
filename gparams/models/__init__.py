"""Gaussian-process models, with GPflow's names and signatures."""

from ._base import GPModel as GPModel
from ._data import Float32Warning as Float32Warning
from ._gpr import GPR as GPR
