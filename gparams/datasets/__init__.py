"""Small data sets that come with the library, each with its source."""

from gparams.datasets._co2 import co2 as co2
