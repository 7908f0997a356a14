"""The real program, made as talkative as it can be, with its secrets noted apart.

`python telltale.py FILE ARGUMENTS...` is `kalshi-trader ARGUMENTS...` otherwise. Every signature goes into FILE, logs
are kept from the lowest level on, and after a while signing fails a few times, with the key in hand.
"""

import logging
import sys

from core.exchange.signing import Signer
from tui.__main__ import invoke

FAILS = frozenset(range(25, 40, 3))


def main(path, arguments):
    logging.INFO = logging.DEBUG  # what the session sets its log to
    made = []
    sign = Signer.headers

    def noted(self, method, path_, wall_ms):
        headers = sign(self, method, path_, wall_ms)
        made.append(headers["KALSHI-ACCESS-SIGNATURE"])
        with open(path, "a") as file:
            file.write(f"{made[-1]}\n")
        if len(made) in FAILS:
            raise RuntimeError("signing failed")
        return headers

    Signer.headers = noted
    return invoke(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
