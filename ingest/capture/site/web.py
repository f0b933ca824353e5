"""What does this Python process ask over HTTP? Loaded when a captured program imports http.client, aiohttp or httpcore: what
urllib, requests, boto3, httpx, fsspec and others ask goes through one of these.

A line is appended to the run's folder for each answer: what was asked for and what the answer's head says of its state, without
what lets somebody in, and the socket that it came over. Whatever comes over that socket is told so; where it cannot be, the
line is a `doubt`. No body is looked at, no request is made that the program would not make, and no error leaves.
"""

# ruff: noqa: S110, SIM105, BLE001, UP031 - it must never be noticed

import functools
import os
import re
import weakref

SUFFIX, MOST = "remote", None
_SIGNED = re.compile(r"Credential=[^,&]*?(?:/|%2F)([a-z0-9-]+)(?:/|%2F)aws4_request")
_ANSWER = {"etag": "etag", "last-modified": "modified", "date": "date", "location": "location"}


class _Hook:
    def __init__(self, notes):
        self.notes = notes

    def answered(self, socket, method, url, asked, status, answer):
        """`asked` and `answer` are headers with names in small letters."""
        try:
            line = {"socket": socket, "method": method.upper(), "status": status}
            for header, name in _ANSWER.items():
                if answer.get(header):
                    line[name] = answer[header]
            if "location" in line:
                line["location"] = self.notes.shown(line["location"])
            source = asked.get("x-amz-copy-source") or asked.get("x-ms-copy-source")
            if source:
                line["source"] = self.notes.shown(source)
            signed = _SIGNED.search(asked.get("authorization", "")) or _SIGNED.search(url)
            if signed:
                line["service"] = signed.group(1)
            elif "AWSAccessKeyId=" in url:
                line["service"] = "s3"
            elif "x-ms-version" in asked:
                line["service"] = "azure"
            line["sent"] = asked.get("content-type", "")
            line["uri"] = self.notes.shown(url.partition("#")[0])
            self.notes.add(**line)
            if status == 101:  # what follows is not HTTP
                self.doubt(socket)
        except Exception:
            self.doubt(socket)

    def doubt(self, socket):
        self.notes.add(socket=socket, doubt=True)


def _inode(socket):
    """The number by which the capture knows a socket, 0 where that cannot be told."""
    try:
        return os.fstat(socket.fileno()).st_ino
    except Exception:
        return 0


def _plain(headers):
    """Headers as texts by their names in small letters; of several the last."""
    found = {}
    for name, value in headers:
        name, value = (
            each.decode("latin-1") if isinstance(each, bytes) else str(each)
            for each in (name, value)
        )
        found[name.lower()] = value
    return found


def _base(scheme, host, port):
    host = "[%s]" % host if ":" in host else host
    is_usual = port in (None, {"http": 80, "https": 443}.get(scheme))
    return "%s://%s" % (scheme, host if is_usual else "%s:%d" % (host, port))


def http_client(hook, module):
    kind, asking = module.HTTPConnection, weakref.WeakKeyDictionary()
    begin, head, end = kind.putrequest, kind.putheader, kind.getresponse

    @functools.wraps(begin)
    def putrequest(this, method, url, *args, **kwargs):
        try:
            asking[this] = (method, url, [])
        except Exception:
            pass
        return begin(this, method, url, *args, **kwargs)

    @functools.wraps(head)
    def putheader(this, header, *values):
        try:
            asking[this][2].extend((header, value) for value in values)
        except Exception:
            pass
        return head(this, header, *values)

    @functools.wraps(end)
    def getresponse(this, *args, **kwargs):
        socket, is_safe = _inode(this.sock), hasattr(this.sock, "cipher")
        found = end(this, *args, **kwargs)
        try:
            method, url, headers = asking.pop(this)
            if not url.startswith(("http://", "https://")):  # as proxies are asked
                host, port = this.host, this.port
                if getattr(this, "_tunnel_host", None):
                    host, port = this._tunnel_host, this._tunnel_port
                url = _base("https" if is_safe else "http", host, port) + url
            answer = _plain(found.headers.items())
            hook.answered(socket, method, url, _plain(headers), found.status, answer)
        except Exception:
            hook.doubt(socket)
        return found

    kind.putrequest, kind.putheader, kind.getresponse = putrequest, putheader, getresponse


def aiohttp_client_reqrep(hook, module):
    kind = module.ClientResponse
    begin = kind.start

    @functools.wraps(begin)
    async def start(this, connection):
        try:
            socket = _inode(connection.transport.get_extra_info("socket"))
        except Exception:
            socket = 0
        found = await begin(this, connection)
        try:
            asked, answer = _plain(this.request_info.headers.items()), _plain(this.headers.items())
            hook.answered(socket, this.method, str(this.url), asked, this.status, answer)
        except Exception:
            hook.doubt(socket)
        return found

    kind.start = start


def httpcore(hook, module):
    def socket_of(this):
        try:
            return _inode(this._network_stream.get_extra_info("socket"))
        except Exception:
            return 0

    def told(socket, request, found):
        try:
            url = request.url
            target, method = url.target.decode("latin-1"), request.method.decode("latin-1")
            if not target.startswith(("http://", "https://")):  # as proxies are asked
                target = _base(url.scheme.decode(), url.host.decode("latin-1"), url.port) + target
            asked, answer = _plain(request.headers), _plain(found.headers)
            hook.answered(socket, method, target, asked, found.status, answer)
        except Exception:
            hook.doubt(socket)

    def wrapped(given):
        @functools.wraps(given)
        def handle_request(this, request):
            socket = socket_of(this)
            found = given(this, request)
            told(socket, request, found)
            return found

        return handle_request

    def awaited(given):
        @functools.wraps(given)
        async def handle_async_request(this, request):
            socket = socket_of(this)
            found = await given(this, request)
            told(socket, request, found)
            return found

        return handle_async_request

    for name in ("HTTP11Connection", "HTTP2Connection"):
        kind = getattr(module, name, None)
        if hasattr(kind, "handle_request"):  # else what it needs is not installed
            kind.handle_request = wrapped(kind.handle_request)
        kind = getattr(module, "Async" + name, None)
        if hasattr(kind, "handle_async_request"):
            kind.handle_async_request = awaited(kind.handle_async_request)


httpcore2 = httpcore  # as httpx2 calls it


def botocore_client(hook, module):
    """Of what is stored in parts the answer's body has the ETag, which is read here when it was parsed."""
    kind = module.BaseClient
    call = kind._make_api_call

    @functools.wraps(call)
    def _make_api_call(this, operation_name, api_params):
        found = call(this, operation_name, api_params)
        _stored(hook, operation_name, found)
        return found

    kind._make_api_call = _make_api_call


def aiobotocore_client(hook, module):
    kind = module.AioBaseClient
    call = kind._make_api_call

    @functools.wraps(call)
    async def _make_api_call(this, operation_name, api_params):
        found = await call(this, operation_name, api_params)
        _stored(hook, operation_name, found)
        return found

    kind._make_api_call = _make_api_call


def _stored(hook, operation, found):
    try:
        if operation == "CompleteMultipartUpload":
            uri = "s3://%s/%s" % (found["Bucket"], found["Key"])
            hook.notes.add(how="write", uri=hook.notes.shown(uri), etag=found["ETag"])
    except Exception:
        pass


def install(module, notes):
    globals()[module.__name__.replace(".", "_")](_Hook(notes), module)
