"""The drawn figure of "Which question do you have?": questions that branch until they end at a call. Colours are the theme's."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

PLACE = "<!-- decision tree -->"
WIDTH, LINE, STEP = 460, 25, 22


@dataclass(frozen=True)
class Node:
    """A question or an answer; where it ends at a call, the call and the heading of the page that explains it."""

    text: str
    call: str = ""
    anchor: str = ""
    branches: tuple[Node, ...] = ()


TREE = Node(
    "What do you want?",
    branches=(
        Node("I have no predictions yet", "alcore_torch.predict(model, data, draws=100)", "which-outputs-do-you-have"),
        Node("Rank every row now", "alcore.bald(probs)", "rank-now"),
        Node(
            "Choose a batch. Is draw t one network for all rows?",
            branches=(
                Node("no, or I do not know", "alcore.PowerBALD().select(probs, k)", "choose-a-batch"),
                Node("yes, about 10 rows", "alcore.BatchBALD().select(probs, k=10)", "choose-a-batch"),
                Node("yes, about 100 rows", "alcore.BatchBALD().select(probs, k=100)", "choose-a-batch"),
                Node("1 000 rows", "alcore.PowerBALD().select(probs, k=1000)", "choose-a-batch"),
            ),
        ),
        Node("Predict certain inputs well", "alcore.EPIG(targets).select(probs, k)", "care-about-certain-inputs"),
        Node(
            "Run a campaign. Who labels?",
            branches=(
                Node("people, over weeks", 'alcore.Ledger.open("run.db", size=N)', "run-a-campaign"),
                Node("a program, in a loop", "alcore.ActiveLearning(ledger=..., ...)", "run-a-campaign"),
            ),
        ),
        Node("Test a model with few labels", "alcore.lure(losses, q, N, support=...)", "test-a-model-with-few-labels"),
        Node("Compare heuristics on saved predictions", "alcore.bench.compare(...)", "compare-heuristics"),
    ),
)


def svg() -> str:
    """The tree as lines of text that are joined by branches, for a page of any width."""
    parts: list[str] = []
    height = _draw(TREE, 0, 0, parts) + 8
    return (
        f'<svg class="decision-tree" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="A decision tree that leads from what you want to a call; the sections below say it in words">'
        f"{''.join(parts)}</svg>"
    )


def _draw(node: Node, depth: int, top: int, parts: list[str]) -> int:
    """Draws a node and what branches from it; where the next one begins."""
    x, y = 6 + depth * STEP, top + LINE - 8
    parts.append(
        f'<text x="{x}" y="{y}" class="{"question" if node.branches else "answer"}">{escape(node.text)}</text>'
    )
    top += LINE
    if node.call:
        parts.append(
            f'<path class="branch" d="M{x + 4} {y + 5} v13 h12"/><path class="head" d="M{x + 16} {y + 14} l6 4 l-6 4 z"/>'
        )
        parts.append(
            f'<a href="#{node.anchor}"><text x="{x + 28}" y="{y + LINE - 3}" class="call">{escape(node.call)}</text></a>'
        )
        top += LINE - 4
    for branch in node.branches:
        down = top + LINE - 12
        parts.append(f'<path class="branch" d="M{x + 4} {down} h{STEP - 8}"/>')
        top = _draw(branch, depth + 1, top, parts)
    if node.branches:
        parts.append(f'<path class="branch" d="M{x + 4} {y + 5} V{down}"/>')
    return top
