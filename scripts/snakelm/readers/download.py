"""Fetch one file over http or https into the job's work folder, hashing it on the way.

What the recipe writes as ${NAME} is replaced by the environment variable for the request alone: messages show the
address as the recipe has it. A name and password go into a header that a redirect to another host does not get.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import BinaryIO

from snakelm.core.console import Progress, log
from snakelm.core.errors import UserError
from snakelm.readers.config import VARIABLE, SourceConfig
from snakelm.readers.opening import SourceFile

TIMEOUT = 60.0
"""Seconds without a byte after which a download is given up."""
CHUNK = 1 << 20


def fetch_url(source: SourceConfig, work: Path | None, timeout: float = TIMEOUT) -> SourceFile:
    """The file at `source.url`: its local `cache` where that exists, else a download to `work`, checked by sha256.

    Without a stated sha256 the one found is logged with the advice to state it. UserError for a wrong sum, an
    answer other than success, no connection, a timeout, and a body shorter than announced.
    """
    url = source.url or ""
    if (cached := cached_copy(source)) is not None:
        if not cached.is_file():
            raise UserError(f"{source.cache}: cache must be a file")
        log.info("%s is used for %s", source.cache, url)
        return SourceFile(cached, str(source.cache), stated=source.sha256)
    if work is None:
        raise UserError(f"{url}: there is no folder to download into")
    name = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2].replace("\0", "")
    path = work / f"download-{name[-80:] or 'file'}"
    sha256 = _download(url, path, timeout)
    if source.sha256 is None:
        log.warning("%s has sha256 %s; state it (sha256: …), so that a change is noticed", url, sha256)
    elif sha256 != source.sha256:
        path.unlink()
        raise UserError(f"{url}: sha256 is {sha256}, but the recipe states {source.sha256}")
    return SourceFile(path, name or url, stated=sha256)


def cached_copy(source: SourceConfig) -> Path | None:
    """The local `cache` of a URL, with ~ expanded, where it exists."""
    path = Path(source.cache).expanduser() if source.cache else None
    return path if path is not None and path.exists() else None


def _download(url: str, path: Path, timeout: float) -> str:
    """Stream the body to `path`, by way of a partial file; its sha256."""
    partial = path.with_name(path.name + ".part")
    try:
        with _opener().open(_request(url), timeout=timeout) as answer, open(partial, "wb") as file:
            if (encoding := answer.headers.get("Content-Encoding", "identity")) != "identity":
                raise UserError(f"{url}: the server sends it in encoding {encoding}, though none was asked for")
            length = answer.headers.get("Content-Length", "")
            sha256 = _copy(answer, file, url, int(length) if length.isdecimal() else None)
        os.replace(partial, path)
        return sha256
    except urllib.error.HTTPError as error:
        raise UserError(f"{url}: the server answers {error.code} {error.reason}") from None
    except http.client.HTTPException as error:  # its words may hold the address in full
        raise UserError(f"{url}: the download broke off ({type(error).__name__}); try again") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise UserError(f"{url}: no answer for {timeout:g} s") from None
        words = getattr(reason, "strerror", None) or type(reason).__name__
        raise UserError(f"{url}: cannot be fetched ({words})") from None
    finally:
        partial.unlink(missing_ok=True)


def _copy(answer: BinaryIO, file: BinaryIO, url: str, total: int | None) -> str:
    sha256, size = hashlib.sha256(), 0
    with Progress("downloading", total, "bytes") as bar:
        while chunk := answer.read(CHUNK):
            sha256.update(chunk)
            size += len(chunk)
            file.write(chunk)
            bar.advance(len(chunk))
    if total is not None and size != total:
        raise UserError(f"{url}: the download broke off after {size:,} of {total:,} bytes; try again")
    return sha256.hexdigest()


def _opener() -> urllib.request.OpenerDirector:
    """http and https alone: the default opener would follow a redirect to ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _request(url: str) -> urllib.request.Request:
    parts = urllib.parse.urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    clean = parts._replace(netloc=_filled(host), path=_quoted(parts.path), query=_quoted(parts.query), fragment="")
    request = urllib.request.Request(urllib.parse.urlunsplit(clean))
    request.add_header("Accept-Encoding", "identity")
    request.add_header("User-Agent", "SnakeLM")
    if login:
        name, _, password = login.partition(":")
        login = f"{_filled(urllib.parse.unquote(name))}:{_filled(urllib.parse.unquote(password))}"
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    return request


def _quoted(text: str) -> str:
    """Fill in the variables; what an address cannot hold as it is (spaces, umlauts, a variable's &) is quoted."""
    pieces = VARIABLE.split(text)  # text and names of variables in turn
    return "".join(
        urllib.parse.quote(_value(piece), safe="") if at % 2 else urllib.parse.quote(piece, safe="/?%:@!$&'()*+,;=~[]")
        for at, piece in enumerate(pieces)
    )


def _filled(text: str) -> str:
    return VARIABLE.sub(lambda match: _value(match[1]), text)


def _value(name: str) -> str:
    if name not in os.environ:
        raise UserError(f"url: the environment variable {name} is not set")
    return os.environ[name]
