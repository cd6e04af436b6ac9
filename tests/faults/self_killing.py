"""Work in a process of its own that kills itself at its n-th step, as if the power went there."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable


def killed_at(number: int, work: Callable[[Callable[[], None]], None]) -> int:
    """Do `work(step)` in a child; at the n-th call of `step` it gets SIGKILL. Gives how many steps there were, 0 when it
    was killed; 0 for `number` kills nowhere. Fails when the work itself does."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        _, ended = os.waitpid(child, 0)
        with os.fdopen(reading) as answer:
            told = answer.read()
        assert ended in (0, signal.SIGKILL), told
        return int(told or 0)
    try:
        count = 0

        def step() -> None:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

        work(step)
        os.write(writing, str(count).encode())
        os._exit(0)
    except BaseException:
        os.write(writing, traceback.format_exc().encode()[-4_000:])
    finally:
        os._exit(1)
