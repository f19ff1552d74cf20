"""Mean functions, with GPflow's names."""

from ._mean_functions import Additive as Additive
from ._mean_functions import Constant as Constant
from ._mean_functions import Identity as Identity
from ._mean_functions import Linear as Linear
from ._mean_functions import MeanFunction as MeanFunction
from ._mean_functions import Polynomial as Polynomial
from ._mean_functions import Product as Product
from ._mean_functions import SwitchedMeanFunction as SwitchedMeanFunction
from ._mean_functions import Zero as Zero
