"""Items in the form of the published examples: each action, and each kind of value that they know."""

from typing import Any

# What a field may hold: dimension paths, one with an empty member and one of two levels; moments; numbers,
# truth and empty texts; lists of objects and of texts.
ACCOUNTS = """
[
    {
        "headers": {"category": "entity", "type": "Account", "action": "Create"},
        "data": {
            "accountId": "A100",
            "accountClass": "/Account/accountClass[invoiced]",
            "accountFamily": "/Account/accountFamily[]/group[]",
            "name": "HARBOUR STORES #1",
            "chain": "",
            "limit": 0.0,
            "exposure": 1250.50,
            "creditBlock": true,
            "overallBlock": false,
            "openedAt": "2014-02-01T05:00:00+0000",
            "addresses": [
                {"addressLine1": "1 Quay Road", "addressLine2": "", "city": "HULL", "primary": true},
                {"addressLine1": "2 Quay Road", "addressLine2": "", "city": "HULL", "primary": false}
            ],
            "deliveryDays": ["Mon", "Thu"]
        }
    },
    {
        "headers": {"category": "entity", "type": "Account", "action": "Update"},
        "data": {"accountId": "A125", "name": "HARBOUR STORES #2", "deliveryDays": [], "addresses": [{}]}
    },
    {
        "headers": {"category": "entity", "type": "Account", "action": "Merge"},
        "data": {"accountId": "A125", "cart": "/Workflow/cartType[Order]/processType[ZBTO]", "chain": null}
    },
    {
        "headers": {"category": "entity", "type": "Account", "action": "Create"},
        "data": {"accountId": "A150", "name": "CLOSED DOWN"}
    },
    {
        "headers": {"category": "entity", "type": "Account", "action": "Delete"},
        "data": {"accountId": "A150"}
    }
]
"""

# The other headers that clients were seen to send say nothing that an import must know.
CARTS = """
[
    {
        "headers": {
            "category": "work", "type": "Cart", "action": "Create", "clientId": "C-1", "revisionId": 3,
            "id": "an id of the client's own", "state": "new", "applicationTime": "2014-02-01T05:00:00+0000"
        },
        "data": {"cartId": "C1", "accountId": "A100", "lines": [{"sku": "bolt", "quantity": 12}]}
    }
]
"""


def outcome_of(accounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The data that is left after an import of ACCOUNTS, in the order of their ids."""
    first, second, merged, *_ = (item["data"] for item in accounts)
    return [first, second | merged]
