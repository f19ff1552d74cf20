"""Likelihoods, with GPflow's names and signatures."""

from ._base import Likelihood as Likelihood
from ._continuous import Beta as Beta
from ._continuous import Exponential as Exponential
from ._continuous import Gamma as Gamma
from ._continuous import Laplace as Laplace
from ._continuous import StudentT as StudentT
from ._discrete import Bernoulli as Bernoulli
from ._discrete import NegativeBinomial as NegativeBinomial
from ._discrete import Ordinal as Ordinal
from ._discrete import Poisson as Poisson
from ._gaussian import Gaussian as Gaussian
from ._links import inv_probit as inv_probit
from ._quadrature import PointwiseLikelihood as PointwiseLikelihood
from ._quadrature import QuadratureLikelihood as QuadratureLikelihood
from ._quadrature import ScalarLikelihood as ScalarLikelihood
