"""Port a GPflow script: ``python -m gparams.gpflow.port script.py``.

Rewrites the imports and the common TensorFlow calls, and lists, line by line, what needs a hand. The new script goes to
standard output, to the file given by ``-o``, or in the old one's place with ``--in-place``; the list to standard error.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ._port_rewrite import Ported, rewrite


def main(arguments: Sequence[str] | None = None) -> int:
    r"""Run the command; 0 where nothing is left to do by hand, 1 where something is.

    Parameters
    ----------
    arguments
        The command line's words; those of the process by default.

    Returns
    -------
    The exit status.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> script = pathlib.Path(tempfile.mkdtemp()) / "script.py"
    >>> _ = script.write_text("import gpflow\nk = gpflow.kernels.RBF()\n")
    >>> main([str(script)])
    import gparams.gpflow as gpflow
    k = gpflow.kernels.RBF()
    0
    """
    parser = argparse.ArgumentParser(
        prog="python -m gparams.gpflow.port", description="Port a GPflow script to gparams."
    )
    parser.add_argument("script", type=Path, help="the script, written for GPflow and TensorFlow")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", type=Path, help="file for the new script")
    where.add_argument("--in-place", action="store_true", help="put the new script in the old one's place")
    options = parser.parse_args(arguments)
    ported = rewrite(options.script.read_text(encoding="utf-8"))
    target = options.script if options.in_place else options.output
    if target is None:
        sys.stdout.write(ported.source)
    else:
        target.write_text(ported.source, encoding="utf-8")
    for line, text in ported.remarks:
        sys.stderr.write(f"{options.script}:{line}: {text}\n")
    return 1 if ported.remarks else 0


__all__ = ["Ported", "main", "rewrite"]

if __name__ == "__main__":
    sys.exit(main())
