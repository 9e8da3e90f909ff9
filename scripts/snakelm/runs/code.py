"""Code by meaning: what a stage can run, as one digest.

All that a stage's script can run counts: the modules that its function and its config are in, and every library module
that those import, at any depth and also inside functions, as syntax trees without comments, docstrings, layout and
type annotations. The script itself counts where it is more than the plain launcher. Modules that a registry finds at
run time (the task type, the objective) count for the runs that use them (`components`).

Packages that carry runs without being able to change what is in them (CARRIERS) are left out: a nicer progress bar
must not repeat days of training. The field declarations and validators in modules named config.py do not count as
code either: what they do shows in the resolved values, which are part of the id.

Cost: digesting all stages cold takes about 0.3 s; the digests are kept by content in a small cache.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import snakelm
from snakelm.core.errors import UserError
from snakelm.runs.digests import JsonCache, digest, file_sha256
from snakelm.runs.reachable import reachable
from snakelm.runs.stages import STAGES

CARRIERS = ("snakelm.core", "snakelm.runs", "snakelm.execution")
WRITERS = ("snakelm.artifacts.files", "snakelm.artifacts.records")
"""What writes the manifest of every stage's runs, headline numbers included."""
LAUNCHER = """
from snakelm.runs.launch import main

if __name__ == "__main__":
    main("{stage}")
"""
"""What the script of a stage is."""
SCRIPT = "script"

ROOT = Path(snakelm.__path__[0]).parent
"""The folder that holds the library; in a checkout and in a copy of the code the scripts of the rules are there too."""


def script_of(stage: str, root: Path = ROOT) -> Path | None:
    """The script of a stage's rule; None where only the library is installed."""
    return next((path for path in (root / f"{stage}.py", root / "scripts" / f"{stage}.py") if path.is_file()), None)


class _Module(NamedTuple):
    """What is known of a file of code."""

    digest: str
    imports: list[str]
    attributes: list[str]
    """Of a user's module: `.name` of every attribute that its code mentions."""


class CodeDigests:
    """Digests of code.

    Args:
        root: the folder that holds the library.
        cache: a JSON file that saves parsing what did not change; may be absent or unwritable.
    """

    def __init__(self, root: Path = ROOT, cache: Path | None = None):
        self.root = root
        self._cache = JsonCache(cache)
        self._modules: dict[tuple[Path, str], _Module] = {}
        self._stages: dict[tuple[str, tuple[str, ...]], str] = {}

    def stage(self, stage: str, components: tuple[str, ...] = ()) -> str:
        """The digest of everything that the stage can run, with the modules of the variants that a run uses."""
        key = (stage, components)
        if key not in self._stages:
            self._stages[key] = digest(self.modules(stage, components))
        return self._stages[key]

    def modules(self, stage: str, components: tuple[str, ...] = ()) -> dict[str, str]:
        """Module (or 'script') → digest, for the stage and every module that those of ours and plug-ins import."""
        waiting: dict[str, Path] = {}
        roots: list[Path] = []
        for name in (*WRITERS, *STAGES[stage].modules, *components):
            path = _locate(name, self.root) if _is_ours(name) else _locate(name, Path.cwd()) or _loaded(name)
            if path is None:
                raise UserError(f"{name}: the file of this module cannot be found, so a change to it would go unseen")
            if not _is_ours(name):
                roots += [Path.cwd(), _root_of(name, path)]
            waiting |= self._with_its_packages(name, path, self.root if _is_ours(name) else _root_of(name, path))
        script = script_of(stage, self.root)
        if script is not None and self._module(script, SCRIPT).digest != _launcher(stage):
            waiting[SCRIPT] = script
        return self._closure(waiting, roots)[0]

    def callable(self, module: str, file: Path, name: str) -> str:
        """The digest of what a user's callable `module:name` can run: what it reaches in its own `file`, and every
        file that this imports, at any depth.

        Imports are followed from the working directory and from the folder that the module's packages begin in.
        Docstrings and annotations count here, since the user's code may read them.
        """
        root = _root_of(module, file)
        waiting = self._with_its_packages(module, file, root)
        roots = [Path.cwd(), root]
        found, imported = self._closure(dict(waiting), roots, {module: name})
        if module in imported or f".{module.rpartition('.')[2]}" in imported:
            # Other files may use any part of the module.
            found, _ = self._closure(dict(waiting), roots)
        return digest(found)

    @staticmethod
    def _with_its_packages(module: str, file: Path, root: Path) -> dict[str, Path]:
        """A module and the packages that it is in, which Python imports before it."""
        packages = {name: path for name in _with_packages(module) if (path := _locate(name, root))}
        return packages | {module: file}

    def _closure(
        self, waiting: dict[str, Path], roots: Sequence[Path], reached: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[dict[str, str], set[str]]:
        """Module → digest of what is waiting and all that it imports, and the names that other modules than those in
        `reached` mention. Users' modules are looked for in `roots`.

        reached: a user's module → the one callable that is wanted of it.
        """
        found: dict[str, str] = {}
        mentioned: set[str] = set()
        while waiting:
            name, path = waiting.popitem()
            module = self._module(path, name, reached.get(name, ""))
            found[name] = module.digest
            if path.name == "__init__.py" and _is_ours(name):
                found.update(self._data_files(name, path.parent))
            mentioned.update(module.imports if name in reached else [*module.imports, *module.attributes])
            for imported in module.imports:
                if imported in found or _is_carrier(imported):
                    continue
                where = [self.root] if _is_ours(imported) else roots
                if (located := _locate(imported, *where)) is not None:
                    waiting[imported] = located
        return dict(sorted(found.items())), mentioned

    def save(self) -> None:
        self._cache.save()

    def _data_files(self, package: str, folder: Path) -> dict[str, str]:
        """What a package ships beside its modules (page templates, word lists) is code too, byte by byte."""
        return {
            f"{package}/{path.name}": file_sha256(path)
            for path in folder.iterdir()
            if path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith(".")
        }

    def _module(self, path: Path, name: str, callable_name: str = "") -> _Module:
        """What a file says, as the module `name`; of a user's module, what its callable reaches."""
        form = f"user's:{callable_name}"
        if _is_ours(name) or name == SCRIPT:
            form = "config" if path.name == "config.py" else "ours"
        place = (path, form)
        if place not in self._modules:
            raw = path.read_bytes()
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            key = f"{hashlib.sha256(raw).hexdigest()}:{package}:{form}:{_NORMAL_FORM}"
            known = self._cache.get(key)
            if known is None:
                known = _read(path, raw, package, form)
                self._cache.put(key, known)
            self._modules[place] = _Module(*known)
        return self._modules[place]


def _read(path: Path, raw: bytes, package: str, form: str) -> _Module:
    try:
        tree = ast.parse(raw)
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UserError(f"{path}{line}: not valid Python ({error}); fix it") from None
    if form in ("ours", "config"):
        imports = sorted(set(_imports(tree, package)))
        return _Module(normal_form(tree, declarations=form == "ours"), imports, [])
    if callable_name := form.partition(":")[2]:
        tree = reachable(tree, callable_name.partition(".")[0])
    attributes = {f".{node.attr}" for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return _Module(tree_digest(tree), sorted(set(_imports(tree, package))), sorted(attributes))


def _launcher(stage: str) -> str:
    return normal_form(ast.parse(LAUNCHER.format(stage=stage)))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == snakelm.__name__


def _is_carrier(module: str) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in CARRIERS)


def normal_form(tree: ast.Module, declarations: bool = True) -> str:
    """A digest of what the code means. With declarations=False, class fields and pydantic validators are left out."""
    tree = _Stripper(declarations).visit(tree)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    tree.body = [node for node in tree.body if not _is_unused_import(node, used)]
    return tree_digest(tree)


def tree_digest(tree: ast.AST) -> str:
    """A digest of the code without its comments and layout."""
    hasher = hashlib.sha256()
    _feed(tree, hasher)
    return hasher.hexdigest()


_NORMAL_FORM = 3  # raise when normal_form changes, so that old cache entries are not used


class _Stripper(ast.NodeTransformer):
    """Takes docstrings and annotations out of a tree, and in config modules what only declares fields."""

    def __init__(self, declarations: bool):
        """declarations: whether what only declares fields is kept where it is not plainly a config's."""
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
        node.body = [item for item in node.body if not _is_declaration(item, by_call=self.declarations)]
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


FIELDS = frozenset(["Field", "circumstance", "reference", "outside", "inherited", "training_key"])
"""What declares a key of a config."""


def _is_declaration(node: ast.AST, by_call: bool) -> bool:
    """Whether it only declares or checks a key of a config; with by_call=False any annotated assignment does."""
    if isinstance(node, ast.AnnAssign):
        return not by_call or (isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") in FIELDS)
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
        elif isinstance(node, ast.Call) and (name := _imported_by_name(node, package)):
            yield from _with_packages(name)


def _imported_by_name(call: ast.Call, package: str) -> str | None:
    """The module that `import_module("name")` or `__import__("name")` imports; None for other calls."""
    if getattr(call.func, "attr", getattr(call.func, "id", "")) not in ("import_module", "__import__"):
        return None
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "name")][:1]
    if not given or not isinstance(given[0], ast.Constant) or not isinstance(given[0].value, str):
        return None
    name = given[0].value
    if not name.startswith("."):
        return name
    anchors = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "package")]
    if anchors and isinstance(anchors[0], ast.Constant):  # else __package__ or __name__
        package = str(anchors[0].value)
    rest = name.lstrip(".")
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - (len(name) - len(rest)) + 1], rest])


def _with_packages(name: str) -> Iterator[str]:
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        yield ".".join(parts[:end])


def _locate(module: str, *roots: Path) -> Path | None:
    for root in roots:
        base = root.joinpath(*module.split("."))
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):  # as Python prefers them
            if path.is_file():
                return path
    return None


def _loaded(module: str) -> Path | None:
    """The file of a module that is loaded already: a plug-in that was given as a file, or is installed."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file) if file else None


def _root_of(module: str, file: Path) -> Path:
    """The folder that a module's packages begin in."""
    depth = module.count(".") + (1 if file.name == "__init__.py" else 0)
    return file.absolute().parents[depth]
