"""Pure functions on arrays: distances, linear algebra and the Gaussian log density."""

from ._distances import square_distance as square_distance
from ._gaussian import gaussian_log_density as gaussian_log_density
from ._gaussian import whiten as whiten
from ._linear_algebra import add_diagonal as add_diagonal
from ._linear_algebra import cholesky as cholesky
from ._linear_algebra import default_jitter as default_jitter
from ._linear_algebra import inverse_from_cholesky as inverse_from_cholesky
from ._linear_algebra import solve_triangular as solve_triangular
from ._linear_algebra import symmetrize as symmetrize
