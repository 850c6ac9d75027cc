"""Publishes 50 messages a second that say when they were published, until it is ended."""

import http.client
import json
import sys
import time
from urllib.parse import urlsplit

PER_SECOND = 50

url = urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(url.netloc)
due = time.perf_counter()
while True:
    time.sleep(max(0.0, due - time.perf_counter()))
    due += 1 / PER_SECOND
    body = json.dumps({"at": time.time(), "pad": "x" * 160})
    request = json.dumps({"QueueUrl": sys.argv[1], "MessageBody": body})
    connection.request("POST", url.path, request, {"X-Amz-Target": "AmazonSQS.SendMessage"})
    connection.getresponse().read()
