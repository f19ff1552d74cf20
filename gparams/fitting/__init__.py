"""Fitting: solvers are values, and one function runs them."""

from ._fit import fit as fit
from ._lbfgs import LBFGS as LBFGS
from ._monitor import Monitor as Monitor
from ._monitor import TensorBoard as TensorBoard
from ._natural import NaturalGradient as NaturalGradient
from ._optax import Optax as Optax
from ._restarts import RestartsResult as RestartsResult
from ._restarts import fit_restarts as fit_restarts
from ._result import FitResult as FitResult
from ._scipy import Scipy as Scipy
from ._solver import Solver as Solver
from ._xi import XiNat as XiNat
from ._xi import XiSqrtMeanVar as XiSqrtMeanVar
from ._xi import XiTransform as XiTransform
