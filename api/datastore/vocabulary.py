"""What the Datastore API calls things that went wrong: its titles and parameter names, word for word where
the published reference prints them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from api.http.admission import TOKEN_MISSING
from api.http.problems import NOT_FOUND, UNAVAILABLE, Meaning, Problem, problem, problem_of
from api.http.rates import TooManyRequests
from api.usecases.tokens import AUDIENCE, TokenForbidden, TokenInvalid
from shared import errors

# Imports end by themselves once they are started. Sooner than most do, for the ones that do not take long.
OPEN_IMPORTS_RETRY_SECONDS = 10

_NOT_FOUND = Meaning(404, "Not Found")
_UNAVAILABLE = Meaning(503, "Service Unavailable")

MEANINGS: Mapping[type[errors.LongshoreError], Meaning] = {
    TokenInvalid: Meaning(401, "Unauthorized", "Authorization"),
    TokenForbidden: Meaning(403, "Forbidden", "Authorization"),
    TooManyRequests: Meaning(429, "Too many requests", "request"),
    errors.ServiceNotFound: _NOT_FOUND,
    errors.ImportNotFound: _NOT_FOUND,
    errors.BlockNotFound: _NOT_FOUND,
    errors.BlockGone: Meaning(410, "Gone", "Import block"),
    errors.DocumentNotFound: _NOT_FOUND,
    errors.CollectionNotFound: Meaning(400, "Invalid collection", "collection"),
    errors.StatusRefused: Meaning(400, "Invalid status", "status"),
    errors.ImportClosed: Meaning(400, "Import closed", "status"),
    errors.BlockEmpty: Meaning(400, "Import block empty", "Import block"),
    errors.BlockTooLarge: Meaning(400, "Import block too large", "Import block"),
    errors.TooManyOpenImports: Meaning(429, "Too many open imports", "import", OPEN_IMPORTS_RETRY_SECONDS),
    errors.TooManyStoredBytes: Meaning(409, "Too many stored bytes", "Import block"),
    errors.TooManyBlocks: Meaning(400, "Too many import blocks", "Import block"),
    errors.DatabaseUnavailable: _UNAVAILABLE,
    errors.ConflictOfTransactions: _UNAVAILABLE,
    errors.StorageFault: _UNAVAILABLE,
    errors.StorageAway: Meaning(503, "Service Unavailable", "Import block"),
}

INVALID_IMPORT_ID = problem(400, "Invalid import ID", "Import ID", "Import ID must be a positive integer")
INVALID_BLOCK_ID = problem(400, "Invalid block ID", "Block ID", "Block ID must be a positive integer")
NOT_NDJSON = problem(
    400, "Invalid content-type", "Content-type", "Expected content-type: application/x-ndjson"
)
BLOCK_TOO_LARGE = problem(
    400, "Import block too large", "Import block", "Import block size must not exceed 20MB"
)


def example_of(error: errors.LongshoreError) -> Problem:
    """The problem that `error` becomes."""
    return problem_of(error, MEANINGS)


# The rest serves the description only: examples of problems that are made where they happen.
EXPECTED: tuple[Problem, ...] = (
    TOKEN_MISSING,
    problem(403, "Forbidden", "Authorization", f"The token's audience must be {AUDIENCE}."),
    NOT_FOUND,
    example_of(TooManyRequests("The data service", 30_000, 1)),
    Problem(status=500, title="Internal Server Error"),
    UNAVAILABLE,
)
TOO_MANY_OPEN_IMPORTS = example_of(errors.TooManyOpenImports(1000))
TOO_MANY_STORED_BYTES = example_of(errors.TooManyStoredBytes(2**40))
TOO_MANY_BLOCKS = example_of(errors.TooManyBlocks(100_000))
COLLECTION_UNKNOWN = problem(
    400, "Invalid collection", "collection", "The collection '/contacts' does not exist in this data service."
)
STATUS_REFUSED = problem(
    400, "Invalid status", "status", "An import that is complete cannot be set to paused."
)
IMPORT_CLOSED = problem(
    400,
    "Import closed",
    "status",
    "Blocks may be added only while the import is configuring, and it is started.",
)
BLOCK_EMPTY = problem(400, "Import block empty", "Import block", "The block has no data.")
BLOCK_GONE = problem(
    410,
    "Gone",
    "Import block",
    str(errors.BlockGone(datetime(2022, 9, 15, 6, 0, tzinfo=UTC))),
)
STRATEGY_MISSING = problem(400, "JSON does not validate.", "strategy", "Missing data for required field.")
STRATEGY_UNKNOWN = problem(400, "JSON does not validate.", "strategy", "[0] Must be one of: create, update.")
PAGE_INVALID = problem(400, "Query does not validate.", "page", "Must be a positive integer.")
BODY_TOO_LARGE = problem(413, "Content Too Large", "body", "The body is larger than this endpoint takes.")
