"""What a worker of `render_pool` has in it when it is born: the engine, its tables and our style sheets, used once.

Workers are forked from one process that has imported this module (multiprocessing's forkserver, one for a service):
they are ready after a tenth of the time that a spawned one takes, and share these pages of memory as long as they only
read them.
"""

from __future__ import annotations

import contextlib
import gc
import os

from docs_gen import render


def _load() -> None:
    os.nice(10)  # as its children: the first pages come before the first papers
    for name in list(os.environ):
        if name.startswith("ROUNDTRIP_"):  # a paper needs no secret
            del os.environ[name]
    render.pdf("<html lang=en><p>A 中 <b>B 国</b>")
    render.forget_fonts()  # Pango keeps a thread with them where it likes, and no thread lives through a fork
    gc.collect()
    gc.freeze()


with contextlib.suppress(Exception):  # what is missing on this machine is told by the worker that misses it
    _load()
