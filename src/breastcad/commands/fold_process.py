"""breastcad, as it is started for one of several folds side by side: it ends with the process that started it, however that ends.

``python -m breastcad.commands.fold_process train ...``, with a pipe as its standard input that its starter holds open.
"""

from __future__ import annotations

import os
import threading

from breastcad.commands import INTERRUPTED, main


def end_with_starter() -> None:
    """End this process once its standard input ends: the system closes that pipe when its holder is gone, be it killed or stopped."""
    threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock a thread must not hold when Python ends
        pass
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    end_with_starter()
    main()
