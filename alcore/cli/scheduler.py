"""``--scheduler``: the commands that read predictions on the workers of a Dask cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from alcore.door import Reading
from alcore.sources.cluster import connect
from alcore.sources.cluster_stores import on_workers, stores_of
from alcore.sources.unwritten import check_written

ANSWER_S = 5.0
ADDRESS = re.compile(r"(?:(?:tcp|tls|ucx|ucxx|ws|wss)://)?(?:\[[^\]\s]+\]|[^/:\s]+):\d+/?")
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Read a zarr FILE on the workers of this Dask cluster, such as tcp://host:8786. They open FILE themselves.",
    ),
]


@contextmanager
def on_cluster(scheduler: str | None, predictions: Any, reading: dict[str, Any]) -> Iterator[Any]:
    """The predictions, which the workers of the scheduler read while this lasts. Without one they stay as they are."""
    if scheduler is None or predictions is None:
        yield predictions
        return
    if ADDRESS.fullmatch(scheduler) is None:
        raise ValueError(
            f"scheduler: expected an address such as tcp://127.0.0.1:8786, got {scheduler!r}. Pass the address that the "
            "scheduler printed when it started."
        )
    stores_of(predictions)
    client = connect(scheduler, ANSWER_S)
    try:
        check_written(getattr(predictions, "flat", predictions), Reading.of(reading), "probs")
        yield on_workers(predictions, client)
    except Exception as error:
        if not type(error).__module__.startswith("distributed"):
            raise
        reason = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"cluster: {type(error).__name__}: {reason}. Look at the logs of the workers.") from error
    finally:
        client.close()
