"""Likelihoods, with GPflow's names and signatures."""

from ._base import Likelihood as Likelihood
from ._gaussian import Gaussian as Gaussian
