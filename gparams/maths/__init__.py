"""Pure functions on arrays: distances, linear algebra, the Gaussian log density and its parametrisations."""

from ._distances import square_distance as square_distance
from ._gaussian import gaussian_log_density as gaussian_log_density
from ._gaussian import whiten as whiten
from ._linear_algebra import add_diagonal as add_diagonal
from ._linear_algebra import cholesky as cholesky
from ._linear_algebra import default_jitter as default_jitter
from ._linear_algebra import inverse_from_cholesky as inverse_from_cholesky
from ._linear_algebra import solve_triangular as solve_triangular
from ._linear_algebra import symmetrize as symmetrize
from ._natural import expectation_to_meanvarsqrt as expectation_to_meanvarsqrt
from ._natural import expectation_to_natural as expectation_to_natural
from ._natural import meanvarsqrt_to_expectation as meanvarsqrt_to_expectation
from ._natural import meanvarsqrt_to_natural as meanvarsqrt_to_natural
from ._natural import natural_to_expectation as natural_to_expectation
from ._natural import natural_to_meanvarsqrt as natural_to_meanvarsqrt
from ._natural import upper_cholesky as upper_cholesky
