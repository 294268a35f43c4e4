"""Processes that begin with everything loaded and without threads.

A test process has one fork server, which loads what the first to use it has asked for; so there is
one list for all, ``tests.preloaded``.
"""

from __future__ import annotations

import multiprocessing

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.preloaded"])
