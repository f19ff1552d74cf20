"""GPflow's spelling, with state: ``import gparams.gpflow as gpflow``."""

from . import config as config
from ._extras import LossClosure as LossClosure
from ._module import Module as Module
from ._module import stateful as stateful
from ._parameter import Parameter as Parameter
