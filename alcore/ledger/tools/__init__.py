"""Other tools' files: Label Studio, doccano, Prodigy and Argilla, each known by marks of its own and never by sizes.

``known`` says whose a record is and makes rows of it. ``keys`` has the keys that a caller names. Each tool has a file here: its
marks, where it keeps an id of ours, and what it counts as an answer. Imports ``columns``, ``errors``, ``label_text`` and
``label_type``. A new tool comes here as a file, and joins ``TOOLS`` in ``known``.
"""
