"""What turns the pages of ``docs/`` into a site and holds them true: ``python -m docs_build``, called by ``make docs``.

`blocks` reads a page, `page` runs it in a process of its own, `outputs` compares and stores what it printed, `hooks` serves mkdocs.
Imports alcore only where a hook needs its public names; pages import what they show.
A new page is a file in ``docs/`` and a line in ``mkdocs.yml``.
"""
