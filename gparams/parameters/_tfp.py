"""The one door through which gparams reaches TensorFlow Probability (its JAX substrate)."""

_MEND = """gparams needs the JAX substrate of TensorFlow Probability, and the copy found here does not work:
    {cause}
The last released `tensorflow-probability` (0.25.0) does not import under current versions of JAX. The nightly
build, which installs the same module, does. This mends it:
    pip uninstall -y tensorflow-probability && pip install --force-reinstall --no-deps tfp-nightly"""

try:
    from tensorflow_probability.substrates import jax as tfp

    tfb = tfp.bijectors
    tfd = tfp.distributions
    _ = tfb.Softplus, tfd.Gamma  # the substrate loads lazily; a broken copy shows itself here
except (ImportError, AttributeError) as error:
    raise ImportError(_MEND.format(cause=f"{type(error).__name__}: {error}")) from error
