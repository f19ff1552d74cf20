"""Pictures of processes, fits, parameters and kernels, in matplotlib (the extra ``plot``).

Each function draws into the axes that it is given, or into a new figure, and returns the axes: titles, limits and all
else are matplotlib's own from there. The colours are those of Okabe & Ito, which colour-blind readers can tell apart.
"""

from ._axes import COLORS as COLORS
from ._history import plot_history as plot_history
from ._kernel import plot_kernel as plot_kernel
from ._parameters import plot_parameters as plot_parameters
from ._process import plot_gp as plot_gp
