"""What the site makes of equations, docstrings, names of code and tutorials."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import griffe

from docs_build import decision_tree, equations, hooks, names, tutorials
from docs_build.blocks import blocks
from docs_build.docstrings import readable


def test_equations_become_mathml() -> None:
    html = equations.rendered(r'<p><span class="arithmatex">\(\bar p &lt; 1\)</span></p>')
    assert html.startswith("<p><math")
    assert "\\(" not in html
    assert "&lt;" in html or "<" in html
    block = equations.rendered('<div class="arithmatex">\\[\nx^2\n\\]</div>')
    assert block.startswith('<div class="equation"><math')
    assert 'display="block"' in block


def test_examples_of_docstrings_stand_in_code_blocks() -> None:
    text = readable("Text.\n\nReturns: (N,) nats.\nRaises: ValueError.\n\n>>> 1 + 1\n2\n\nMore.")
    assert "**Returns**: (N,) nats." in text
    assert "\n\n**Raises**: ValueError." in text
    assert "```pycon\n>>> 1 + 1\n2\n```" in text


def linked(markdown: str, uri: str = "page.md") -> str:
    page = SimpleNamespace(file=SimpleNamespace(src_uri=uri))
    return hooks.on_page_markdown(markdown, page=page, config=None, files=None)


def test_names_of_code_become_links_outside_of_code_blocks() -> None:
    assert linked("See `alcore.bald(probs)`.") == "See [`alcore.bald(probs)`][alcore.bald]."
    assert linked("`alcore.Batch.indices`") == "[`alcore.Batch.indices`][alcore.Batch]"
    assert linked("`alcore.nothing`") == "`alcore.nothing`"
    assert linked("[`alcore.bald`](x.md)") == "[`alcore.bald`](x.md)"
    code = "```python\n# `alcore.bald`\n```"
    assert linked(code) == code
    assert linked("`alcore.bald`", "reference/scores.md") == "`alcore.bald`"


def test_names_of_adapters_are_known_without_their_frameworks() -> None:
    assert names.public()["alcore_torch.predict"] == "alcore_torch.predict"
    assert names.public()["alcore.stopping.LabelBudget"] == "alcore.stopping.LabelBudget"


def test_every_end_of_the_decision_tree_is_a_section_of_its_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "which_question.md").read_text()
    headings = {line[3:].lower().replace("?", "").replace(" ", "-") for line in page.splitlines() if line[:3] == "## "}

    def ends(node: decision_tree.Node) -> list[decision_tree.Node]:
        return [node] if not node.branches else [end for branch in node.branches for end in ends(branch)]

    for end in ends(decision_tree.TREE):
        assert end.anchor in headings
        assert end.call


def test_a_script_of_cells_becomes_a_page(tmp_path: Path) -> None:
    script = tmp_path / "story.py"
    script.write_text(
        "# %% [markdown]\n# # Story\n#\n# Text.\n\n# %%\nx = 1\n\n"
        "# %% [markdown]\n# More.\n#\n# <!-- numbers vary -->\n\n# %%\nprint(x)\n"
    )
    page = tutorials.page_of(script)
    assert page.startswith("# Story\n")
    first, second = blocks(page)
    assert (first.code, second.code) == ("x = 1", "print(x)")
    assert second.numbers_vary


def test_a_name_that_is_a_file_and_a_function_is_documented_as_the_function() -> None:
    root = Path(__file__).parents[2]
    extensions = griffe.load_extensions("docs_build.docstrings:Readable")
    loader = griffe.GriffeLoader(search_paths=[root, root / "adapters"], extensions=extensions)
    for package in ("alcore", "alcore_torch"):
        loader.load(package)
    loader.resolve_aliases()
    for name in ("alcore_torch.predict", "alcore.bench.replay", "alcore.plot.scores", "alcore.batchbald"):
        assert loader.modules_collection[name].is_function, name
