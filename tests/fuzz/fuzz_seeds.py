"""Where fuzzing starts: inputs that get far, and words that inputs are made of."""

import os

from fuzz_signature import certificate_of_sns, signed_envelope

MESSAGE = (
    b'{"MessageId":"1","ReceiptHandle":"r","Body":"\\u00e9\\ud83d\\ude00","MD5OfBody":"0",'
    b'"Attributes":{"ApproximateReceiveCount":"1","SentTimestamp":"1700000000000","MessageGroupId":"g"},'
    b'"MessageAttributes":{"a":{"DataType":"String","StringValue":"x"},"b":{"DataType":"Binary","BinaryValue":"AP8="}}}'
)
ENVELOPE = (
    b'{"Type":"Notification","MessageId":"1","TopicArn":"arn:aws:sns:eu-west-1:1:news","Subject":"s",'
    b'"Message":"{\\"a\\":1}","Timestamp":"2026-11-24T00:00:00.000Z","SignatureVersion":"1","Signature":"AA==",'
    b'"SigningCertURL":"https://sns.eu-west-1.amazonaws.com/x.pem","UnsubscribeURL":"https://x/"}'
)
RECORD = (
    b'{"eventSource":"aws:sqs","messageId":"1","body":"x","attributes":{"MessageGroupId":"g"},'
    b'"messageAttributes":{"a":{"dataType":"Binary","binaryValue":"AP8="}}}'
)
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nTrailer: x\r\n\r\n"
POLICY = b'{\\"deadLetterTargetArn\\":\\"arn:aws:sqs:eu-west-1:1:q\\",\\"maxReceiveCount\\":3}'
STATUS = (
    b'{"version":"2","worker":"1","started":null,"state":"busy","alive":true,"ready":false,"not_alive":[],"not_ready":["x"],'
    b'"pid":%d,"at":1e9,"up":90,"stopping":false,"blocked":2,"latency":0.1,"heartbeat":0.5,"tick":1,"routes":[{"name":"orders",'
    b'"jobs":1,"limit":2,"held":3,"oldest":{"id":"1","attempt":2,"seconds":3},"last_receive":1,"trouble":null,"paused":true,'
    b'"counts":{"succeeded":1234},"causes":{"failed":1},"p50":0.1,"p99":2}]}' % os.getpid()
)
SNAPSHOT = (
    b'{"loafer":"snapshot","version":1,"at":1.5,"sources":["orders"],"state":{"name":"dead","place":"https://dead",'
    b'"ordered":true,"visible":1,"hidden":0,"delayed":0,"retention":1209600,"dead_letters":null,"arn":null}}\n'
    b'%b\n{"loafer":"end","complete":true}\n{"loafer":"tried","id":"1","ok":false,"error":"KeyError"}\n' % MESSAGE
)

SEEDS: dict[str, list[bytes]] = {
    "http": [
        b"\x7fHTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n\r\n{}",
        b"\x01HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n%b" % CHUNKS,
        b"\x00HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>no</html>",
        b"\x7eHTTP/1.1 204 -\r\nConnection: close\r\n\r\n",
        b"\x20HTTP/1.1 307 -\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n",
    ],
    "receive": [
        b'{"Messages":[%b]}' % MESSAGE,
        b'{"Messages":[%b,{},null]}' % MESSAGE,
        b'{"Messages":null}',
        b'{"QueueUrl":"https://x/1/q"}',
        b'{"Attributes":{"VisibilityTimeout":"30","RedrivePolicy":"%b"}}' % POLICY,
    ],
    "batch": [
        b'\x09{"Successful":[{"Id":"0"},{"Id":"9"}],"Failed":[{"Id":"1","Code":"InternalError","Message":"try"}]}',
        b'\x00{"Failed":[{"Id":"0","Code":"ReceiptHandleIsInvalid","SenderFault":true}]}',
    ],
    "refusal": [
        b'\x02AWS.SimpleQueueService.NonExistentQueue;Sender\n{"__type":"a#QueueDoesNotExist","message":"gone"}',
        b'\x03\n{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"should\\nx-amz-date:1"}',
        b"\x07\n<html><body>Service Unavailable</body></html>",
        b"\x01Tue, 14 Nov 2023 22:13:20 GMT\n",
    ],
    "envelope": [
        ENVELOPE,
        b'{"a":[1,2.5e3,null,true]}',
        b'"\\ud83d\\ude00"',
        b"text",
        b"[[[[[]]]]]",
        b"1e999",
        b"s" + '"\ud83d"'.encode("utf-16-le", "surrogatepass"),
    ],
    "signature": [ENVELOPE, signed_envelope()],
    "certificate": [
        certificate_of_sns(),
        certificate_of_sns().replace(b"NAQEBBQAD", b"NABQBEQAD"),  # a kind of key that nobody knows
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    ],
    "typed": [
        b'\x00{"id":1,"at":"2026-01-31T00:00:00Z","lines":[{"sku":"TOPSECRET","number":2,"price":"1.5"}],"picky":"TOPSECRET"}',
        b'\x00{"id":"0af76519-16cd-43dd-8448-eb211c80319c","at":null,"colour":"red","day":"2026-01-31","waits":"PT1H","raw":"AP8="}',
        b'\x01{"numbers":{"1":2.5},"pair":[1,"TOPSECRET"],"names":["TOPSECRET"],"kind":"a"}',
        b'\x02{"type":"Tree","children":[{"type":"Leaf","value":"a"},{"type":"Tree","children":[]}],"weight":0.5}',
        b'\x03{"id":"1","at":1e9,"price":"1.50","pair":[1,"x"],"children":[{"id":2,"children":[],"TOPSECRET":"TOPSECRET"}]}',
        b'\x03{"id":1,"by_name":{"1":"P1D","2":"2026-01-31"},"name":" A ","link":"https://TOPSECRET@x/","flag":true}',
        b'\x04{"at":"2026-01-31T00:00:00Z","raw":"TOPSECRET","colours":["red","blue"],"ratio":1.5}',
        b'\x05[{"TOPSECRET":1}]',
        b"\x063",
    ],
    "where": [
        (
            b'error == "KeyError" and body.tenant == "a"\n{"MessageId":"1","Body":"{\\"tenant\\":\\"a\\"}",'
            b'"MessageAttributes":{"loafer.error":{"DataType":"String","StringValue":"KeyError"},'
            b'"loafer.attempts":{"DataType":"Number","StringValue":"3"}}}'
        ),
        b"body.lines[0].sku =~ 'a.*' or attempts > 3 or age / 60 > 5\n" + MESSAGE,
        b'$any([x.n > 1 for x in body.l if x.n != null])\n{"MessageId":"1","Body":"{\\"l\\":[{\\"n\\":2}]}"}',
        b"attributes.a == 'x' and not tried.ok and group in ['g']\n" + MESSAGE,
        b'error=="E"\n{"MessageId":"1","MessageAttributes":{"loafer.reason":{"StringValue":"{\\"error\\":\\"E\\"}"}}}',
    ],
    "snapshot": [
        SNAPSHOT,
        SNAPSHOT.replace(b'"MessageGroupId"', b'"DeadLetterQueueSourceArn":"arn:aws:sqs:::q","MessageGroupId"'),
        SNAPSHOT.replace(b'"a":{', b'"loafer.error":{"StringValue":"E"},"loafer.source":{"StringValue":"q"},"a":{'),
        SNAPSHOT.replace(b'["orders"]', b"null"),
    ],
    "journal": [
        b'{"loafer":"redrive","version":1,"at":1.5,"queue":"https://dead","to":"https://q","where":null,"out_of_order":false}\n'
        b'{"loafer":"sending","at":2,"message":%b}\n{"loafer":"sent","at":3,"id":"1","copy":"c"}\n'
        b'{"loafer":"deleted","at":3,"id":"1"}\n{"loafer":"refused","at":3,"id":"2","why":"x"}\n{"loa' % MESSAGE,
    ],
    "notes": [
        (
            b'{"at":1e6,"worker":41,"source":"q","id":"9f8c","receives":1,"kind":"ran","word":"failed","error":"E","seconds":1}\n'
            b'{"at":1e6,"worker":41,"source":"q","id":"9f8c","receives":1,"kind":"comes back","word":"stop"}\n'
        ),
        b'{"pid":1,"started":null,"at":1000.5,"held":[["9f8c","orders",1]]}',
    ],
    "condition": [
        MESSAGE,
        (
            b'{"MessageId":"1","ReceiptHandle":"r","Body":"{\\"a\\":{\\"b\\":null},\\"c\\":1e999}","MessageAttributes":'
            b'{"type":{"DataType":"Number.x","StringValue":"1e99999999"}}}'
        ),
    ],
    "trace": [
        b"Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1",
        b'{"TopicArn":"a","MessageAttributes":{"traceparent":{"Type":"String","Value":"00-0af7651916cd43dd-b7ad-01"}}}',
        b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ],
    "metrics": [b"orders", b'a"} 1\nb{c="', b"\\", b"\xff"],
    "health": [
        b"GET /livez HTTP/1.1\r\nHost: localhost:9102\r\n\r\n",
        b"GET /metrics?x HTTP/1.0\r\nhost:[::1]\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
    "status": [STATUS, STATUS.replace(b'"p50":0.1', b'"p50":null'), b'{"pid":1,"started":null,"at":1e999}'],
    "address": [
        b"orders.fifo",
        b"https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
        b"arn:aws:sqs:eu-west-1:123456789012:orders.fifo",
        b"arn:aws-cn:sns:cn-north-1:1:news",
        b"http://[::1]:4566/000000000000/q",
    ],
    "replay": [
        b'{"a": 1}\r\n\n"two"\n3',
        b'{"Messages":[%b]}' % MESSAGE,
        b'{"Records":[%b]}' % RECORD,
        b"\xef\xbb\xbf1",
    ],
    "env": [
        b"# comment\nLOAFER_MAX_JOBS=3\nexport LOAFER_LOGLEVEL='INFO'\nAWS_PROFILE=\"x\\ny\"\nOTHER\n",
        b"LOAFER_DEFAULT_CONSUMER_OPTIONS={'WaitTimeSeconds': 5, \"a\": [1, {}]}\r\nLOAFER_RETRY_DELAY=exponential",
        b"LOAFER_LOG_FORMAT=%(asctime)s {message}\nLOAFER_GRACE_PERIOD=1e3\nLOAFER_PROCESSES=0",
        b"LOAFER_MAX_JOBS='3\nLOAFER_PREFETCH=\n=x\n",
    ],
    "cfg": [
        b"[loafer]\nmax_jobs = 3\nLOAFER_LOGLEVEL: INFO\n  more\n[settings]\nLOAFER_PREFETCH=5\n[other]\nx=1",
        b"[loafer]\nx\n[loafer]\n",
        b"[tool.loafer]\nmax_jobs=1\n[DEFAULT]\nLOAFER_MAX_JOBS=2\n[loafer]\n%(x)s = %(y)s",
    ],
    "toml": [
        b'max_jobs = 3\n[routes.orders]\nsource = "q"\nweight = 2.5\nconsumer_options = { WaitTimeSeconds = 1 }\n',
        b"[tool.loafer]\nmax_jobs = true\nroutes.'a.b'.handler = 'x.y'\n[tool.loafer.routes.a-b]\nx = [1, 2026-01-31]",
    ],
    "telling": [
        b"User: arn:aws:iam::1:user/x is not authorized to perform: sqs:ReceiveMessage",
        b"should have been\nx-amz-security-token:FwoGZXIvYXdzEBYaDHqa0AP",
        b"http://me:secret@host/?q=1#f a body",
    ],
}

WORDS: list[bytes] = [
    *(b'"%b":' % name for name in (b"Messages", b"MessageId", b"ReceiptHandle", b"Body", b"Attributes")),
    *(b'"%b":' % name for name in (b"MessageAttributes", b"StringValue", b"BinaryValue", b"DataType")),
    *(b'"%b":' % name for name in (b"Successful", b"Failed", b"Id", b"Code", b"Message", b"SenderFault", b"__type")),
    *(b'"%b":' % name for name in (b"Type", b"TopicArn", b"Notification", b"RedrivePolicy", b"QueueUrl")),
    b"\\ud83d",
    b"\\u00e9",
    b"1e999",
    b"NaN",
    b"null",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 -\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: ",
    b"Upgrade: x\r\nConnection: upgrade\r\n",
    b"\r\n\r\n",
    b"0\r\n",
    b"arn:aws:sqs:",
    b"arn:aws:sns:",
    b".fifo",
    b"https://",
    b"x-amz-",
    b"Signature=",
    b"LOAFER_",
    b"LOAFER_DEFAULT_CONSUMER_OPTIONS=",
    b"LOAFER_HANDLER_TIMEOUT=",
    b"LOAFER_LOG_FORMAT=",
    b"[loafer]\n",
    b"export ",
    *(
        b'"%b":' % name
        for name in (b"loafer", b"state", b"sources", b"tried", b"at", b"id", b"held", b"worker", b"kind")
    ),
    *(
        b"TOPSECRET",
        b"body.",
        b"attributes.",
        b"tried.ok",
        b" and ",
        b" =~ ",
        b" for x in ",
        b"$now",
        b"$split(",
        b".length",
    ),
]
