"""GPflow's settings."""

from ._config import Config as Config
from ._config import as_context as as_context
from ._config import config as config
from ._config import default_float as default_float
from ._config import default_int as default_int
from ._config import default_jitter as default_jitter
from ._config import default_likelihood_positive_minimum as default_likelihood_positive_minimum
from ._config import default_positive_bijector as default_positive_bijector
from ._config import default_positive_minimum as default_positive_minimum
from ._config import default_summary_fmt as default_summary_fmt
from ._config import set_config as set_config
from ._config import set_default_float as set_default_float
from ._config import set_default_int as set_default_int
from ._config import set_default_jitter as set_default_jitter
from ._config import set_default_likelihood_positive_minimum as set_default_likelihood_positive_minimum
from ._config import set_default_positive_bijector as set_default_positive_bijector
from ._config import set_default_positive_minimum as set_default_positive_minimum
from ._config import set_default_summary_fmt as set_default_summary_fmt
