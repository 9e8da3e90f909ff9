"""Fetch one file over http or https into the job's work folder.

What the recipe writes as ${NAME} is replaced by the environment variable for the request alone: messages show the
address as the recipe has it. A name and password go into a header that a redirect to another host does not get. A
download that breaks off goes on where it stopped, in this process or the next, where the server says that the file is
still the same (ETag or Last-Modified); proxies are those of the environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from snakelm.core.console import Progress, log
from snakelm.core.errors import UserError
from snakelm.readers.config import VARIABLE, SourceConfig
from snakelm.readers.lock import record, recorded
from snakelm.readers.opening import SourceFile

if TYPE_CHECKING:
    import requests

TIMEOUT = 60.0
"""Seconds without a byte after which a try is given up."""
PAUSES = (1.0, 3.0, 10.0, 30.0)
"""Seconds before each further try."""
REDIRECTS = 10
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another one at the next try."""
CHUNK = 1 << 20


class _Passing(Exception):
    """Trouble that may be over at the next try; its text is what is said after the last one."""


def fetch_url(source: SourceConfig, work: Path | None, timeout: float = TIMEOUT) -> SourceFile:
    """The file at `source.url`: its local `cache` where that exists, else a download to `work`, checked by sha256.

    Without a stated sha256 the one found is recorded in `source.lock` and held to from then on. UserError for a wrong
    sum, an answer other than success, no connection, a timeout, redirects without end or out of http, and a body
    shorter than announced, after several tries where another one may help.
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
    path = work / f"download-{hashlib.sha256(url.encode()).hexdigest()[:8]}-{name[-80:] or 'file'}"
    sha256 = _Download(url, path, timeout).fetch()
    if source.sha256 is not None:
        _hold(sha256, source.sha256, path, f"{url}: sha256 is {sha256}, but the recipe states {source.sha256}")
    else:
        held = recorded(source.lock, url) or record(source.lock, url, f"sha256 {sha256}")
        held = held.removeprefix("sha256 ")
        remedy = "delete that line and raise attempt to take what is there now"
        _hold(sha256, held, path, f"{url}: sha256 is {sha256}, but was {held} at first ({source.lock}); {remedy}")
    return SourceFile(path, name or url, stated=sha256)


def cached_copy(source: SourceConfig) -> Path | None:
    """The local `cache` of a URL, with ~ expanded, where it exists."""
    path = Path(source.cache).expanduser() if source.cache else None
    return path if path is not None and path.exists() else None


def _hold(found: str, wanted: str, path: Path, message: str) -> None:
    if found != wanted:
        path.unlink()
        raise UserError(message)


class _Download:
    """One file on its way: `path` once it is whole, beside it what has come so far and what it is a part of."""

    def __init__(self, url: str, path: Path, timeout: float):
        self.url, self.path, self.timeout = url, path, timeout
        self.partial, self.about = path.with_name(path.name + ".part"), path.with_name(path.name + ".about")

    def fetch(self) -> str:
        """Download it, with several tries; the sha256 of what came."""
        import requests

        with requests.Session() as session:
            session.max_redirects = REDIRECTS
            try:
                for pause in (*PAUSES, None):
                    try:
                        self._try(session)
                        break
                    except _Passing as trouble:
                        if pause is None:
                            raise UserError(f"{self.url}: {trouble}") from None
                        log.warning("%s: %s; trying again in %g s", self.url, trouble, pause)
                        time.sleep(pause)
            except UserError:
                if not self._validator():  # nothing that a later try could go on from
                    self.partial.unlink(missing_ok=True)
                    self.about.unlink(missing_ok=True)
                raise
        self.about.unlink(missing_ok=True)
        os.replace(self.partial, self.path)
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _try(self, session: requests.Session) -> None:
        from requests import exceptions

        try:
            request = self._request(session)
            found = session.merge_environment_settings(str(request.url), {}, True, None, None)
            with session.send(request, timeout=self.timeout, **found) as answer:
                self._take(answer)
        except exceptions.TooManyRedirects:
            raise UserError(f"{self.url}: redirects without end (more than {REDIRECTS})") from None
        except (exceptions.InvalidSchema, exceptions.InvalidURL, exceptions.MissingSchema):
            raise UserError(f"{self.url}: redirects to an address that is not http or https") from None
        except exceptions.Timeout:
            raise _Passing(f"no answer for {self.timeout:g} s") from None
        except exceptions.SSLError:
            raise UserError(f"{self.url}: cannot be fetched (its certificate is not valid)") from None
        except exceptions.RequestException as error:  # its words may hold the address in full
            raise _Passing(f"cannot be fetched ({_reason(error)})") from None
        except OSError as error:
            raise UserError(f"{self.url}: cannot be stored ({error.strerror or error})") from None

    def _request(self, session: requests.Session) -> requests.PreparedRequest:
        import requests

        parts = urllib.parse.urlsplit(self.url)
        login, _, host = parts.netloc.rpartition("@")
        clean = parts._replace(netloc=_filled(host), path=_quoted(parts.path), query=_quoted(parts.query), fragment="")
        headers = {"Accept-Encoding": "identity", "User-Agent": "SnakeLM"}
        if (size := self._size()) and (validator := self._validator()):
            headers |= {"Range": f"bytes={size}-", "If-Range": validator}
        auth = None
        if login:
            name, _, password = login.partition(":")
            auth = tuple(_filled(urllib.parse.unquote(part)).encode() for part in (name, password))
        request = requests.Request("GET", urllib.parse.urlunsplit(clean), headers=headers, auth=auth)
        return session.prepare_request(request)

    def _take(self, answer: requests.Response) -> None:
        size = self._size()
        if answer.status_code == 416:  # what is here is longer than what is there
            self.about.unlink(missing_ok=True)
            self.partial.unlink(missing_ok=True)
            raise _Passing("the server has less than was fetched before")
        if not answer.ok:
            said = f"the server answers {answer.status_code} {answer.reason}"
            if answer.status_code in PASSING:
                raise _Passing(said)
            raise UserError(f"{self.url}: {said}")
        if (encoding := answer.headers.get("Content-Encoding", "identity")) != "identity":
            raise UserError(f"{self.url}: the server sends it in encoding {encoding}, though none was asked for")
        goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {size}-")
        if answer.status_code == 206 and not goes_on:
            self.about.unlink(missing_ok=True)
            raise _Passing("the server sends another part than was asked for")
        if not goes_on:
            size = 0
            self.about.write_text(json.dumps({"url": self.url, "validator": _validator_of(answer)}), encoding="utf-8")
        length = answer.headers.get("Content-Length", "")
        total = size + int(length) if length.isdecimal() else None
        self._copy(answer, size, total)

    def _copy(self, answer: requests.Response, size: int, total: int | None) -> None:
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        with open(self.partial, "ab" if size else "wb") as file, Progress("downloading", total, "bytes") as bar:
            bar.advance(size)
            try:
                for chunk in answer.raw.stream(CHUNK, decode_content=False):
                    file.write(chunk)
                    size += len(chunk)
                    bar.advance(len(chunk))
            except ReadTimeoutError:
                raise _Passing(f"no answer for {self.timeout:g} s") from None
            except HTTPError:
                of_all = f" of {total:,}" if total is not None else ""
                raise _Passing(f"the download broke off after {size:,}{of_all} bytes") from None
        if total is not None and size != total:
            raise _Passing(f"the download broke off after {size:,} of {total:,} bytes")

    def _size(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() and self.about.exists() else 0

    def _validator(self) -> str | None:
        """What tells whether the server still has the file that `partial` is a part of."""
        try:
            about = json.loads(self.about.read_text(encoding="utf-8"))
            validator: str | None = about["validator"] if about["url"] == self.url else None
            return validator
        except (OSError, ValueError, KeyError):
            return None


def _validator_of(answer: requests.Response) -> str | None:
    etag = answer.headers.get("ETag", "")
    return etag if re.fullmatch(r'"[^"]*"', etag) else answer.headers.get("Last-Modified")  # a weak ETag is none


def _reason(error: BaseException) -> str:
    """The system's words for why there is no connection, out of the errors that wrap each other."""
    seen: list[BaseException] = [error]
    while seen:
        one = seen.pop()
        if isinstance(one, OSError) and one.strerror and not hasattr(one, "request"):
            return one.strerror
        inner = [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]
        seen += [each for each in inner if isinstance(each, BaseException)]
    return type(error).__name__


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
