"""Outputs that are the same and those that are not; storing changes what differs and nothing else."""

from __future__ import annotations

import pytest

from docs_build.outputs import differences, same, stored, without_outputs

PAGE = """Text.

```python
print(0.25)
```

```{ .text .output }
0.25
```

```console
$ echo a
a
$ true
```

```python
x = 1
```
"""
GAVE = [["0.25"], ["a", ""], [""]]


@pytest.mark.parametrize(
    ("shown", "produced"),
    [
        ("a 0.25", "a 0.25"),
        (f"3,cat,{'0a' * 16}", f"3,cat,{'f' * 32}"),
        ("2026-11-26T06:07:28.862494Z aside", "2027-01-03T17:59:00Z aside"),
        ("[0.1   0.2 ]", "[0.1 0.2]"),
        ("0.3333", "0.3334"),
        ("1.2345678901234e-05", "1.2345678901299e-05"),
        ("| a | 1.0 |\n|---|-----|", "| a | 1.0 |\n|----|------|"),
        ("−0.5 nats", "−0.5  nats"),
        ("12 %", "12 %"),
    ],
)
def test_outputs_that_are_the_same(shown: str, produced: str) -> None:
    assert same(shown, produced)


@pytest.mark.parametrize(
    ("shown", "produced"),
    [
        ("a", "b"),
        ("0.25", "0.29"),
        ("17", "18"),
        ("[17 23]", "[17 23 60]"),
        ("1,234", "1,235"),
        ("0.25", ""),
        ("-0.5", "0.5"),
        ("−0.5", "0.5"),
        ("3", "3.0"),
    ],
)
def test_outputs_that_are_not(shown: str, produced: str) -> None:
    assert not same(shown, produced)
    assert not same(produced, shown)


def test_only_numbers_may_vary() -> None:
    assert same("accuracy 0.91 after 20", "accuracy 0.87 after 30", numbers_vary=True)
    assert same("13 M a second, 0.9 s", "980 k a second, 1 min", numbers_vary=True)
    assert not same("accuracy 0.91", "error 0.91", numbers_vary=True)
    assert not same("[1 2]", "[1 2 3]", numbers_vary=True)


def test_what_is_the_same_is_stored_as_it_was() -> None:
    assert stored(PAGE, GAVE) == PAGE
    assert differences(PAGE, GAVE) == []


def test_what_differs_is_said_and_stored() -> None:
    gave = [["0.5"], ["b", "more"], ["new"]]
    assert [said.splitlines()[0] for said in differences(PAGE, gave)] == [
        "line 3: the page shows",
        "line 11: the page shows",
        "line 11: the page shows",
        "line 17: the page shows",
    ]
    changed = stored(PAGE, gave)
    assert differences(changed, gave) == []
    assert changed.startswith("Text.\n")
    assert stored(changed, GAVE) == PAGE


def test_a_page_without_outputs_is_what_its_author_wrote() -> None:
    assert ".output" not in without_outputs(PAGE)
    assert "$ echo a\n$ true" in without_outputs(PAGE)
    assert without_outputs(without_outputs(PAGE)) == without_outputs(PAGE)


def test_renewing_stores_numbers_that_vary_too() -> None:
    text = "<!-- numbers vary -->\n```python\nprint(1)\n```\n\n```{ .text .output }\n1\n```\n"
    assert stored(text, [["2"]]) == text
    assert "\n2\n" in stored(text, [["2"]], renew=True)
