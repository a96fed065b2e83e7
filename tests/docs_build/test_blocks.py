"""What is a block, which output belongs to it, and what a page may not hold."""

from __future__ import annotations

import pytest

from docs_build.blocks import blocks, commands

PAGE = """# Title

<!-- numbers vary -->
```python
print(1)
```

```{ .text .output }
1
```

=== "A tab"

    <!-- exit 2 -->
    ```console
    $ echo one \\
        two
    one two
    $ false
    ```
"""


def test_blocks_have_their_marks_and_outputs() -> None:
    python, console = blocks(PAGE)
    assert (python.info, python.code, python.shown, python.numbers_vary) == ("python", "print(1)", "1", True)
    assert (console.info, console.status, console.indent) == ("console", 2, "    ")
    assert PAGE.splitlines()[console.first].strip() == "```console"


def test_commands_go_on_after_a_backslash() -> None:
    assert commands(blocks(PAGE)[1]) == [("echo one \\\n    two", "one two"), ("false", "")]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```text\nhello\n```", "expected python or console"),
        ("```\nhello\n```", "expected python or console"),
        ("```{ .text .output }\n1\n```", "directly after a python block"),
        ("```python\n1\n```\n\nText.\n\n```{ .text .output }\n1\n```", "directly after a python block"),
        ("```python\nprint(1)\n", "line 1: expected the end"),
    ],
)
def test_a_page_has_no_block_that_does_not_run(page: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        blocks(page)


def test_an_output_without_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a command"):
        commands(blocks("```console\nhello\n```")[0])


def test_two_marks_stand_in_one_comment() -> None:
    (block,) = blocks("<!-- raises ValueError, numbers vary -->\n```python\nint(x)\n```\n")
    assert (block.raises, block.numbers_vary, block.status) == ("ValueError", True, 0)
