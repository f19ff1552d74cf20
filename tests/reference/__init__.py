"""Reference values computed with GPflow 2.11.2, and the checks that read them."""
