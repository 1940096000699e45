"""Pages out of the files in assets/: one file each, whose policy allows what is in it and nothing else.

A page may hold anything that strangers wrote: their words go into it as data alone, and reach the screen as text.
"""

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from marl_ppo.errors import ConfigError
from marl_ppo.viewer import palette
from marl_ppo.viewer.feed import Timeline
from marl_ppo.viewer.pictures import PICTURES
from marl_ppo.viewer.web.columns import columns_of
from marl_ppo.whole_files import whole_file

_ASSETS = Path(__file__).parent / "assets"
_MATCH = "match.html"
_MATCH_STYLES = ("match.css",)
_HEAD = 500  # letters of a page in which its source is told
_MATCH_SCRIPTS = ("making.js", "reading.js", "between.js", "drawing.js", "panel.js", "player.js")


def write_html(timeline: Timeline, path: Path | str, *, start: int = 0, stop: int | None = None, source: str = "") -> Path:
    """Write a match, or its moments from `start` to `stop`, as one file that plays in any browser; returns its path.

    `source` is what `source_of` the match's file gives, for those who want to know later whether the page is still right.

    Raises ConfigError for a name that does not end in .html, and for steps that the match does not have.
    """
    path = require_html(path)
    told = columns_of(timeline, start=start, stop=stop)
    data = base64.b64encode(zlib.compress(as_json(told).encode(), 9)).decode()
    return write_page(
        path,
        _MATCH,
        styles=_MATCH_STYLES,
        scripts=_MATCH_SCRIPTS,
        title=timeline.title,
        theme=theme(),
        data=data,
        source=source,
    )


def source_of(file: Path) -> str:
    """Stands for a match's file and all that makes a page of it, but for the worlds: they change with the version."""
    made = hashlib.sha256(file.read_bytes())
    for text in (version("marl_ppo"), theme(), _read(_MATCH, *_MATCH_STYLES, *_MATCH_SCRIPTS)):
        made.update(text.encode())
    return made.hexdigest()


def is_made_from(page: Path, source: str) -> bool:
    """Whether there is such a page, and it was made from that source."""
    if not page.is_file():
        return False
    with page.open(encoding="utf-8", errors="replace") as opened:
        return f'name="source" content="{source}"' in opened.read(_HEAD)


def require_html(path: Path | str) -> Path:
    """The path, which ends in .html; ConfigError otherwise."""
    path = Path(path)
    if path.suffix != ".html":
        raise ConfigError(f"a page's name ends in .html, got {str(path)!r}")
    return path


def write_page(
    path: Path,
    template: str,
    *,
    styles: Sequence[str],
    scripts: Sequence[str],
    title: str,
    policy: str = "",
    **data: str,
) -> Path:
    """Fill a template with the texts of assets/, and with `data`, JSON by `as_json` or base64; `policy` allows more."""
    style = _colours() + _read("theme.css", *styles)
    script = '"use strict";\n' + _read(*scripts)
    allowed = [f"style-src {_hash(style)}", f"script-src {_hash(script)}", "img-src data:"]
    parts = {
        "title": html.escape(title.encode("utf-8", "replace").decode()),
        "policy": "; ".join(
            ["default-src 'none'", *allowed, "base-uri 'none'", "form-action 'none'", *([policy] * bool(policy))]
        ),
        "style": style,
        "script": script,
        **data,
    }
    # In one pass, so that nothing that is filled in is looked at again.
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], (_ASSETS / template).read_text(encoding="utf-8"))
    with whole_file(path) as writing:
        writing.write_text(text, encoding="utf-8", newline="\n")
    return path


def as_json(value: Any) -> str:
    """JSON that may stand inside of a page's script element: nothing in it looks like a tag."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def theme() -> str:
    """What the pictures are drawn with, as the pygame viewer does."""
    return as_json({**_named(), "teams": palette.TEAMS, "sprites": PICTURES})


def _read(*names: str) -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _named() -> Mapping[str, palette.Colour]:
    names = ("page", "board", "grid", "edge", "scenery", "text", "quiet", "label", "ink")
    return {name: getattr(palette, name.upper()) for name in names}


def _colours() -> str:
    """The same colours as variables of the style."""
    teams = {f"team-{number}": colour for number, colour in enumerate(palette.TEAMS)}
    rules = (f"--{name}: rgb({red} {green} {blue});" for name, (red, green, blue) in {**_named(), **teams}.items())
    return f":root {{ {' '.join(rules)} }}\n"
