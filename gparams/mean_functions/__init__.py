"""Mean functions, with GPflow's names."""

from ._mean_functions import Constant as Constant
from ._mean_functions import MeanFunction as MeanFunction
from ._mean_functions import Zero as Zero
