"""Gaussian-process models, with GPflow's names and signatures."""

from ._base import GPModel as GPModel
from ._base import PosteriorModel as PosteriorModel
from ._cglb import CGLB as CGLB
from ._data import Float32Warning as Float32Warning
from ._diagnosis import JitterWarning as JitterWarning
from ._gplvm import GPLVM as GPLVM
from ._gplvm import BayesianGPLVM as BayesianGPLVM
from ._gplvm import principal_components as principal_components
from ._gpr import GPR as GPR
from ._gpr import LeaveOneOut as LeaveOneOut
from ._mcmc import GPMC as GPMC
from ._mcmc import SGPMC as SGPMC
from ._sgpr import GPRFITC as GPRFITC
from ._sgpr import SGPR as SGPR
from ._svgp import SVGP as SVGP
from ._vgp import VGP as VGP
from ._vgp import VGPOpperArchambeau as VGPOpperArchambeau
