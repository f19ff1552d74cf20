"""Covariance functions, with GPflow's names, signatures and parametrisations."""

from ._base import Kernel as Kernel
from ._base import MultioutputKernel as MultioutputKernel
from ._base import Product as Product
from ._base import Scaled as Scaled
from ._base import Sum as Sum
from ._cosine import Cosine as Cosine
from ._linear import ArcCosine as ArcCosine
from ._linear import Linear as Linear
from ._linear import Polynomial as Polynomial
from ._multioutput import IndependentLatent as IndependentLatent
from ._multioutput import LinearCoregionalization as LinearCoregionalization
from ._multioutput import SeparateIndependent as SeparateIndependent
from ._multioutput import SharedIndependent as SharedIndependent
from ._periodic import Periodic as Periodic
from ._static import Constant as Constant
from ._static import White as White
from ._stationary import DistanceStationary as DistanceStationary
from ._stationary import Exponential as Exponential
from ._stationary import IsotropicStationary as IsotropicStationary
from ._stationary import Matern12 as Matern12
from ._stationary import Matern32 as Matern32
from ._stationary import Matern52 as Matern52
from ._stationary import RationalQuadratic as RationalQuadratic
from ._stationary import SquaredExponential as SquaredExponential
