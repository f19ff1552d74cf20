"""The built site, and a local server for it. CI sets GPARAMS_SITE, and then nothing here is skipped."""

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
collect_ignore = ["browser.py"]  # runs in a process of its own
BUILD = "python -m sphinx -W -b html docs docs/_build/html"


@pytest.fixture(scope="session")
def site():
    asked = os.environ.get("GPARAMS_SITE")
    folder = Path(asked) if asked else ROOT / "docs" / "_build" / "html"
    if not (folder / "index.html").exists():
        if asked:
            pytest.fail(f"GPARAMS_SITE is {asked}, and there is no site; build it: {BUILD}")
        pytest.skip(f"the site is not built: {BUILD}")
    return folder.resolve()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def server(site):
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}/"
    httpd.shutdown()
    httpd.server_close()
    thread.join()
