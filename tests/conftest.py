"""What a test run compiles is kept, whatever its environment says: it starts hundreds of processes of Loafer.

Signals that are ignored where it is started (nohup, a shell's background jobs) count in those processes: each of them
would ignore them too, as it should.
"""

import os
import signal
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling anew was half of their start, and of each collection
sys.dont_write_bytecode = False

for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
