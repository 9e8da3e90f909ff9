"""Identity: what a run's id is made of, and how code and files are digested for it.

    id = sha256(stage, resolved identity config, ids of the parents, sources, meaning of the stage's code)[:12]

Config enters resolved (defaults included, circumstance keys left out), so a key set to its default is no
change and a changed default is one, for the runs that rely on it. For that reason the field declarations and
validators in modules named config.py do not count as code: what they do shows in the resolved values.

Code enters by meaning: the stage's script and every library module that it imports, at any depth and also
inside functions, as syntax trees without comments, docstrings, layout and type annotations. Modules that carry
runs without being able to change what is in them (CARRIERS) are left out: a nicer progress bar must not repeat
days of training.

Cost: digesting all stages cold takes about 0.3 s; the digests are kept by content in a small cache.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from snakelm.core.errors import UserError

SCRIPTS = Path(__file__).resolve().parents[2]
ID_LENGTH = 12
CARRIERS = ("snakelm.core", "snakelm.runs", "snakelm.execution")
"""Packages that carry runs and cannot change what is in them. The rule is a package, not a list of modules."""


def digest(value: Any) -> str:
    """The sha256 of a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def run_id(stage: str, config: Any, parents: dict[str, str], sources: dict[str, Any], code: str) -> str:
    """The id of a run. config: resolved identity config; parents: role → id; sources: name → fingerprint."""
    return digest([stage, config, parents, sources, code])[:ID_LENGTH]


def config_key(stage: str, explicit: Any, parents: dict[str, str], sources: dict[str, Any]) -> str:
    """What `on_code_change: keep` compares: all of the id but the code (and the defaults, which are code)."""
    return digest([stage, explicit, parents, sources])[:ID_LENGTH]


# --- code ------------------------------------------------------------------------------------------------------


class CodeDigests:
    """Digests of stages' code. `cache` (a JSON file, may be absent or unwritable) saves parsing what did not change."""

    def __init__(self, scripts: Path = SCRIPTS, cache: Path | None = None):
        self.scripts = scripts
        self._cache = JsonCache(cache)
        self._modules: dict[Path, tuple[str, list[str]]] = {}
        self._stages: dict[str, str] = {}

    def stage(self, stage: str) -> str:
        """The digest of everything that the stage's script can run, carriers left out."""
        if stage not in self._stages:
            script = self.scripts / f"{stage}.py"
            if not script.exists():  # an installed wheel has the scripts where they hide no library
                script = self.scripts / "snakelm" / "_scripts" / script.name
            self._stages[stage] = digest(self.modules(script))
        return self._stages[stage]

    def modules(self, script: Path) -> dict[str, str]:
        """Module (or 'script') → digest, for the script and every module beside it that it imports at any depth."""
        found: dict[str, str] = {}
        waiting = [("script", script)]
        while waiting:
            name, path = waiting.pop()
            if name in found:
                continue
            found[name], imports = self._module(path, name)
            if path.name == "__init__.py":
                found.update(self._data_files(name, path.parent))
            for imported in imports:
                if not _is_carrier(imported) and imported not in found:
                    located = _locate(imported, self.scripts, script.parent)
                    if located is not None:
                        waiting.append((imported, located))
        return dict(sorted(found.items()))

    def save(self) -> None:
        self._cache.save()

    def _data_files(self, package: str, folder: Path) -> dict[str, str]:
        """What a package ships beside its modules (page templates, word lists) is code too, byte by byte."""
        return {
            f"{package}/{path.name}": file_sha256(path)
            for path in folder.iterdir()
            if path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith(".")
        }

    def _module(self, path: Path, name: str) -> tuple[str, list[str]]:
        if path not in self._modules:
            raw = path.read_bytes()
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            key = f"{hashlib.sha256(raw).hexdigest()}:{package}:{path.name == 'config.py'}:{_NORMAL_FORM}"
            known = self._cache.get(key)
            if known is None:
                try:
                    tree = ast.parse(raw)
                except SyntaxError as error:
                    raise UserError(f"{path}:{error.lineno}: not valid Python ({error.msg}); mend it") from None
                imports = sorted(set(_imports(tree, package)))
                known = [normal_form(tree, declarations=path.name != "config.py"), imports]
                self._cache.put(key, known)
            self._modules[path] = (known[0], known[1])
        return self._modules[path]


def _is_carrier(module: str) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in CARRIERS)


def normal_form(tree: ast.Module, declarations: bool = True) -> str:
    """A digest of what the code means. With declarations=False, class fields and pydantic validators are left out."""
    tree = _Stripper(declarations).visit(tree)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    tree.body = [node for node in tree.body if not _is_unused_import(node, used)]
    hasher = hashlib.sha256()
    _feed(tree, hasher)
    return hasher.hexdigest()


_NORMAL_FORM = 1  # raise when normal_form changes, so that old cache entries are not used


class _Stripper(ast.NodeTransformer):
    """Takes docstrings and annotations out of a tree, and in config modules what only declares fields."""

    def __init__(self, declarations: bool):
        self.declarations = declarations

    def generic_visit(self, node: ast.AST) -> ast.AST:
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A string that stands alone is a docstring wherever it is; after a field it documents the field.
            node.body = [item for item in body if not _is_bare_string(item)]  # type: ignore[attr-defined]
        return super().generic_visit(node)

    def visit_FunctionDef(self, node: Any) -> Any:
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        if not self.declarations:
            node.body = [item for item in node.body if not _is_declaration(item)]
        self.generic_visit(node)
        # Fields of dataclasses: their presence and order count, the type does not.
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is None:
            return ast.Expr(node.target) if isinstance(node.target, ast.Name) else None
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value))

    def visit_If(self, node: ast.If) -> Any:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return [self.visit(item) for item in node.orelse]
        return self.generic_visit(node)


def _is_bare_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_declaration(node: ast.AST) -> bool:
    if isinstance(node, ast.AnnAssign):
        return True
    return isinstance(node, ast.FunctionDef) and any(
        getattr(getattr(item, "func", item), "id", "") in ("field_validator", "model_validator")
        for item in node.decorator_list
    )


def _is_unused_import(node: ast.AST, used: set[str]) -> bool:
    """Imports that only annotations needed. Ours stay: importing them may register something."""
    if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("snakelm")):
        return False
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return all((alias.asname or alias.name).partition(".")[0] not in used for alias in node.names)
    return False


def _feed(node: Any, hasher: Any) -> None:
    """Hash a tree in a form that is the same on every Python: empty fields, which newer ones add, are skipped."""
    if isinstance(node, ast.AST):
        hasher.update(type(node).__name__.encode() + b"(")
        for name, value in ast.iter_fields(node):
            if value is None and not isinstance(node, ast.Constant) or value == [] or name in ("kind", "type_comment"):
                continue
            hasher.update(name.encode() + b"=")
            _feed(value, hasher)
        hasher.update(b")")
    elif isinstance(node, list):
        for item in node:
            _feed(item, hasher)
            hasher.update(b",")
    else:
        hasher.update(f"{type(node).__name__}:{node!r}".encode("utf-8", "surrogatepass"))


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Every module name that the tree imports anywhere but under `if TYPE_CHECKING:`, with its packages."""
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for item in node.body
        for inner in ast.walk(item)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_packages(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join(parts[: len(parts) - node.level + 1] + ([node.module] if node.module else []))
            yield from _with_packages(base)
            for alias in node.names:
                yield f"{base}.{alias.name}"
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield from _with_packages(str(node.args[0].value))


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        yield ".".join(parts[:end])


def _locate(module: str, *roots: Path) -> Path | None:
    for root in roots:
        base = root.joinpath(*module.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


# --- files -----------------------------------------------------------------------------------------------------


class FileDigests:
    """sha256 of local files, remembered by path, size and time stamps so that a plan does not read terabytes.

    A file touched within the last two seconds is never remembered: an edit in the same tick would go unseen.
    """

    def __init__(self, cache: Path | None = None):
        self._cache = JsonCache(cache)

    def __call__(self, path: str | Path) -> str:
        status = os.stat(path)
        key = f"{os.path.abspath(path)}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"
        known = self._cache.get(key)
        if known is None:
            known = file_sha256(path)
            if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > 2_000_000_000:
                self._cache.put(key, known)
        return str(known)

    def save(self) -> None:
        self._cache.save()


def file_sha256(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class JsonCache:
    """A dictionary in a JSON file. Losing it costs time only, so unreadable or unwritable files are no error."""

    def __init__(self, path: Path | None):
        self.path, self._changed = path, False
        self._items: dict[str, Any] = {}
        if path is not None:
            try:
                loaded = json.loads(path.read_text(encoding="utf-8"))
                self._items = loaded if isinstance(loaded, dict) else {}
            except (OSError, ValueError):
                pass

    def get(self, key: str) -> Any:
        return self._items.get(key)

    def put(self, key: str, value: Any) -> None:
        self._items[key] = value
        self._changed = True

    def save(self) -> None:
        if self.path is None or not self._changed:
            return
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(self._items), encoding="utf-8")
            part.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
