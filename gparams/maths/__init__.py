"""Pure functions on arrays: distances, linear algebra and the Gaussian log density."""

from ._conditioning import base_conditional as base_conditional
from ._conditioning import condition as condition
from ._conditioning import gauss_kl as gauss_kl
from ._conditioning import whiten_root as whiten_root
from ._conditioning import whitened_kl as whitened_kl
from ._distances import square_distance as square_distance
from ._gaussian import gaussian_log_density as gaussian_log_density
from ._gaussian import whiten as whiten
from ._linear_algebra import add_diagonal as add_diagonal
from ._linear_algebra import cholesky as cholesky
from ._linear_algebra import default_jitter as default_jitter
from ._linear_algebra import inverse_from_cholesky as inverse_from_cholesky
from ._linear_algebra import matmul as matmul
from ._linear_algebra import solve_triangular as solve_triangular
from ._linear_algebra import symmetrize as symmetrize
from ._linear_algebra import times_transpose as times_transpose
from ._sampling import draw_gaussian as draw_gaussian
