"""The HTML of a report: plain pieces of text, everything escaped, nothing fetched."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A browser that obeys it can fetch nothing, whatever should ever stand in the page.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem 1.2rem 3rem; color: #1a1a1a;
  background: #fff; font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #ccc; }
p { margin: .5rem 0; }
.quiet { color: #555; font-size: .9rem; }
.caution { background: #fff6df; border-left: 4px solid #d9a420; padding: .6rem 1rem;
  margin: 1rem 0; }
.caution ul { margin: .3rem 0; padding-left: 1.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0; }
caption { text-align: left; color: #555; padding-bottom: .3rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd;
  white-space: nowrap; font-variant-numeric: tabular-nums; }
th { border-bottom: 2px solid #888; }
th.text, td.text { text-align: left; }
figure { margin: 1rem 0; break-inside: avoid; }
.pair { display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
.pair figure { flex: 1 1 18rem; max-width: 30rem; }
figure img { max-width: 100%; height: auto; display: block; }
figcaption { color: #444; font-size: .9rem; margin-top: .3rem; }
details { margin: .5rem 0; }
summary { cursor: pointer; }
ol li { margin: .2rem 0; font-size: .9rem; }
@media (max-width: 40rem) { body { padding: .5rem .8rem 2rem; font-size: 15px; }
  th, td { padding: .2rem .45rem; } }
@media print { body { max-width: none; font-size: 11pt; padding: 0; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } .wide { overflow: visible; } }
"""


def page(title: str, body: Iterable[str]) -> str:
    """Put sections into a whole page."""
    parts = "\n".join(body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{parts}\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """Put a heading over parts; without any part there is no section."""
    told = [part for part in parts if part]
    if not told:
        return ""
    inner = "\n".join(told)
    return f"<section>\n<h2>{escape(title)}</h2>\n{inner}\n</section>"


def paragraph(text: str, kind: str = "") -> str:
    """Write a paragraph; empty text gives none."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escape(text)}</p>" if text else ""


def cautions(texts: Sequence[str]) -> str:
    """List what must be known before a number is believed."""
    if not texts:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return (
        '<section class="caution"><strong>Read this first</strong>'
        f"<ul>{items}</ul></section>"
    )


def numbered(texts: Iterable[str]) -> str:
    """List texts by number."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ol>{items}</ol>" if items else ""


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    texts: int = 1,
    caption: str = "",
) -> str:
    """Write a table; the first `texts` columns hold words, the others numbers."""
    kinds = ['class="text"' if n < texts else "" for n in range(len(heads))]
    top = "".join(
        f"<th {kind}>{escape(head)}</th>"
        for kind, head in zip(kinds, heads, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td {kind}>{escape(cell)}</td>"
            for kind, cell in zip(kinds, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide"><table>{said}<thead><tr>{top}</tr></thead>\n'
        f"<tbody>{lines}</tbody></table></div>"
    )


def picture(figure: Any, caption: str) -> str:
    """Write a matplotlib figure into the page itself, with its caption."""
    kept = io.BytesIO()
    figure.savefig(kept, format="png", dpi=130, facecolor="white")
    data = base64.b64encode(kept.getvalue()).decode("ascii")
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def side_by_side(*figures: str) -> str:
    """Put pictures beside one another where there is room."""
    told = "".join(figures)
    return f'<div class="pair">{told}</div>' if told else ""


def folded(summary: str, inner: str) -> str:
    """Hide something until it is asked for."""
    return f"<details><summary>{escape(summary)}</summary>\n{inner}\n</details>"
