"""GPflow's names at GPflow's import paths, and what is said where one is missing."""

import importlib

import pytest

import gparams as gp
import gparams.gpflow as gpflow
from gparams.gpflow import _namespace as namespace
from gparams.gpflow._advice import advice

# GPFLOW_USE.md: what three projects or more use, at the paths that they import it from.
USED = {
    "": "Module Parameter default_float default_jitter set_trainable base config kernels models utilities optimizers",
    "utilities": "print_summary set_trainable positive triangular to_default_float to_default_int parameter_dict "
    "multiple_assign read_values deepcopy freeze tabulate_module_summary ops bijectors traversal misc",
    "kernels": "Kernel SquaredExponential RBF Matern12 Matern32 Matern52 Linear LinearCoregionalization White Constant "
    "Bias SeparateIndependent SharedIndependent Periodic RationalQuadratic Coregion Polynomial Cosine Sum Product "
    "Exponential ArcCosine ChangePoints Convolutional Stationary IsotropicStationary MultioutputKernel IndependentLatent",
    "kernels.stationaries": "SquaredExponential Stationary IsotropicStationary Matern32",
    "base": "Module Parameter PriorOn default_float",
    "config": "default_float set_default_float default_jitter set_default_jitter set_default_summary_fmt default_int "
    "set_default_positive_bijector set_default_positive_minimum as_context Config config set_config",
    "mean_functions": "MeanFunction Zero Constant Linear Identity Additive Product Polynomial SwitchedMeanFunction",
    "likelihoods": "Likelihood ScalarLikelihood Gaussian Bernoulli Poisson MultiClass Softmax SwitchedLikelihood StudentT "
    "Exponential Gamma Beta Ordinal RobustMax QuadratureLikelihood MonteCarloLikelihood "
    "HeteroskedasticTFPConditional MultiLatentTFPConditional GaussianMC",
    "models": "GPR SVGP SGPR VGP SGPMC GPRFITC GPMC GPLVM BayesianGPLVM CGLB VGPOpperArchambeau GPModel BayesianModel "
    "ExternalDataTrainingLossMixin InternalDataTrainingLossMixin model training_mixins util",
    "models.model": "GPModel BayesianModel",
    "models.training_mixins": "ExternalDataTrainingLossMixin InternalDataTrainingLossMixin",
    "models.util": "data_input_to_tensor inducingpoint_wrapper",
    "utilities.ops": "square_distance",
    "covariances": "Kuu Kuf",
    "covariances.dispatch": "Kuu Kuf",
    "logdensities": "gaussian poisson bernoulli student_t multivariate_normal",
    "conditionals": "conditional sample_conditional uncertain_conditional base_conditional",
    "optimizers": "Scipy NaturalGradient SamplingHelper XiNat XiSqrtMeanVar",
    "optimizers.natgrad": "NaturalGradient XiNat XiSqrtMeanVar",
    "inducing_variables": "InducingVariables InducingPoints Multiscale InducingPatches SharedIndependentInducingVariables "
    "SeparateIndependentInducingVariables FallbackSharedIndependentInducingVariables",
    "ci_utils": "reduce_in_tests is_continuous_integration ci_niter",
}


@pytest.mark.parametrize("path", USED)
def test_what_scripts_use_is_there(path):
    module = importlib.import_module(f"gparams.gpflow.{path}".rstrip("."))
    for name in USED[path].split():
        assert getattr(module, name) is not None
        assert path == "" or name in dir(module)


def test_aliases_are_one_class():
    assert gpflow.kernels.RBF is gpflow.kernels.SquaredExponential is gpflow.kernels.stationaries.SquaredExponential
    assert gpflow.kernels.Bias is gpflow.kernels.Constant
    assert gpflow.mean_functions.Constant is gpflow.functions.Constant is not gpflow.kernels.Constant
    assert gp.gpflow is gpflow and gp.stateful is gpflow.stateful


def missing():
    return [(path, name) for path, table in namespace.NAMES.items() for name in table if not namespace.has(path, name)]


def test_each_missing_name_says_what_does_the_job():
    found = missing()
    assert found, "if nothing is missing any more, this test and the advice can go"
    for path, name in found:
        with pytest.raises(AttributeError, match=r"is not in gparams\.gpflow\. .{30,}") as error:
            namespace.resolve(path, name)
        assert name in str(error.value)
    assert len({advice(namespace.NAMES[path][name]) for path, name in found}) > 10


def test_import_passes_the_text_on():
    with pytest.raises(ImportError, match="step_callback="):
        from gparams.gpflow.monitor import ModelToTensorBoard  # noqa: F401
    with pytest.raises(AttributeError, match="step_callback="):
        gpflow.monitor.Monitor  # noqa: B018
    with pytest.raises(AttributeError, match="Nearest: SquaredExponential"):
        gpflow.kernels.SquaredExponental  # noqa: B018
    with pytest.raises(ImportError, match="no gpflow.kernels.Nothing"):
        from gparams.gpflow.kernels import Nothing  # noqa: F401
    assert getattr(gpflow.kernels, "Nothing", None) is None and not hasattr(gpflow, "Nothing")


def test_modules_without_a_counterpart_are_missing_names():
    for name, does_the_job in (("versions", "gparams.__version__"), ("keras", "optimizers.Adam"), ("type_flags", "")):
        assert not hasattr(gpflow, name) and getattr(gpflow, name, 3) == 3
        with pytest.raises(AttributeError, match=f"gpflow.{name} is not in gparams.gpflow. .*{does_the_job}"):
            getattr(gpflow, name)
    with pytest.raises(ImportError, match="gpflow.versions is not in gparams.gpflow"):
        from gparams.gpflow import versions  # noqa: F401


def test_the_package_lists_what_it_has():
    listed = dir(gpflow)
    assert {"kernels", "models", "optimizers", "port", "Parameter", "Dataset", "stateful", "__doc__"} <= set(listed)
    assert not {"versions", "keras", "_module"} & set(listed)
    assert all(
        importlib.import_module("gparams.gpflow.port") if name == "port" else hasattr(gpflow, name) for name in listed
    )


def test_names_of_types_are_there():
    """GPflow 2.11.2 has them at these paths, in annotations and in isinstance."""
    for path, names in {
        "base": "TensorType TensorLike TensorData InputData OutputData RegressionData MeanAndVariance",
        "models.model": "InputData MeanAndVariance RegressionData",
        "models.util": "InducingPointsLike InducingVariablesLike",
        "kernels.base": "ActiveDims NormalizedActiveDims TensorType",
    }.items():
        for name in names.split():
            assert namespace.resolve(path, name) is not None and namespace.has(path, name)
    assert gpflow.base.TensorLike == (object,) and isinstance(1.0, gpflow.base.TensorLike)


def test_all_classes_of_the_core_are_offered():
    for room, section in (("kernels", "kernels"), ("likelihoods", "likelihoods"), ("models", "models")):
        for name, value in vars(getattr(gp, room)).items():
            if isinstance(value, type) and issubclass(value, gp.Module):
                shell = getattr(getattr(gpflow, section), name)
                assert issubclass(shell, gpflow.Module) and shell.__name__ == name


def test_the_shell_has_no_formula_of_its_own():
    """Nothing of the numbers' own machinery is in the package: what it computes, the core computes."""
    forbidden = (
        "cholesky",
        "solve_triangular",
        "softplus",
        "logsumexp",
        "erf(",
        "gammaln",
        "square_distance(",
        "lax.linalg",
    )
    home = importlib.import_module("pathlib").Path(gpflow.__file__).parent
    for file in home.glob("*.py"):
        if not file.name.startswith("_port"):
            text = file.read_text(encoding="utf-8")
            assert not [word for word in forbidden if f"{word}(" in text or f"jnp.{word}" in text], file.name
