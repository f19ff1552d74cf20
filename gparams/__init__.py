"""gparams: GPflow's ergonomics for JAX, on plain Equinox PyTrees."""

from . import datasets as datasets
from . import fitting as fitting
from . import kernels as kernels
from . import likelihoods as likelihoods
from . import maths as maths
from . import mean_functions as mean_functions
from . import models as models
from . import posteriors as posteriors
from .fitting import FitResult as FitResult
from .fitting import fit as fit
from .parameters import Buffer as Buffer
from .parameters import Module as Module
from .parameters import Parameter as Parameter
from .parameters import PlaceError as PlaceError
from .parameters import apply_updates as apply_updates
from .parameters import as_parameter as as_parameter
from .parameters import assign as assign
from .parameters import at as at
from .parameters import bounded as bounded
from .parameters import combine as combine
from .parameters import filter_grad as filter_grad
from .parameters import filter_value_and_grad as filter_value_and_grad
from .parameters import log_prior as log_prior
from .parameters import multiple_assign as multiple_assign
from .parameters import parameter_dict as parameter_dict
from .parameters import parameters as parameters
from .parameters import parametrize as parametrize
from .parameters import partition as partition
from .parameters import positive as positive
from .parameters import print_summary as print_summary
from .parameters import read_values as read_values
from .parameters import replace as replace
from .parameters import set_prior as set_prior
from .parameters import set_trainable as set_trainable
from .parameters import set_transform as set_transform
from .parameters import share as share
from .parameters import tabulate as tabulate
from .parameters import tie as tie
from .parameters import trainable as trainable
from .parameters import trainable_parameters as trainable_parameters
from .parameters import triangular as triangular
from .parameters import untie as untie
from .parameters import update as update
from .parameters import values as values

__version__ = "0.1.0"
