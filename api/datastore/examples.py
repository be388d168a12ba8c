"""The published reference's examples, as the description shows them."""

from typing import Any

CONFIGURATION: dict[str, Any] = {"strategy": ["create", "update"], "collection": "/contacts"}

CREATED: dict[str, Any] = {
    "importid": 570,
    "strategy": ["create", "update"],
    "collection": "/contacts",
    "status": "configuring",
    "percentComplete": 0,
    "createdDatetime": "2022-08-16 06:26:55.98514+00",
    "startedDatetime": None,
    "ranDatetime": None,
    "endedDatetime": None,
    "failureCount": 0,
    "createdDocuments": 0,
    "updatedDocuments": 0,
    "deletedDocuments": 0,
    "skippedDocuments": 0,
    "blockCount": 0,
    "rejectedDocuments": 0,
    "ordered": True,
    "work": {
        "state": "configuring",
        "reason": "It takes blocks until it is started.",
        "worker": None,
        "workers": 0,
        "heartbeatAgeSeconds": None,
        "blockid": None,
        "attempts": 0,
        "lastError": None,
        "nextRetryDatetime": None,
    },
}
STARTED = CREATED | {
    "status": "started",
    "startedDatetime": "2022-08-16 06:31:02.1175+00",
    "blockCount": 1,
    "work": CREATED["work"]
    | {"state": "waiting", "reason": "It waits for a free worker to apply block 1.", "blockid": 1},
}
RUNNING = STARTED | {
    "status": "running",
    "ranDatetime": "2022-08-16 06:31:02.24+00",
    "percentComplete": 40,
    "createdDocuments": 5000,
    "work": STARTED["work"]
    | {
        "state": "working",
        "reason": "A worker applies block 1.",
        "worker": "worker-3f2a9c",
        "workers": 1,
        "heartbeatAgeSeconds": 0.2,
    },
}
RETRYING = RUNNING | {
    "failureCount": 1,
    "work": STARTED["work"]
    | {
        "state": "retrying",
        "reason": "Applying block 1 broke; it is tried again when the pause is over.",
        "attempts": 1,
        "lastError": "The database cannot be reached or refuses to work now.",
        "nextRetryDatetime": "2022-08-16 06:31:05.6018+00",
    },
}

IMPORTS = {
    "configuring": {"value": CREATED},
    "running": {"value": RUNNING},
    "retrying": {"value": RETRYING},
}

LIST: dict[str, Any] = {
    "data": [
        {
            "importid": 570,
            "strategy": ["create", "update"],
            "collection": "/contacts",
            "status": "configuring",
            "createdDatetime": "2022-08-16 06:26:55.98514+00",
        },
        {
            "importid": 569,
            "strategy": ["update"],
            "collection": "/assignments",
            "status": "complete",
            "createdDatetime": "2022-08-15 08:36:50.27154+00",
        },
    ]
}

BLOCKS: dict[str, Any] = {"data": [{"blockid": 1001}, {"blockid": 1002}, {"blockid": 1003}]}

NDJSON = (
    '{"documentid":"1","name":"John Doe",'
    '"address":"1, The Street, Someplace, Somewhere", "phone":"1-555-234-5678"}\n'
    '{"documentid":"2","name":"Jane Doe",'
    '"address":"2, The Avenue, Anyplace, Anywhere", "phone":"1-555-876-5432"}\n'
)

REJECTIONS: dict[str, Any] = {
    "data": [
        {
            "blockid": 2,
            "line": 3,
            "documentid": None,
            "code": "not_an_object",
            "reason": "The line is not a JSON object.",
        }
    ],
    "notKept": 0,
}
REJECTION_LINES = (
    '{"blockid":2,"line":3,"documentid":null,"code":"not_an_object",'
    '"reason":"The line is not a JSON object.","original":"[1,2]"}\n'
)

DOCUMENT = {"documentid": "1", "name": "John Doe"}
DOCUMENTS: dict[str, Any] = {
    "data": [DOCUMENT],
    "links": {"prev": None, "next": "/contacts?page[size]=1&page[after]=1"},
}
