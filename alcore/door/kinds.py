"""Kinds of predictions: what the numbers are, and which axes that needs."""

from __future__ import annotations

from typing import Literal, NoReturn, TypeAlias

from alcore.door.arrays import AXES
from alcore.door.wording import shown

Kind: TypeAlias = Literal["probs", "logits", "binary", "binary_logits", "multilabel", "multilabel_logits", "mean"]
KINDS: tuple[Kind, ...] = ("probs", "logits", "binary", "binary_logits", "multilabel", "multilabel_logits", "mean")


def as_kind(kind: str) -> Kind:
    """A kind of predictions."""
    for known in KINDS:
        if isinstance(kind, str) and kind == known:
            return known
    raise ValueError(
        f"kind: expected one of {', '.join(map(repr, KINDS))}, got {shown(kind)}. For log-probabilities pass kind='logits'."
    )


def is_logits(kind: Kind) -> bool:
    return kind.endswith("logits")


def family(kind: Kind) -> Literal["classes", "binary", "multilabel", "mean"]:
    """What one prediction is: a distribution over classes, the probability of "yes", one such probability for each label, or the
    means of numbers.
    """
    if kind == "mean":
        return "mean"
    if kind in ("binary", "binary_logits"):
        return "binary"
    return "multilabel" if kind in ("multilabel", "multilabel_logits") else "classes"


MOST_LABELS = 10
OVER_LABELS = ("sum", "mean", "max")


def check_over_labels(over_labels: str, kind: Kind) -> None:
    """Refuse an unknown way to make one score of those of several labels, and one where there are none."""
    if not isinstance(over_labels, str) or over_labels not in OVER_LABELS:
        raise ValueError(f"over_labels: expected one of {', '.join(map(repr, OVER_LABELS))}, got {shown(over_labels)}.")
    if over_labels != "sum" and family(kind) != "multilabel":
        raise ValueError(
            f"over_labels: expected kind='multilabel' or 'multilabel_logits' beside it, got kind={kind!r}. Leave over_labels out. "
            "For event axes use alcore.Reduce."
        )


def outcomes(kind: Kind, classes: int) -> int:
    """How many different labels a row can get, from the length of axis 1: the classes, yes or no, or a vector of several labels."""
    return classes if family(kind) in ("classes", "mean") else 1 << classes


def has_too_many_labels(kind: Kind, labels: int) -> bool:
    """Whether there are more labels than a joint distribution can hold."""
    return family(kind) == "multilabel" and labels > MOST_LABELS


def check_outcomes(kind: Kind, labels: int, name: str, *, axis: int | None = 1, events: bool = False) -> None:
    """Refuse more labels than a joint distribution can hold, and means, whose labels cannot be enumerated.

    ``axis``: that of the labels in the caller's array.
    """
    if family(kind) == "mean":
        raise ValueError(
            f"{name}: expected class probabilities, whose labels can be enumerated, got kind='mean'. Choose a batch by "
            "alcore.log_det(means, k, variance=...) or alcore.LogDet(), or rows by a score, such as alcore.BALD() or "
            "alcore.EPIG(targets)."
        )
    if has_too_many_labels(kind, labels):
        remedy = (
            "Choose by a score of each row, such as Reduce(BALD(), 'mean')."
            if events
            else "Choose by BatchBALD(), which samples the vectors, or by a score of each row, such as BALD()."
        )
        raise ValueError(
            f"{name}: expected at most {MOST_LABELS} labels where rows are compared with each other, got {labels}. A row then has "
            f"2^{labels} label vectors. {remedy} Or pass the labels that matter: {name}[{':, ' * (axis or 0)}:{MOST_LABELS}]."
        )


def check_axes(shape: tuple[int, ...], name: str, kind: Kind = "probs") -> None:
    """(N, C, ..., T) with at least one draw and the classes that the kind needs."""
    if family(kind) == "mean":
        _check_means(shape, name)
        return
    if family(kind) != "classes":
        _check_yes_no(shape, name, kind)
        return
    if len(shape) < 3:
        remedy = (
            "If a row holds the classes of one prediction, (N, C), pass axes='NC'. If it holds the draws of one probability of "
            "yes, (N, T), pass kind='binary'. If the draws are first, (T, N), pass kind='binary', axes='TN'."
        )
        if len(shape) < 2:
            remedy = (
                "If each number is the probability of yes of a row, pass kind='binary', axes='N'. If they are the class "
                f"probabilities of one row with one draw, pass {name}[None, :, None]."
            )
        raise ValueError(f"{name}: expected {AXES}, got shape {shape}. {remedy}")
    if shape[1] == 0 or shape[-1] == 0:
        what, axis = ("classes", 1) if shape[1] == 0 else ("draws", len(shape) - 1)
        _refuse_empty(shape, name, what, axis, "at least 2 classes and 1 draw")
    if shape[1] == 1:
        raise ValueError(
            f"{name}: expected at least 2 classes on axis 1, got shape {shape}. If a prediction is one probability p of yes, pass "
            "kind='binary'. For its logit pass kind='binary_logits'. If classes are on another axis, say the order of the axes, "
            "such as axes='NTC' for (N, T, C) or axes='TNC' for (T, N, C)."
        )


def _check_means(shape: tuple[int, ...], name: str) -> None:
    expected = "(N, T) or (N, D, ..., T): rows, outputs, any event axes, draws"
    if len(shape) < 3:
        raise ValueError(
            f"{name}: expected {expected} for kind='mean', got shape {shape}. Say the order of the axes, such as axes='NCT', "
            "where C is the axis of the outputs, or axes='NC' without draws."
        )
    if shape[1] == 0 or shape[-1] == 0:
        what, axis = ("outputs", 1) if shape[1] == 0 else ("draws", len(shape) - 1)
        raise ValueError(
            f"{name}: expected {expected}, got shape {shape}. Axis {axis} has no {what}. Pass means of at least 1 output and 1 "
            f"draw."
        )


def _check_yes_no(shape: tuple[int, ...], name: str, kind: Kind) -> None:
    expected = (
        "(N, T) or (N, 1, ..., T)"
        if family(kind) == "binary"
        else "(N, L, ..., T): rows, labels, any event axes, draws"
    )
    if len(shape) < 3:
        raise ValueError(
            f"{name}: expected {expected} for kind={kind!r}, got shape {shape}. "
            + (
                "For one number a row, without draws, pass axes='N'."
                if family(kind) == "binary"
                else "For labels without draws, (N, L), pass axes='NC'."
            )
        )
    if shape[1] == 0 or shape[-1] == 0:
        what, axis = ("labels", 1) if shape[1] == 0 else ("draws", len(shape) - 1)
        _refuse_empty(shape, name, what, axis, "at least 1 label and 1 draw")
    if family(kind) == "binary" and shape[1] != 1:
        events, labels = "HWDEFGIJ"[: len(shape) - 2], kind.replace("binary", "multilabel")
        draws = "If axis 1 holds the draws, pass axes='NT'. " if len(shape) == 3 and shape[-1] == 1 else ""
        raise ValueError(
            f"{name}: expected {expected} for kind={kind!r}, got shape {shape}. {draws}If axis 1 is an event axis, say so: "
            f"axes='N{events}T'. If it holds labels, each of them yes or no, pass kind={labels!r}. If it holds classes, pass "
            "kind='probs' or kind='logits'."
        )


def _refuse_empty(shape: tuple[int, ...], name: str, what: str, axis: int, needed: str) -> NoReturn:
    raise ValueError(
        f"{name}: expected {AXES}, got shape {shape}. Axis {axis} has no {what}. Pass predictions of {needed}."
    )
