"""Run one page in this process: every block in order, in one fresh namespace, in an empty folder. Outputs are written as JSON.

``python -m docs_build.page docs/index.md FOLDER RESULT``. As in a notebook, the value of a block's last expression is shown.
Commands that install, or that would call the tests from the tests, are looked up instead of run: extras and targets must exist.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import io
import json
import linecache
import os
import re
import subprocess
import sys
import time
import types
import warnings
from pathlib import Path
from typing import Any

from docs_build.blocks import Block, blocks, commands

ROOT = Path(__file__).parents[1]
SECONDS = 120  # a command that takes longer has no place in a page


def run(text: str, folder: Path) -> list[list[str]]:
    """The outputs of each block: one of a python block, one a command of a console block."""
    for shared in ("benchmarks", "examples"):
        (folder / shared).symlink_to(ROOT / shared)
    os.chdir(folder)
    page = types.ModuleType("page")
    sys.modules["page"] = page
    found: list[list[str]] = []
    for block in blocks(text):
        try:
            if block.info == "python":
                found.append([run_python(block, page)])
            else:
                found.append(run_console(block))
        except Exception as error:
            raise RuntimeError(f"line {block.first + 1}: this block does not run: {error!r}") from error
    return found


def run_python(block: Block, page: types.ModuleType) -> str:
    name = f"<line {block.first + 1}>"
    linecache.cache[name] = len(block.code), None, [f"{line}\n" for line in block.code.splitlines()], name
    tree = ast.parse(block.code, name)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(), _shown_warnings():
        try:
            exec(compile(tree, name, "exec"), page.__dict__)  # noqa: S102 - a page's own code
            if last is not None:
                value = eval(compile(ast.Expression(last.value), name, "eval"), page.__dict__)  # noqa: S307
                if value is not None:
                    print(repr(value))
        except Exception as error:
            if type(error).__name__ != block.raises:
                raise
            print(f"{type(error).__name__}: {error}")
        else:
            if block.raises:
                raise AssertionError(f"expected {block.raises}, and nothing was raised")
    return _trimmed(printed.getvalue())


@contextlib.contextmanager
def _shown_warnings() -> Any:
    """alcore's own warnings are part of the output; those of frameworks go to the error stream."""
    warnings.simplefilter("always", UserWarning)

    def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        own = category.__module__.startswith("alcore")
        print(f"{category.__name__}: {message}", file=sys.stdout if own else sys.stderr)

    before, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = before


def run_console(block: Block) -> list[str]:
    found = []
    all_commands = commands(block)
    for number, (command, _) in enumerate(all_commands):
        expected = block.status if number == len(all_commands) - 1 else 0
        done = subprocess.run(  # noqa: S603 - a page's own commands
            ["bash", "-c", _looked_up(command)],  # noqa: S607
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != expected:
            raise AssertionError(f"{command!r} ended with status {done.returncode}: {done.stdout}")
        found.append(_trimmed(done.stdout))
    return found


def _looked_up(command: str) -> str:
    """What runs in the command's place: the command itself, but for those that install or call this very run."""
    if command.startswith("pip install "):
        extras = set(importlib.metadata.metadata("alcore").get_all("Provides-Extra") or ())
        wanted = {name.strip() for names in re.findall(r"\[([\w, -]+)\]", command) for name in names.split(",")}
        if unknown := wanted - extras:
            raise AssertionError(f"alcore has no extra {', '.join(sorted(unknown))}")
        return "true"
    if command.startswith("git clone "):
        return "true"
    if command.startswith("make "):
        return f"unset MAKEFLAGS MFLAGS; >/dev/null make --dry-run -C '{ROOT}' {command.removeprefix('make ')}"
    return command


def _trimmed(text: str) -> str:
    """Without the folder's path, which is another at every run, and without spaces at the ends of lines."""
    text = text.replace(f"{Path.cwd()}{os.sep}", "")
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def main(page: str, folder: str, result: str) -> None:
    started = time.perf_counter()
    outputs = run(Path(page).read_text(), Path(folder))
    seconds = time.perf_counter() - started
    Path(result).write_text(json.dumps({"outputs": outputs, "seconds": round(seconds, 2)}, indent=1))


if __name__ == "__main__":
    page_path, folder_path, result_path = (str(Path(argument).absolute()) for argument in sys.argv[1:])
    main(page_path, folder_path, result_path)
