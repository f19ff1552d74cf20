"""Pure functions on arrays: distances, linear algebra, log densities, and expectations under Gaussians."""

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
<<<<<<< HEAD
from ._linear_algebra import times_transpose as times_transpose
from ._sampling import draw_gaussian as draw_gaussian
=======
from ._log_densities import log_bernoulli as log_bernoulli
from ._log_densities import log_beta as log_beta
from ._log_densities import log_exponential as log_exponential
from ._log_densities import log_gamma as log_gamma
from ._log_densities import log_gaussian as log_gaussian
from ._log_densities import log_laplace as log_laplace
from ._log_densities import log_lognormal as log_lognormal
from ._log_densities import log_multivariate_normal as log_multivariate_normal
from ._log_densities import log_negative_binomial as log_negative_binomial
from ._log_densities import log_poisson as log_poisson
from ._log_densities import log_student_t as log_student_t
from ._quadrature import gauss_hermite as gauss_hermite
from ._quadrature import gauss_hermite_grid as gauss_hermite_grid
from ._quadrature import gaussian_expectation as gaussian_expectation
from ._quadrature import gaussian_log_expectation as gaussian_log_expectation
from ._quadrature import hermite_grid as hermite_grid
from ._quadrature import monte_carlo_expectation as monte_carlo_expectation
from ._quadrature import spread_normal_points as spread_normal_points
from ._quadrature import standard_deviation as standard_deviation
>>>>>>> 2782dc72ea116d777913d4f6f5c4144a1d9d74db
