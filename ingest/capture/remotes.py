"""What did Python programs read and write over the network? The lines that `site/web.py` and `site/remote.py` wrote, as records.

An object's ETag is its digest (`etag:...`), or else the time when it was last changed (`modified:...`), so what was read is an
`external` version that another run's read of the same state meets; what was written is a version of its own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urljoin, urlsplit

from provgraph.ingest.capture import noted, redact
from provgraph.ingest.capture.assemble.context import Context
from provgraph.ingest.capture.noted import Noted, Whole
from provgraph.ingest.capture.steps import Steps
from provgraph.model.identity import generated_version_id
from provgraph.model.records import Content, Generated, Invalidated, Name, Record, Used

SUFFIX: Final = ".remote"
ETAG: Final = "etag:"
MODIFIED: Final = "modified:"
How = Literal["read", "write", "drop"]


class Line(Noted, frozen=True):
    """What was done to an object of a file system; or, with a `method`, an answer over HTTP. It came over the `socket` of
    that inode, of which all is told unless some line is a `doubt`."""

    how: Literal["read", "write"] = "read"
    uri: str = ""
    etag: str = ""
    socket: Whole = 0
    doubt: bool = False
    method: str = ""
    status: Whole = 0
    modified: str = ""
    date: str = ""
    location: str = ""
    source: str = ""
    service: str = ""
    sent: str = ""


class Deed(NamedTuple):
    how: How
    uri: str
    digest: str = ""


def read(folder: Path) -> list[Line]:
    lines = noted.read(folder, SUFFIX, Line)
    return [line for line in lines if line.doubt or _is_url(redact.url(line.uri))]


def _is_url(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme) and "://" in text
    except ValueError:
        return False


def accounted(lines: list[Line]) -> frozenset[int]:
    """The sockets by whose connections all that was asked is told."""
    doubted = {line.socket for line in lines if line.doubt}
    return frozenset(line.socket for line in lines if line.method) - doubted - {0}


def records(lines: Iterable[Line], made: Iterable[Record], context: Context) -> Iterator[Record]:
    """Each belongs to the step that its process was in then. A step reads a state once. What a file system says is left
    out where the same was told of its requests."""
    steps = Steps(made)
    told = [(line, deed) for line in lines for deed in deeds(line)]
    by_requests = {(line.pid, deed.how, deed.uri) for line, deed in told if line.method}
    stored: defaultdict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    for line, deed in told:
        if not line.method and deed.how == "write" and deed.digest:
            stored[line.pid, deed.uri].append((line.tick, deed.digest))
    written: Counter[str] = Counter()
    known: dict[str, str] = {}
    """What the run wrote last, by URI: its digest, as far as that was told."""
    seen: set[tuple[str, Deed]] = set()
    for line, deed in told:
        step = steps.at(line.pid, line.tick)
        if step is None or (not line.method and (line.pid, deed.how, deed.uri) in by_requests):
            continue
        how, uri, digest = deed
        when = context.when(line.tick)
        if how == "read":
            if known.get(uri, digest) == "":  # what it wrote is what it reads
                digest = ""
            if (step, Deed(how, uri, digest)) not in seen:
                seen.add((step, Deed(how, uri, digest)))
                yield Used(step, uri, when, Content(digest))
            continue
        seen -= {each for each in seen if each[1].uri == uri}
        if how == "drop":
            known.pop(uri, None)
            yield Invalidated(step, uri, when, Content())
        else:
            if not digest:  # what was stored in parts is told after its last request
                later = (etag for tick, etag in stored[line.pid, uri] if tick > line.tick)
                digest = next(later, "")
            version = generated_version_id(step, uri, written[uri])
            written[uri] += 1
            known[uri] = digest
            yield Generated(step, version, [Name(uri, when)], Content(digest))


# --- What answers say


def deeds(line: Line) -> Iterator[Deed]:
    """What was done to which objects. An answer that is an error did nothing, and one without a content told nothing.

    >>> found = dict(pid=1, tick=1, method="GET", status=200, uri="https://h/a?x=1", etag='"e"')
    >>> list(deeds(Line(**found)))
    [Deed(how='read', uri='https://h/a?x=1', digest='etag:e')]
    >>> list(deeds(Line(**found | {"status": 302, "location": "/b"})))
    [Deed(how='read', uri='https://h/a?x=1', digest='')]
    >>> list(deeds(Line(**found | {"status": 404}))), list(deeds(Line(**found | {"method": "HEAD"})))
    ([], [])
    >>> list(deeds(Line(**found | {"method": "POST", "sent": "text/csv"})))
    [Deed(how='read', uri='https://h/a?x=1', digest=''), Deed(how='write', uri='https://h/a?x=1', digest='')]
    >>> list(deeds(Line(**found | {"method": "DELETE", "status": 204})))
    [Deed(how='drop', uri='https://h/a?x=1', digest='')]
    """
    uri = redact.url(line.uri)
    if not line.method:
        if not line.doubt:
            yield Deed(line.how, uri, _etag(line.etag))
        return
    if line.status >= 400 or line.method in ("HEAD", "OPTIONS", "CONNECT"):
        return
    parts = urlsplit(line.uri)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    place = urlsplit(_without_signature(uri))
    if line.service == "s3" or _OF_AMAZON.fullmatch(parts.hostname or ""):
        yield from _of_s3(line, place, asked)
    elif line.service == "azure":
        yield from _of_azure(line, place, asked)
    elif found := _OF_GOOGLE.fullmatch(parts.path):
        yield from _of_google(line, place, asked, unquote(found[1]), unquote(found[2] or ""))
    else:
        yield from _of_any(line, place)


def _of_any(line: Line, place: SplitResult) -> Iterator[Deed]:
    uri = place.geturl()
    match line.method:
        case "GET":
            moved = 300 <= line.status < 400 and line.status != 304
            yield Deed("read", uri, "" if moved else _state(line))
        case _ if line.status >= 300:
            yield Deed("read", uri)
        case "PUT" | "PATCH":
            yield Deed("write", uri, _etag(line.etag))
        case "DELETE":
            yield Deed("drop", uri)
        case _:
            yield Deed("read", uri)
            if line.status == 201 or (line.sent and not _QUESTION.search(line.sent)):
                yield Deed("write", _target(uri, line.location) if line.status == 201 else uri)


def _target(uri: str, location: str) -> str:
    """Where an answer says that something was made.

    >>> _target("https://h/a/", "b"), _target("https://h/a/", ""), _target("https://h/a/", "http://[b")
    ('https://h/a/b', 'https://h/a/', 'https://h/a/')
    """
    try:
        return urljoin(uri, location)
    except ValueError:
        return uri


_QUESTION: Final = re.compile(r"form-urlencoded|json|xml|graphql|grpc|protobuf")
"""What is sent so asks something, or cannot be told from that."""

_OF_AMAZON: Final = re.compile(r"(?:(.+)\.)?s3[.-](?:.*\.)?amazonaws\.com(?:\.cn)?")
_OF_GOOGLE: Final = re.compile(
    r"/(?:download/|upload/|resumable/upload/)?storage/v1/b/([^/]+)/o(?:/(.+))?"
)
_ADDRESS: Final = re.compile(r"localhost|[^.]+|[\d.]+|.*:.*")
"""A host that has no bucket in its name."""


def _of_s3(line: Line, place: SplitResult, asked: dict[str, str]) -> Iterator[Deed]:
    """
    >>> put = Line(pid=1, tick=1, method="PUT", status=200, uri="http://localhost:9000/b/k?x-id=PutObject", service="s3")
    >>> list(deeds(put))
    [Deed(how='write', uri='s3://b/k', digest='')]
    >>> get = dict(pid=1, tick=1, method="GET", status=206, etag='"e"')
    >>> list(deeds(Line(**get, uri="https://b.s3.eu-west-1.amazonaws.com/k?X-Amz-Signature=1")))
    [Deed(how='read', uri='s3://b/k', digest='etag:e')]
    >>> list(deeds(Line(**get, uri="https://s3.amazonaws.com/b?list-type=2")))
    []
    """
    host, path = place.hostname or "", unquote(place.path.removeprefix("/"))
    if (found := _OF_AMAZON.fullmatch(host)) and found[1]:
        name = f"{found[1]}/{path}"
    elif found or _ADDRESS.fullmatch(host):
        name = path
    else:  # the bucket may be in either
        name = f"{place.netloc}/{path}" if path else ""
    bucket, _, key = name.partition("/")
    if not bucket or not key:
        return  # a listing, as of a folder
    is_named = bool(found or _ADDRESS.fullmatch(host))
    uri = f"s3://{name}" if is_named else f"{place.scheme}://{name}"
    about = {name.lower() for name in asked} & _ABOUT
    if line.source:
        yield Deed("read", "s3://" + unquote(line.source).lstrip("/").partition("?")[0])
    match line.method:
        case "GET" if not about:
            yield Deed("read", uri, _state(line))
        case "PUT" if not about:
            yield Deed("write", uri, "" if line.source else _etag(line.etag))
        case "POST" if "uploadId" in asked:
            yield Deed("write", uri)
        case "POST" if "select" in asked:
            yield Deed("read", uri)
        case "DELETE" if not about:
            yield Deed("drop", uri)
        case _:
            pass


_ABOUT: Final = frozenset(
    [
        "acl",
        "attributes",
        "legal-hold",
        "object-lock",
        "restore",
        "retention",
        "select",
        "tagging",
        "torrent",
        "uploadid",
        "uploads",
    ]
)
"""What is asked so is not about an object's content, or about a part of it."""


def _of_azure(line: Line, place: SplitResult, asked: dict[str, str]) -> Iterator[Deed]:
    """
    >>> put = dict(pid=1, tick=1, method="PUT", status=201, uri="https://a.blob.core.windows.net/c/k", service="azure")
    >>> [deed.how for comp in ("", "?comp=block&blockid=1", "?comp=blocklist") for deed in deeds(Line(**put | {"uri": put["uri"] + comp}))]
    ['write', 'write']
    """
    part = asked.get("comp", "")
    if asked.get("restype") in ("container", "service", "account", "directory", "share"):
        return
    uri = place._replace(query="").geturl()
    if line.source:
        yield Deed("read", line.source.partition("?")[0])
    match line.method:
        case "GET" if not part:
            yield Deed("read", uri, _state(line))
        case "PUT" if part in ("", "blocklist", "appendblock", "page", "range"):
            yield Deed("write", uri, _etag(line.etag))
        case "PATCH":
            yield Deed("write", uri)
        case "DELETE" if not part:
            yield Deed("drop", uri)
        case _:
            pass


def _of_google(
    line: Line, place: SplitResult, asked: dict[str, str], bucket: str, key: str
) -> Iterator[Deed]:
    """
    >>> get = dict(pid=1, tick=1, method="GET", status=200, etag="e", uri="https://storage.googleapis.com/download/storage/v1/b/b/o/a%2Fk?alt=media")
    >>> list(deeds(Line(**get)))
    [Deed(how='read', uri='gs://b/a/k', digest='etag:e')]
    >>> list(deeds(Line(**get | {"uri": "https://storage.googleapis.com/storage/v1/b/b/o/k"})))
    []
    """
    key = key or asked.get("name", "")
    uri = f"gs://{bucket}/{key}" if key else place._replace(query="").geturl()
    is_begun = asked.get("uploadType") == "resumable" and line.method == "POST"
    match line.method:
        case "GET" if asked.get("alt") == "media":
            yield Deed("read", uri, _state(line))
        case "POST" | "PUT" if "/upload/" in place.path and line.status < 300 and not is_begun:
            yield Deed("write", uri)
        case "DELETE" if key:
            yield Deed("drop", uri)
        case _:
            pass


def _state(line: Line) -> str:
    """What tells the state that was read, as of RFC 9110: the ETag, else when it was changed, if that is long enough before the
    answer that it cannot have been changed again by the same second."""
    if etag := _etag(line.etag):
        return etag
    from email.utils import parsedate_to_datetime  # 15 ms, which each run would wait for

    try:
        changed, now = (parsedate_to_datetime(text) for text in (line.modified, line.date))
        is_over = (now - changed).total_seconds() >= 1
    except (TypeError, ValueError):
        return ""
    return f"{MODIFIED}{changed:%Y-%m-%dT%H:%M:%SZ}" if is_over else ""


def _etag(text: str) -> str:
    r"""One with other characters than RFC 9110 allows, such as those that steer a terminal, is none.

    >>> _etag('"abc"'), _etag('W/"abc"'), _etag(""), _etag("\x1b[31m")
    ('etag:abc', 'etag:W/abc', '', '')
    """
    return ETAG + text.replace('"', "") if _ETAG.fullmatch(text) else ""


_ETAG: Final = re.compile(r'(?:W/)?"?[\x21\x23-\x7e\xa0-\xff]+"?')

_SIGNATURE: Final = re.compile(r"(?i)(?:x-(?:amz|goog)-)?(?:sig|signature)")
_OF_A_SIGNATURE: Final = re.compile(
    r"(?i)x-(?:amz|goog)-.*|sig|signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid"
    r"|s[vrepti]|spr|sip|ss|srt|sk[a-z]{1,3}"
)


def _without_signature(uri: str) -> str:
    """A URL without a signature and what that is about, as both change from one to the next.

    >>> _without_signature("https://h/a?versionId=1&Expires=2&Signature=[redacted]"), _without_signature("https://h/a?expires=2")
    ('https://h/a?versionId=1', 'https://h/a?expires=2')
    """
    parts = urlsplit(uri)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    if not any(_SIGNATURE.fullmatch(name) for name, _ in asked):
        return uri
    kept = [(name, value) for name, value in asked if not _OF_A_SIGNATURE.fullmatch(name)]
    return parts._replace(query=urlencode(kept)).geturl()
