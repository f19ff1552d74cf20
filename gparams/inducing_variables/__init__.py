"""Inducing variables of sparse processes, with GPflow's names, and ways to choose them."""

from ._base import InducingVariables as InducingVariables
from ._initialise import greedy_variance as greedy_variance
from ._initialise import kmeans as kmeans
from ._initialise import random_subset as random_subset
from ._multioutput import FallbackSeparateIndependentInducingVariables as FallbackSeparateIndependentInducingVariables
from ._multioutput import FallbackSharedIndependentInducingVariables as FallbackSharedIndependentInducingVariables
from ._multioutput import MultioutputInducingVariables as MultioutputInducingVariables
from ._multioutput import SeparateIndependentInducingVariables as SeparateIndependentInducingVariables
from ._multioutput import SharedIndependentInducingVariables as SharedIndependentInducingVariables
from ._patches import InducingPatches as InducingPatches
from ._points import DataPoints as DataPoints
from ._points import InducingPoints as InducingPoints
from ._points import Multiscale as Multiscale
from ._points import as_inducing_variables as as_inducing_variables
