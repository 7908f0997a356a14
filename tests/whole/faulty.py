"""The real program with one fault in it, some time after READY.

`python faulty.py FAULT ARGUMENTS...` is `kalshi-trader ARGUMENTS...` otherwise. FAULT is `freeze:SECONDS` (the loop is
held) or `crash` (the next drawing of the screen raises).
"""

import asyncio
import sys
import time

from core.domain.enums import TraderState
from core.domain.records import StateMoved
from tui.__main__ import invoke
from tui.commands import session


def freeze(seconds):
    api_key = "SECRET-" + "7" * 9
    time.sleep(seconds)
    return api_key


def break_the_screen():
    from tui.pump import FramePump

    async def broken(self):
        api_key = "SECRET-" + "7" * 9
        return {}[len(api_key)]

    FramePump._once = broken


def main(fault, arguments):
    kind, _, seconds = fault.partition(":")
    waiting = [True]
    log_to_file = session._log_to_file_when_known

    def and_fail(trader):
        def listen(record):
            if isinstance(record, StateMoved) and record.target == TraderState.READY and waiting:
                waiting.clear()
                loop = asyncio.get_running_loop()
                if kind == "freeze":
                    loop.call_later(2, freeze, float(seconds))
                else:
                    loop.call_later(1, break_the_screen)

        log_to_file(trader)
        trader.subscribe(listen)

    session._log_to_file_when_known = and_fail
    return invoke(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
