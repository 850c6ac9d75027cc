"""Loafer as an application in code, with the defaults of a route there; a number is how many handlers run at once."""

import sys

import handlers

from loafer import Loafer

queue, handler, jobs = sys.argv[1], sys.argv[2], sys.argv[3:]
app = Loafer(max_jobs=int(jobs[0])) if jobs else Loafer()
app.route(queue)(getattr(handlers, handler))
app.run()
