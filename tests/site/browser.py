"""A browser without a screen: ``python browser.py URL STEPS`` visits pages and prints, as JSON, what went on there.

The Chromium of Qt WebEngine, from wheels alone. It runs in a process of its own, because Qt wants the main thread and a
crash of it must not take the tests along. STEPS is a JSON list of ``{"path", "width", "height", "script", "wait",
"picture"}``: `script` is JavaScript whose value is reported, once `wait`, a JavaScript condition, holds.
"""

import json
import os
import sys
import time

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["QTWEBENGINE_DISABLE_SANDBOX"] = "1"  # a test machine may run as root; only our own pages are opened
os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = "--disable-gpu --disable-background-networking --disable-component-update"

from PySide6.QtCore import QEventLoop, QTimer, QUrl
from PySide6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile, QWebEngineUrlRequestInterceptor
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QApplication


class Requests(QWebEngineUrlRequestInterceptor):
    """Notes every request, and stops those that would leave the machine."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def interceptRequest(self, info):
        url = info.requestUrl()
        self.seen.append(url.toString())
        if url.scheme() in ("http", "https") and url.host() != "127.0.0.1":
            info.block(True)


class Page(QWebEnginePage):
    """Notes what is written to the console."""

    def __init__(self, profile):
        super().__init__(profile)
        self.console = []

    def javaScriptConsoleMessage(self, level, message, line, source):
        self.console.append([level.name, message, source, line])


def turn(seconds):
    loop = QEventLoop()
    QTimer.singleShot(int(1000 * seconds), loop.quit)
    loop.exec()


def evaluate(page, script):
    loop, value = QEventLoop(), []
    page.runJavaScript(script, 0, lambda result: (value.append(result), loop.quit()))
    QTimer.singleShot(20_000, loop.quit)
    loop.exec()
    return value[0] if value else None


def visit(view, page, requests, root, step):
    page.console, requests.seen = [], []
    view.resize(step.get("width", 1280), step.get("height", 900))
    loaded, loop = [], QEventLoop()
    done = page.loadFinished.connect(lambda ok: (loaded.append(ok), loop.quit()))
    view.load(QUrl(root + step["path"]))
    QTimer.singleShot(60_000, loop.quit)
    loop.exec()
    page.loadFinished.disconnect(done)
    deadline, ready = time.monotonic() + 60, False
    while not ready and time.monotonic() < deadline:
        ready = bool(evaluate(page, step.get("wait", "document.readyState === 'complete'")))
        turn(0.1)
    turn(0.3)  # what the page still asks for, or complains of
    report = {
        "path": step["path"],
        "loaded": loaded == [True],
        "ready": ready,
        "width": evaluate(page, "document.documentElement.clientWidth"),
        "content_width": evaluate(page, "document.documentElement.scrollWidth"),
        "value": json.loads(evaluate(page, f"JSON.stringify({step.get('script', 'null')})") or "null"),
        "console": list(page.console),
        "requests": list(requests.seen),
    }
    if "picture" in step:
        view.grab().save(step["picture"])
    return report


def main(root, steps):
    app = QApplication(sys.argv[:1])
    requests, profile = Requests(), QWebEngineProfile()  # without a name it keeps nothing
    profile.setUrlRequestInterceptor(requests)
    page, view = Page(profile), QWebEngineView()
    view.setPage(page)
    view.show()
    print(json.dumps([visit(view, page, requests, root, step) for step in steps]), flush=True)
    del app
    os._exit(0)  # Qt's own end may wait for ever


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
