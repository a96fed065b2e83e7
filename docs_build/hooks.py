"""What mkdocs calls while it builds: it adds pictures that pages made and pages that are generated, and links names of code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from docs_build import decision_tree, equations, included, names, running

CODE = re.compile(r"(?<![`\[])`(?P<name>[A-Za-z_][\w.]*)(?P<call>\([^`]*\))?`(?!`)")


def on_files(files: Any, *, config: Any) -> Any:
    """Adds what is not a file of ``docs/``: the pictures of pages, and the pages that are included from elsewhere."""
    for page in sorted(running.DOCS.rglob("*.md")):
        relative = page.relative_to(running.DOCS)
        for name in dict.fromkeys(running.pictures(page, page.read_text())):
            made = running.KEPT / "docs" / relative.with_suffix("") / name
            if not made.exists():
                raise FileNotFoundError(f"{made}: run the pages first, python -m docs_build.")
            files.append(_generated(config, str(relative.with_suffix("") / name), made.read_bytes()))
    for path, content in included.pages().items():
        files.append(_generated(config, path, content))
    return files


def _generated(config: Any, path: str, content: bytes | str) -> File:
    return File.generated(config, path, content=content)


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """A public name in code, `alcore.bald(probs)` say, becomes a link to its entry in the reference."""
    if page.file.src_uri.startswith("reference/"):
        return markdown
    markdown = markdown.replace(decision_tree.PLACE, decision_tree.svg())
    parts = re.split(r"(^ *```.*?^ *```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.lstrip().startswith("```") else CODE.sub(_link, part) for part in parts)


def _link(found: re.Match[str]) -> str:
    target = names.entry(found["name"])
    return f"[{found[0]}][{target}]" if target else found[0]


def on_page_content(html: str, *, page: Any, config: Any, files: Any) -> str:
    return equations.rendered(html)


def on_post_build(*, config: Any) -> None:
    """A site that is read from disk needs neither a map for crawlers nor a page for a server's unknown addresses."""
    for name in ("404.html", "sitemap.xml", "sitemap.xml.gz"):
        (Path(config["site_dir"]) / name).unlink(missing_ok=True)
