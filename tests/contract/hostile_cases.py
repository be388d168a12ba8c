"""Requests written to do harm, as they stand on the wire, each with its one answer.

`{host}` and `{auth}` stand for those of a data service, `{id}` for an import of its own. Where the server
itself refuses, its page says why; the application's answers are problem bodies.
"""

from typing import NamedTuple

IMPORTS = "/__resources/imports"
HEALTH = "GET /health/live HTTP/1.1\r\nHost: smuggled\r\n\r\n"
CONFIGURATION = '{"strategy":["create"],"collection":"/contacts"}'

NOT_FOUND = '{"title": "Not Found", "status": "404"}'
BAD_ID = '"Invalid import ID"'
BAD_HOST = '"Invalid host"'
BAD_HEADER = "Invalid HTTP Header"
BAD_NAME = "Invalid HTTP header name"
BAD_LINE = "Invalid HTTP request line"
INCOMPLETE = '"Body incomplete"'
OWN = '{"data":[]}'


class Hostile(NamedTuple):
    """A request, the status of the one answer it gets, and what that says."""

    name: str
    request: str
    status: int
    says: str


def path(name: str, target: str, status: int = 404, says: str = NOT_FOUND) -> Hostile:
    return Hostile(f"path: {name}", f"GET {target} HTTP/1.1\r\nHost: {{host}}\r\n{{auth}}\r\n", status, says)


def line(name: str, request_line: str, status: int, says: str) -> Hostile:
    return Hostile(f"line: {name}", f"{request_line}\r\nHost: {{host}}\r\n{{auth}}\r\n", status, says)


def header(name: str, given: str, status: int = 200, says: str = OWN) -> Hostile:
    lines = f"GET {IMPORTS} HTTP/1.1\r\nHost: {{host}}\r\n{given}\r\n{{auth}}\r\n"
    return Hostile(f"header: {name}", lines, status, says)


def host(name: str, given: str, status: int = 400, says: str = BAD_HOST) -> Hostile:
    return Hostile(f"host: {name}", f"GET {IMPORTS} HTTP/1.1\r\nHost: {given}\r\n{{auth}}\r\n", status, says)


def framed(name: str, headers: str, body: str, status: int, says: str) -> Hostile:
    """A body whose end is in doubt; a second request behind it must not be answered."""
    lines = f"POST {IMPORTS} HTTP/1.1\r\nHost: {{host}}\r\nContent-Type: application/json\r\n{headers}\r\n"
    return Hostile(f"framing: {name}", f"{lines}{{auth}}\r\n{body}", status, says)


def chunked(name: str, body: str, status: int = 400, says: str = INCOMPLETE) -> Hostile:
    return framed(name, "Transfer-Encoding: chunked", body, status, says)


LENGTH = f"Content-Length: {len(CONFIGURATION)}"

CASES = [
    path("an encoded slash", "/contacts/a%2Fb"),
    path("up and out", "/../../etc/passwd"),
    path("up and out, encoded", "/contacts/..%2f..%2fetc%2fpasswd"),
    path("up and out, encoded twice", "/contacts/%252e%252e%252fetc"),
    path("out of the documentation", "/docs/..%2f..%2f__init__.py"),
    path("out of the downloads", "/ls/api/batch/download/../../../etc/passwd", 404, '"not_found"'),
    path("NUL, encoded", "/contacts/%00"),
    path("NUL", "/contacts/\0", 400, BAD_LINE),
    path("NUL behind an id", f"{IMPORTS}/1%00", 400, BAD_ID),
    path("line ends, encoded", "/contacts/%0d%0aSet-Cookie:%20a=b"),
    path("no UTF-8", "/contacts/%ff"),
    path("a surrogate", "/contacts/%ed%a0%80"),
    path("a percent sign alone", "/contacts/%"),
    path("two slashes", "//evil.example/contacts"),
    path("two slashes inside", "/contacts//1"),
    path("a backslash", "/contacts\\1"),
    path("a matrix parameter", "/contacts;jsessionid=1"),
    path("capitals", "/__RESOURCES/imports"),
    path("a dot segment", "/__resources/./imports"),
    path("encoded letters", "/%5f%5fresources/imports", 200, OWN),
    path("a blank", "/contacts/a b", 400, "Invalid HTTP Version"),
    path("8,100 characters", f"/{'x' * 8100}"),
    path("9,000 characters", f"/{'x' * 9000}", 414, "Request Line is too large"),
    path("NUL in a query", "/contacts?page[size]=%00", 400, '"page[size]"'),
    path("a thousand parameters", f"/contacts?{'a=1&' * 1000}", 400, '"Unknown property."'),
    path("a parameter twice", f"{IMPORTS}?page=1&page=x", 200, OWN),
    line("an absolute URI", f"GET http://evil.example{IMPORTS} HTTP/1.1", 200, OWN),
    line("an asterisk", "GET * HTTP/1.1", 400, BAD_LINE),
    line("no slash", "GET contacts HTTP/1.1", 400, BAD_LINE),
    line("CONNECT", f"CONNECT {IMPORTS} HTTP/1.1", 405, '"Method Not Allowed"'),
    line("TRACE", f"TRACE {IMPORTS} HTTP/1.1", 405, '"Method Not Allowed"'),
    line("a method of its own", f"DEBUG {IMPORTS} HTTP/1.1", 405, '"Method Not Allowed"'),
    line("a small method", f"get {IMPORTS} HTTP/1.1", 400, "Invalid HTTP method"),
    line("a long method", f"{'X' * 100} {IMPORTS} HTTP/1.1", 400, "Invalid HTTP method"),
    line("HTTP/0.9", f"GET {IMPORTS} HTTP/0.9", 400, "Invalid HTTP Version"),
    line("HTTP/2", f"GET {IMPORTS} HTTP/2.0", 400, "Invalid HTTP Version"),
    line("the preface of HTTP/2", "PRI * HTTP/2.0", 400, BAD_LINE),
    line("a load balancer's", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2", 400, BAD_LINE),
    line("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, BAD_LINE),
    line("none", "", 400, BAD_LINE),
    header("another host name beside the host", "Host: nobody.localhost", 400, BAD_HEADER),
    header("a host that a proxy would name", "X-Forwarded-Host: nobody.localhost"),
    header("the same in a word of RFC 7239", "Forwarded: host=nobody.localhost;for=1.2.3.4"),
    header("an address that a proxy would name", "X-Forwarded-For: 127.0.0.1"),
    header("a scheme that a proxy would name", "X-Forwarded-Proto: https"),
    header("another path", "X-Original-URL: /health/live\r\nX-Rewrite-URL: /health/live"),
    header("another path for the server", "PATH_INFO: /health/live"),
    header("a prefix for the server", "SCRIPT_NAME: /__resources"),
    header("another method", "X-HTTP-Method-Override: DELETE"),
    header("a blank in the name", "X A: x", 400, BAD_NAME),
    header("a blank behind the name", "X-A : x", 400, BAD_NAME),
    header("no name", ": x", 400, BAD_HEADER),
    header("letters beyond ASCII in the name", "X-\x80: x", 400, BAD_NAME),
    header("a folded line", "X-A: a\r\n b", 400, "line folding"),
    header("NUL", "X-A: a\0b", 400, BAD_HEADER),
    header("a carriage return", "X-Request-Id: a\rSet-Cookie: a=b", 400, BAD_HEADER),
    header("a line feed", "X-Request-Id: a\nSet-Cookie: a=b", 400, BAD_HEADER),
    header("8,000 characters", f"X-A: {'x' * 8000}"),
    header("9,000 characters", f"X-A: {'x' * 9000}", 431, "limit request headers fields size"),
    header("two hundred of them", "\r\n".join(["X-A: x"] * 200), 431, "limit request headers fields"),
    header("two tokens", "Authorization: Bearer x", 401, '"Unauthorized"'),
    header("an expectation", "Expect: 200-ok", 417, "Unable to comply"),
    header("another protocol", "Upgrade: h2c"),
    header("a thousand cookies", f"Cookie: {'a=1;' * 1000}"),
    header("two thousand ranges", f"Range: bytes=0-{',1-' * 2000}"),
    header("a thousand types", f"Accept: {'a/b;q=1,' * 900}"),
    header("a thousand tags", "If-None-Match: " + '"a",' * 1500),
    header("no charset", "Content-Type: application/json; charset=\xff"),
    host("a blank", "a b"),
    host("a path", "evil.example/path"),
    host("two", "a.localhost,b.localhost"),
    host("two ports", "localhost:1:2"),
    host("a port that is none", "localhost:99999"),
    host("an open bracket", "[::1"),
    host("a user", "{host}@evil.example"),
    host("letters beyond ASCII", "\xe9.localhost"),
    host("NUL", "{host}\0", 400, BAD_HEADER),
    host("empty labels", "..localhost", 400, '"Bad Request"'),
    host("a label of 300", f"{'a' * 300}.localhost", 400, '"Bad Request"'),
    host("a service that is none", "nobody.localhost", 404, NOT_FOUND),
    host("a service in capitals", "{HOST}.", 200, OWN),
    framed("two lengths", f"{LENGTH}\r\nContent-Length: 4", CONFIGURATION + HEALTH, 400, BAD_HEADER),
    framed("the same length twice", f"{LENGTH}\r\n{LENGTH}", CONFIGURATION + HEALTH, 400, BAD_HEADER),
    framed("a list of lengths", f"{LENGTH}, 5", CONFIGURATION + HEALTH, 400, BAD_HEADER),
    framed(
        "length and chunks", f"{LENGTH}\r\nTransfer-Encoding: chunked", f"0\r\n\r\n{HEALTH}", 400, BAD_HEADER
    ),
    framed(
        "chunks and length", f"Transfer-Encoding: chunked\r\n{LENGTH}", f"0\r\n\r\n{HEALTH}", 400, BAD_HEADER
    ),
    framed(
        "chunks twice", "Transfer-Encoding: chunked\r\n" * 2 + "X: x", f"0\r\n\r\n{HEALTH}", 400, BAD_HEADER
    ),
    framed("chunks not last", "Transfer-Encoding: chunked, identity", f"0\r\n\r\n{HEALTH}", 400, BAD_HEADER),
    framed(
        "a coding of its own",
        "Transfer-Encoding: xchunked",
        f"0\r\n\r\n{HEALTH}",
        501,
        "Unsupported transfer",
    ),
    framed(
        "chunks behind a control", "Transfer-Encoding: \x0bchunked", f"0\r\n\r\n{HEALTH}", 400, BAD_HEADER
    ),
    framed("a blank in the name", "Transfer-Encoding : chunked", f"0\r\n\r\n{HEALTH}", 400, BAD_NAME),
    framed("a signed length", "Content-Length: +5", "{}   " + HEALTH, 400, BAD_HEADER),
    framed("a negative length", "Content-Length: -1", HEALTH, 400, BAD_HEADER),
    framed("a length of Python", "Content-Length: 4_0", HEALTH, 400, BAD_HEADER),
    framed("a hexadecimal length", "Content-Length: 0x5", HEALTH, 400, BAD_HEADER),
    framed("an empty length", "Content-Length: ", HEALTH, 400, BAD_HEADER),
    framed("a length in other digits", "Content-Length: \xb2", HEALTH, 400, BAD_HEADER),
    framed("a length of 30 digits", f"Content-Length: {'9' * 30}", HEALTH, 413, '"Content Too Large"'),
    chunked("a hexadecimal prefix", f"0x2\r\n{{}}\r\n0\r\n\r\n{HEALTH}"),
    chunked("a negative chunk", f"-2\r\n{{}}\r\n0\r\n\r\n{HEALTH}"),
    chunked("a chunk of Python", f"0_2\r\n{{}}\r\n0\r\n\r\n{HEALTH}"),
    chunked("line feeds alone", f"2\n{{}}\n0\n\n{HEALTH}"),
    chunked("a chunk longer than told", f"2\r\n{{}}xx\r\n0\r\n\r\n{HEALTH}"),
    chunked("an extension without end", f"2;a={'x' * 9000}"),
    chunked("a line end in an extension", f"2;a=\r\r\n{{}}\r\n0\r\n\r\n{HEALTH}"),
    chunked("a chunk of 2**80", f"{'f' * 20}\r\n{{}}\r\n0\r\n\r\n{HEALTH}"),
    chunked("no last chunk", f"2\r\n{{}}\r\n{HEALTH}"),
    chunked("no end of the trailers", f"2\r\n{{}}\r\n0\r\nX: x\r\n{'X: x' * 1000}"),
    chunked("a length in the trailers", f"2\r\n{{}}\r\n0\r\nContent-Length: 9\r\n\r\n{HEALTH}"),
    framed(
        "compressed chunks",
        "Transfer-Encoding: gzip, chunked",
        f"0\r\n\r\n{HEALTH}",
        501,
        '"Transfer-Encoding"',
    ),
    framed("identity", f"Transfer-Encoding: identity\r\n{LENGTH}", CONFIGURATION + HEALTH, 400, BAD_HEADER),
    framed("an underscore", f"Transfer_Encoding: chunked\r\n{LENGTH}", CONFIGURATION, 200, '"importid"'),
    framed("a folded encoding", "Transfer-Encoding:\r\n chunked", f"0\r\n\r\n{HEALTH}", 400, "line folding"),
    framed(
        "an upgrade to HTTP/2",
        f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n{LENGTH}",
        CONFIGURATION,
        200,
        '"importid"',
    ),
    Hostile(
        "framing: chunks of HTTP/1.0",
        f"POST {IMPORTS} HTTP/1.0\r\nHost: {{host}}\r\n{{auth}}"
        f"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HEALTH}",
        400,
        BAD_HEADER,
    ),
    path("a parameter of 8,000 digits", f"/contacts?page[size]={'9' * 8000}", 400, '"page[size]"'),
    path("a place that leads out", "/contacts?page[after]=../../x", 400, '"page[after]"'),
    path("a place that holds a line end", "/contacts?page[after]=%0d%0a", 400, '"page[after]"'),
    path("a name with a surrogate in a query", "/contacts?%ed%a0%80=1", 400, '"Unknown property."'),
    path("a link in capitals", "/LS/api/batch/download/x/y", 404, NOT_FOUND),
    path(
        "a link that names a file", "/ls/api/batch/download/AAAA/..%2f..%2fetc%2fpasswd", 404, '"not_found"'
    ),
    path("a link with a line end", "/ls/api/batch/download/AAAA/a%0d%0aSet-Cookie:a=b", 404, '"not_found"'),
]
