"""``python -m alcore.cli``."""

from __future__ import annotations

from alcore.cli import app

if __name__ == "__main__":
    app()
