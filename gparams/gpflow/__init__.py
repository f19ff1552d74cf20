"""GPflow's spelling, with state: ``import gparams.gpflow as gpflow``, and a GPflow script runs.

A script's raw TensorFlow maths is rewritten to `jax.numpy` (``python -m gparams.gpflow.port script.py`` does the common
calls); what it says to GPflow stays as it is, and gives GPflow's results.

**How it is built.** No formula stands here. A stateful `Parameter` is a cell that holds a functional `gparams.Parameter`;
`assign`, `trainable`, `prior` put another one into it. A stateful module holds attributes: cells, other modules, anything.
Each library class names its functional class, from which it is made: fields become attributes, methods and
properties are called on the functional object that is *gathered*, at the call, from what the attributes hold. One object
in several places is gathered as tied Parameters. So one kernel in three models is one kernel, and every number comes
from the functional core.

A class of the user's (a kernel with `K` and `K_diag`, a likelihood, a model) is gathered into an *adaptor*, a subclass
of the functional class made for it: its state is fields, and each method that the user wrote calls the user's, with the
adaptor's numbers in the cells. Library models take it for one of their own.

A loss closure becomes a pure function in the same way: while it is traced, the cells that it reads (and the arrays of
modules, and the variables around it) hold traced arrays; after it, their own numbers again. What it read is noted, with its
version, so that it is compiled once for each structure, and a flag, a prior or a kernel that is replaced between two
steps counts from the next one on. Numbers are inputs: assigning one compiles nothing.

`stateful` and ``functional()`` cross over in both directions. Importing this package turns on JAX's 64-bit mode, because
GPflow's default float is float64.
"""

from ._dataset import Dataset as Dataset
from ._defaults import set_seed as set_seed
from ._extras import LossClosure as LossClosure
from ._missing import __dir__ as __dir__
from ._missing import __getattr__ as __getattr__
from ._module import Module as Module
from ._module import stateful as stateful
from ._parameter import Parameter as Parameter
from ._programs import value_and_grad as value_and_grad
