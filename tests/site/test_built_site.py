"""The built site, file by file: links lead somewhere, nothing is loaded from elsewhere, examples have pictures."""

import json
import re
import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_extensions"))

from owners import home, public_names, rooms  # noqa: E402

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("plot_*.py"))
LOADING = dict.fromkeys(("script", "img", "iframe", "source", "video", "audio", "embed"), "src")
pytestmark = pytest.mark.slow


class Links(HTMLParser):
    """What a page is made of: ids, links, what it loads, its pictures, and its meta data."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.pictures, self.meta = set(), [], [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        if tag == "meta":
            self.meta[attrs.get("name")] = attrs.get("content")
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if tag == "link" and attrs.get("rel") not in ("canonical", "next", "prev", "index", "search", "author"):
            self.loads.append(attrs.get("href", ""))
        if attrs.get(LOADING.get(tag, "")):
            self.loads.append(attrs[LOADING[tag]])
        for item in (attrs.get("srcset") or "").split(","):
            self.loads += item.split()[:1]
        if tag == "img":
            self.pictures.append(attrs)


@pytest.fixture(scope="module")
def pages(site):
    found = {path.relative_to(site).as_posix(): path for path in site.rglob("*.html") if "_static" not in path.parts}
    return {name: Links(path.read_text(encoding="utf-8")) for name, path in found.items()}


def elsewhere(url):
    return bool(urllib.parse.urlparse(url).netloc)


def test_the_pages_are_there(pages):
    titles = (
        "index installation tutorial parameters priors scaling sharp_bits porting notation benchmarks design search"
    )
    assert {f"{title}.html" for title in titles.split()} <= set(pages)


def test_nothing_is_loaded_from_elsewhere(pages):
    assert sum(len(page.loads) for page in pages.values()) > len(pages)
    assert not [(name, url) for name, page in pages.items() for url in page.loads if elsewhere(url)]


def test_styles_load_nothing_from_elsewhere(site):
    sheets = [path for path in site.rglob("*.css")]
    assert sheets
    for path in sheets:
        text = path.read_text(encoding="utf-8")
        named = re.findall(r"""url\(\s*["']?([^"')]+)""", text) + re.findall(r"""@import\s+["']([^"']+)""", text)
        assert not [url for url in named if elsewhere(url)], path


def test_links_lead_somewhere(pages, site):
    broken = []
    for name, page in pages.items():
        for url in [*page.links, *page.loads]:
            target = urllib.parse.urlparse(url)
            if target.scheme or target.netloc or url.startswith("data:"):
                continue
            path = (site / name).parent / urllib.parse.unquote(target.path) if target.path else site / name
            path = path.resolve()
            if not path.is_file():
                broken.append((name, url))
            elif target.fragment and path.suffix == ".html":
                other = pages.get(path.relative_to(site).as_posix())
                if other is not None and urllib.parse.unquote(target.fragment) not in other.ids:
                    broken.append((name, url))
    assert not broken


def test_pages_say_how_wide_they_are(pages):
    assert not [name for name, page in pages.items() if "width=device-width" not in (page.meta.get("viewport") or "")]


def test_pictures_are_described(pages):
    bare = [(name, p.get("src")) for name, page in pages.items() for p in page.pictures if "alt" not in p]
    assert not bare  # an empty description is right beside a caption


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_ran_and_has_a_picture_and_a_thumbnail(example, pages):
    assert any("sphx_glr" in (p.get("src") or "") for p in pages[f"gallery/{example}.html"].pictures)
    thumbnails = [p.get("src") or "" for p in pages["gallery/index.html"].pictures]
    assert any(f"sphx_glr_{example}_thumb" in src for src in thumbnails)


def test_each_public_name_has_a_page_with_an_example(pages, site):
    names = {home(value) for room in rooms() for value in public_names(room).values()}
    assert len(names) > 200
    lacking = []
    for name in sorted(names):
        path = site / "api" / "generated" / f"{name}.html"
        if not path.exists() or "&gt;&gt;&gt;" not in path.read_text(encoding="utf-8"):
            lacking.append(name)
    assert not lacking


def test_search_knows_the_pages(site):
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert {"tutorial", "sharp_bits", "api/generated/gparams.models.GPR"} <= set(index["docnames"])
    assert "lengthscal" in index["terms"] or "lengthscale" in index["terms"]
