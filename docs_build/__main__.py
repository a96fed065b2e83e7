"""Build the guide: run every page, store or compare what its blocks give, make the site.

python -m docs_build             runs the pages, stores their outputs, builds build/site
python -m docs_build --renew     stores every output, also where only numbers that vary differ
python -m docs_build --check     compares instead of storing: a page that shows something else is an error
python -m docs_build --serve     shows the site in a browser and builds it anew when a page changes
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from docs_build import outputs, running, tutorials
from docs_build import site as the_site

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def build(
    pages: Annotated[list[Path] | None, typer.Argument(help="Pages to run; all of them by default.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare outputs with the pages; store nothing.")] = False,
    renew: Annotated[bool, typer.Option("--renew", help="Store outputs even where only their numbers differ.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Show the site on this machine's port 8000.")] = False,
    site: Annotated[bool, typer.Option(help="Build the site after the pages have run.")] = True,
    workers: Annotated[int, typer.Option(help="Pages that run at a time.")] = 2,
) -> None:
    """Run every page, store or compare what its blocks give, and build the site into build/site."""
    if not check:
        tutorials.write_all()
    failed = run_pages([page.resolve() for page in pages or running.pages()], check=check, renew=renew, workers=workers)
    if failed:
        raise typer.Exit(1)
    try:
        if serve:
            the_site.mkdocs("serve")
        elif site:
            the_site.build()
    except subprocess.CalledProcessError as error:  # mkdocs has printed what is wrong
        raise typer.Exit(error.returncode) from None


def run_pages(pages: list[Path], *, check: bool, renew: bool, workers: int) -> int:
    """How many pages failed. A line is printed as each page ends, what is wrong after the last one."""
    wrong = []
    for ran in running.run_all(pages, workers):
        text = ran.page.read_text()
        problems = [ran.error] if ran.error else outputs.differences(text, ran.outputs)
        if (problems or renew) and not check and not ran.error:
            ran.page.write_text(outputs.stored(text, ran.outputs, renew=renew))
            problems = []
        name = ran.page.relative_to(running.ROOT)
        typer.echo(f"{name}: {'wrong' if problems else f'{ran.seconds:.1f} s'}")
        wrong += ["\n".join([f"{name}:", *problems])] if problems else []
    for page in wrong:
        typer.echo(page)
    return len(wrong)


if __name__ == "__main__":
    app()
