"""What the shell has of its own, by where GPflow defines it ("module:name"); "+path:name" is an addition at a path."""

from typing import Any

from .. import conditionals, expectations, maths, models
from ..fitting import XiNat, XiSqrtMeanVar, XiTransform
from ..likelihoods import inv_probit
from ..parameters import triangular
from . import _config, _optax, _utilities
from ._ci import is_continuous_integration, reduce_in_tests, subclasses
from ._dataset import Dataset
from ._defaults import next_key
from ._extras import ExternalDataTrainingLossMixin, InternalDataTrainingLossMixin
from ._functions import Kuf, Kuu, inducingpoint_wrapper, shelled
from ._module import Module, shell_of
from ._natgrad import NaturalGradient
from ._optax import Optimizer
from ._parameter import Parameter, PriorOn
from ._posteriors import PrecomputeCacheType
from ._programs import value_and_grad
from ._sampling import SamplingHelper
from ._scipy import Scipy

OURS: dict[str, Any] = {
    "base:Module": Module,
    "base:Parameter": Parameter,
    "base:PriorOn": PriorOn,
    "ci_utils:is_continuous_integration": is_continuous_integration,
    "ci_utils:reduce_in_tests": reduce_in_tests,
    "ci_utils:subclasses": subclasses,
    "+ci_utils:ci_niter": reduce_in_tests,
    "likelihoods.utils:inv_probit": inv_probit,
    "models.training_mixins:InternalDataTrainingLossMixin": InternalDataTrainingLossMixin,
    "models.training_mixins:ExternalDataTrainingLossMixin": ExternalDataTrainingLossMixin,
    "models.training_mixins:Data": Any,
    "models.model:BayesianModel": shell_of(models.GPModel),
    "models.util:data_input_to_tensor": _utilities.data_input_to_tensor,
    "models.util:inducingpoint_wrapper": inducingpoint_wrapper,
    "optimizers.scipy:Scipy": Scipy,
    "optimizers.natgrad:NaturalGradient": NaturalGradient,
    "optimizers.natgrad:XiNat": XiNat,
    "optimizers.natgrad:XiSqrtMeanVar": XiSqrtMeanVar,
    "optimizers.natgrad:XiTransform": XiTransform,
    "utilities.multipledispatch:Kuu": Kuu,
    "utilities.multipledispatch:Kuf": Kuf,
    "utilities.multipledispatch:conditional": shelled(conditionals.conditional),
    "utilities.multipledispatch:sample_conditional": shelled(conditionals.sample_conditional, key=next_key),
    "conditionals.uncertain_conditionals:uncertain_conditional": shelled(conditionals.uncertain_conditional),
    "conditionals.util:base_conditional": shelled(maths.base_conditional),
    "expectations.expectations:expectation": shelled(expectations.expectation),
    "utilities.multipledispatch:expectation": shelled(expectations.expectation),
    "posteriors:PrecomputeCacheType": PrecomputeCacheType,
    "kullback_leiblers:gauss_kl": shelled(maths.gauss_kl),
    "optimizers.mcmc:SamplingHelper": SamplingHelper,
    "+:Dataset": Dataset,
    "+optimizers:Optimizer": Optimizer,
    "+optimizers:value_and_grad": value_and_grad,
    "utilities.bijectors:triangular": triangular,
    "utilities.bijectors:positive": _config.positive,
    "utilities.bijectors:triangular_size": _utilities.triangular_size,
    "utilities.ops:pca_reduce": _utilities.pca_reduce,
    "utilities.ops:square_distance": shelled(maths.square_distance),
}
OURS |= {f"+optimizers:{name}": getattr(_optax, name) for name in (
    "Adam", "AdamW", "Nadam", "SGD", "RMSprop", "Adagrad", "Adamax",
)}  # fmt: skip
OURS |= {
    f"{home}:{name}": getattr(_utilities, name)
    for home, names in {
        "utilities.misc": ("is_variable", "set_trainable", "to_default_float", "to_default_int"),
        "utilities.traversal": (
            "deepcopy",
            "freeze",
            "multiple_assign",
            "parameter_dict",
            "print_summary",
            "read_values",
            "select_dict_parameters_with_prior",
            "tabulate_module_summary",
        ),
    }.items()
    for name in names
}
OURS |= {
    f"logdensities:{name}": shelled(getattr(maths, f"log_{name}"))
    for name in (
        "bernoulli",
        "beta",
        "exponential",
        "gamma",
        "gaussian",
        "laplace",
        "lognormal",
        "poisson",
        "student_t",
    )
}
# Names of types, which annotate and check nothing here.
OURS |= {
    f"{home}:{name}": Any
    for home, names in {
        "base": "VariableData Transform Prior MeanAndVariance SamplesMeanAndVariance TensorType TensorData InputData "
        "OutputData RegressionData",
        "kernels.base": "ActiveDims NormalizedActiveDims",
        "models.util": "InducingVariablesLike InducingPointsLike",
        "optimizers.natgrad": "Scalar LossClosure NatGradParameters",
        "optimizers.scipy": "Variables StepCallback LossClosure",
        "utilities.parameter_or_function": "ConstantOrFunction ParameterOrFunction",
    }.items()
    for name in names.split()
}
OURS["base:TensorLike"] = (object,)  # GPflow's, for its dispatchers
OURS["logdensities:multivariate_normal"] = shelled(maths.log_multivariate_normal)
OURS |= {
    f"config.__config__:{name}": getattr(_config, name)
    for name in vars(_config)
    if name in ("Config", "as_context", "config") or name.startswith(("default_", "set_"))
}

# GPflow's class -> the one that does its work here
RENAMED = {
    "kernels.stationaries:Stationary": "kernels.stationaries:IsotropicStationary",
    "functions:Function": "functions:MeanFunction",
    "functions:SwitchedFunction": "functions:SwitchedMeanFunction",
    "kernels.base:ReducingCombination": "kernels.base:Combination",
}
