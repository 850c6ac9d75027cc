"""What a test run compiles is kept, whatever its environment says: it starts hundreds of processes of Loafer."""

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling anew was half of their start, and of each collection
sys.dont_write_bytecode = False
