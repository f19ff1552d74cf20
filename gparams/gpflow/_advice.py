"""What to use in place of what GPflow has and the stateful spelling lacks."""

# Where GPflow defines it (or the start of that) -> what does the job. The longest match counts.
_ADVICE = {
    "monitor": (
        "Nearest: step_callback= of gpflow.optimizers.Scipy().minimize, or a few lines in the loop around Adam; for the "
        "functional model, gparams.fit(model.functional(), callback=gparams.fitting.Monitor(...)), and TensorBoard there."
    ),
    "posteriors": "Nearest: model.posterior(), which has predict_f; one class, gparams.posteriors.Posterior, serves all.",
    "quadrature": "Nearest: the functions of gparams.maths (gauss_hermite, gaussian_expectation, monte_carlo_expectation).",
    "probability_distributions": "Nearest: gparams.expectations, which takes the mean and covariance as arrays.",
    "expectations": "Nearest: gparams.expectations, closed forms under a Gaussian input, with quadrature for the rest.",
    "conditionals": "Nearest: gparams.conditionals.conditional, and gparams.maths.base_conditional on plain matrices.",
    "covariances": "Nearest: the Kuu and Kuf methods of the inducing variables (gparams.inducing_variables).",
    "kullback_leiblers": "Nearest: gparams.maths.gauss_kl, and model.prior_kl().",
    "utilities.multipledispatch": (
        "Nearest: a method. Where GPflow dispatches on two types, gparams asks the rarer one: a subclass of "
        "InducingVariables with Kuu and Kuf, a subclass of Kernel with K and K_diag."
    ),
    "utilities.ops": "Nearest: a line of jax.numpy; `python -m gparams.gpflow.port` knows the common ones.",
    "utilities.misc:training_loop": "Nearest: a Python loop over optimizer.minimize(closure, variables), or gparams.fit.",
    "utilities.traversal": "Nearest: gpflow.utilities.parameter_dict(model), path to Parameter.",
    "utilities.parameter_or_function": "Nearest: pass a number, a Parameter or a function to the likelihood itself.",
    "utilities.model_utils": "Nearest: gparams.maths.add_diagonal.",
    "likelihoods.multilatent": "Nearest: gparams.likelihoods; or a subclass of QuadratureLikelihood with _log_prob.",
    "likelihoods": "Nearest: a subclass of gpflow.likelihoods.ScalarLikelihood with _scalar_log_prob and its two moments.",
    "kernels.hierarchical_axioms": "There is no check of axioms; gparams.kernels has the hierarchical kernels themselves.",
    "kernels.hierarchical": "Nearest: the kernels of conditions in gparams.kernels.",
    "kernels": "Nearest: a subclass of gpflow.kernels.Kernel with K and K_diag.",
    "models.util": "Nearest: model.training_loss_closure(data) and model.maximum_log_likelihood_objective().",
    "models.cglb": "Nearest: gparams.models.CGLB, which solves by conjugate gradients inside.",
    "models": "Nearest: the model without the suffix: deprecated forms are not kept.",
    "optimizers.natgrad": "Nearest: gpflow.optimizers.NaturalGradient(gamma).minimize(loss, [(q_mu, q_sqrt)]).",
    "optimizers": "Nearest: gpflow.optimizers.Scipy, Adam, NaturalGradient.",
    "experimental": "It holds GPflow's inner shape checks; gparams has its shapes in the signatures (jaxtyping).",
    "logdensities": "Nearest: the log densities of gparams.maths (log_gaussian, log_poisson, ...).",
    "versions": "Nearest: gparams.__version__, of this package.",
    "keras": "Nearest: gpflow.optimizers.Adam and its siblings, in the place of those of tf_keras.",
    "type_flags": "It holds GPflow's flags for type checkers; gparams has its shapes in the signatures (jaxtyping).",
    "inducing_variables": "Nearest: gparams.inducing_variables.",
    "": "Nearest: the functional model, model.functional(), and the functions of gparams.",
}


def advice(where: str) -> str:
    """Return the advice for the place in GPflow where something is defined."""
    return next(_ADVICE[start] for start in sorted(_ADVICE, key=len, reverse=True) if where.startswith(start))
