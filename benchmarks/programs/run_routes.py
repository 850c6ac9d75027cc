"""Loafer as a program: as many routes as are asked for, a queue each (QUEUE-0, QUEUE-1, ...)."""

import sys

from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.worker.manager import Manager

queue, handler, routes = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
made = tuple(
    RouteSettings(name=str(number), source=f"{queue}-{number}", handler=f"handlers.{handler}", options=options)
    for number in range(routes)
)
Manager(Settings(routes=made, max_jobs=50, prefetch=50)).run()
