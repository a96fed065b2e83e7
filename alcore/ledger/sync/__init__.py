"""A ledger and a project of Label Studio kept alike: what the ledger asks becomes tasks, what annotators do there is recorded here.

``client`` speaks HTTP, ``label_studio_project`` knows Label Studio's addresses, ``taking`` records answers in the ledger, ``sync``
does one round of all. Imports the ledger and the folders below, and only the command line imports it. Another labelling tool gets
a file beside ``label_studio_project``. A new kind of answer joins ``taking``.
"""
