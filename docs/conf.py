"""Configuration of the site: ``python -m sphinx -W -b html docs docs/_build/html``. Nothing in it needs a network."""

import typing

# jaxtyping then shows shapes as they are written; it must know before it is imported.
typing.GENERATING_DOCUMENTATION = True

import os
import sys
from pathlib import Path

import jax
import matplotlib

matplotlib.use("Agg")

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent)]

import gparams as gp

if cache := os.environ.get("GPARAMS_TEST_CACHE"):
    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

project = "gparams"
author = "the gparams developers"
project_copyright = "the gparams developers"
version = release = gp.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "live",
    "owners",
    "shapes",
]
exclude_patterns = ["_build", "_extensions", "gallery/**/*.ipynb", "gallery/**/*.py", "gallery/**/*.md5"]
templates_path = ["_templates"]
default_role = "py:obj"
nitpicky = False
show_warning_types = True
suppress_warnings = ["config.cache"]  # functions in the configuration can not be kept between builds; nothing is lost

# Prose.
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence", "attrs_block"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

# The reference: one page a name, made from its docstring.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = True
toc_object_entries = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False

# The gallery: each example runs when the site is built, and an error in one fails the build.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "abort_on_example_error": True,
    "backreferences_dir": "api/backreferences",
    "doc_module": ("gparams",),
    "reset_modules": ("matplotlib", "live.reset_jax"),
    "reset_modules_order": "both",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "plot_gallery": "True",
    "image_srcset": ["2x"],
    "capture_repr": ("_repr_html_", "__repr__"),
    "nested_sections": False,
}

# The look. Furo and MathJax come from their packages, so that no page asks another server for anything.
html_theme = "furo"
html_title = "gparams"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {
        "color-brand-primary": "#0b5fa5",
        "color-brand-content": "#0b5fa5",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7db8ec",
        "color-brand-content": "#7db8ec",
    },
}
pygments_style = "default"
pygments_dark_style = "monokai"
