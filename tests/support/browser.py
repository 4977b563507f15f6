"""A real browser without a window: what a page looks like to it, and what it complains of. Knows nothing of the page."""

import re
import tempfile
from dataclasses import dataclass
from html.parser import HTMLParser

from support.process import run

# Nothing but the page is fetched.
_QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
]
_VOID = {"meta", "br", "link", "img", "wbr"}

_MAY_BREAK = "\u200b"


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list["Element | str"]

    @property
    def text(self) -> str:
        """All that stands in it, with single spaces. Where a line may break is none."""
        parts = [_MAY_BREAK if child.tag == "wbr" else child.text for child in self.children if isinstance(child, Element)]
        parts = iter(parts)
        text = " ".join(child if isinstance(child, str) else next(parts) for child in self.children)
        return re.sub(r"\s+", " ", re.sub(rf" ?{_MAY_BREAK} ?", "", text)).strip()

    def all(self, selector: str) -> list["Element"]:
        """Elements below it by `tag`, `.class` or `tag.class`, in their order."""
        tag, _, name = selector.partition(".")
        found = []
        for child in self.children:
            if isinstance(child, Element):
                classes = child.attributes.get("class", "").split()
                if (not tag or child.tag == tag) and (not name or name in classes):
                    found.append(child)
                found.extend(child.all(selector))
        return found


class _Tree(HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = Element("", {}, [])
        self._open = [self.root]

    def handle_starttag(self, tag, attributes):
        element = Element(tag, {name: value or "" for name, value in attributes}, [])
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self._open.pop().tag == tag

    def handle_data(self, data):
        self._open[-1].children.append(data)


async def look(url: str) -> Element:
    """The page as the browser has understood it; fails if it complains of anything in it."""
    with tempfile.TemporaryDirectory() as profile:
        said = await run(["chromium", *_QUIET, f"--user-data-dir={profile}", "--dump-dom", url])
    complaints = [line for line in said.splitlines() if "CONSOLE" in line]
    assert not complaints, "\n".join(complaints)
    tree = _Tree()
    tree.feed(said[said.index("<html") : said.index("</html>") + len("</html>")])
    return tree.root
