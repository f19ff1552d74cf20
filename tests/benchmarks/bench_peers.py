"""Time gparams beside other Gaussian-process libraries, each in an environment of its own, taking turns.

Every library runs in a worker process, under the interpreter that has it; a worker is asked for a few evaluations in a row,
as a fit makes them, answers with their median time and the value, and the next one is asked. A busy machine so slows all
alike. Medians over rounds, ratios to gparams, and the values are printed as a Markdown table. The values must agree, but
for that of `floor`, which makes the factor and the inverse of a covariance matrix and nothing else.

    python tests/benchmarks/bench_peers.py gpr --sizes 500 1000 2000 --peer gpflow=PYTHON --peer gpytorch=PYTHON
    python tests/benchmarks/bench_peers.py loop --peer pytorch=PYTHON --peer floor=PYTHON
    python tests/benchmarks/bench_peers.py adam --sizes 200 --rounds 3 --peer gpflow=PYTHON
    python tests/benchmarks/bench_peers.py svgp --peer gpflow=PYTHON
    python tests/benchmarks/bench_peers.py sgpr --sizes 10000 --peer gpflow=PYTHON
    python tests/benchmarks/bench_peers.py process --sizes 500 2000 --cache --peer sklearn=PYTHON

Tasks: value and gradient of the log marginal likelihood (`gpr`; in a compiled loop, as a fit makes them, `loop`), of the
collapsed bound with M = 500 (`sgpr`), of the evidence lower bound of a batch (`svgp`); `adam` times 1,000 steps down the
log marginal likelihood, the compiling before them not counted, and `process` a whole process, from import to a fitted
model and a prediction. All in float64, with an ARD squared exponential of five inputs.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
CACHED = "gparams, programs kept"
BATCHES = [(100, 256), (100, 1024), (500, 256), (500, 1024)]


class Worker:
    """One library in its own process, which answers a line of JSON with a line of JSON."""

    def __init__(self, library, python, cache=None):
        script = [python, str(HERE / "peers" / f"{library}_side.py")]
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent if library == "gparams" else HERE)}
        # All as installed: installing compiles a library's Python, and a checkout's is compiled by its first run.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if cache is not None:
            environment |= {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        self.process = subprocess.Popen(
            script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        while line := self.process.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"the worker for {request} stopped")

    def close(self):
        self.process.kill()


def evaluate(task, size, libraries, rounds):
    """Times in milliseconds and last values, by library; a library that can't do the task is left out."""
    workers = {name: Worker(name, python) for name, python in libraries.items()}
    times, values = {name: [] for name in workers}, {}
    try:
        for name, worker in list(workers.items()):
            if not worker.ask(task=task, size=size, rounds=0).get("ready"):
                workers.pop(name).close()
        for _ in range(rounds):
            for name, worker in workers.items():
                time.sleep(0.3)  # the threads of the one before spin for up to 0.2 s
                answer = worker.ask(rounds=1, seconds=0.2)
                times[name].append(1e3 * answer["seconds"])
                values[name] = answer["value"]
    finally:
        for worker in workers.values():
            worker.close()
    return {name: statistics.median(t) for name, t in times.items() if t}, values


def whole_process(size, libraries, rounds):
    """Seconds from the start of the interpreter to its end, and the loss found; the first round is not counted."""
    times, values = {name: [] for name in libraries}, {}
    with tempfile.TemporaryDirectory() as kept:
        for k in range(rounds + 1):
            for name, python in libraries.items():
                cache = kept if name == CACHED else None
                worker, start = Worker("gparams" if cache else name, python, cache), time.perf_counter()
                answer = worker.ask(task="process", size=size, rounds=1)
                worker.process.stdin.close()
                worker.process.wait()
                if "value" in answer and k:
                    times[name].append(time.perf_counter() - start)
                    values[name] = answer["value"]
    return {name: statistics.median(t) for name, t in times.items() if t}, values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["gpr", "loop", "adam", "sgpr", "svgp", "process"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000, 2000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--cache", action="store_true", help="in `process`, also with JAX's cache of compiled programs")
    options = parser.parse_args()
    own = {"gparams": sys.executable, **({CACHED: sys.executable} if options.cache else {})}
    libraries = {**own, **dict(p.split("=", 1) for p in options.peer)}
    known = sorted(p.name.removesuffix("_side.py") for p in (HERE / "peers").glob("*_side.py"))
    if unknown := [name for name in libraries if name not in (CACHED, *known)]:
        parser.error(f"no peer is called {unknown[0]!r}; there are {', '.join(known)}")
    unit = "s" if options.task == "process" else "ms"
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| size | " + " | ".join(f"{name}, {unit} | ratio | value" for name in libraries) + " |")
    print("|---|" + "---|---|---|" * len(libraries))
    for size in BATCHES if options.task == "svgp" else options.sizes:
        run = whole_process if options.task == "process" else lambda *a: evaluate(options.task, *a)
        medians, values = run(size, libraries, options.rounds)
        ratios = {name: seconds / medians["gparams"] for name, seconds in medians.items()}
        cells = [
            f"{medians[name]:.3g} | {ratios[name]:.2f} | {values[name]:.4f}" if name in medians else "– | – | –"
            for name in libraries
        ]
        print(
            f"| {size if options.task != 'svgp' else ' / '.join(map(str, size))} | " + " | ".join(cells) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
