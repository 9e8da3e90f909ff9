"""What of a user's module a callable can reach, so that an unrelated function beside it leaves its runs alone.

A definition is left out only where that is plainly safe: a function or class without decorators and bases, or a name
set to a plain value, that no kept code mentions, be it as a name, an attribute, or a word in a string. Everything else
at the top of the module (imports, calls, decorated functions, conditions) runs on import and is kept, with all that it
mentions. Code that may look names up at run time (`globals()`, `getattr`, `inspect`, star imports) keeps the whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

DYNAMIC = frozenset(
    {
        "*", "globals", "locals", "vars", "dir", "eval", "exec", "compile", "getattr", "setattr", "delattr",
        "attrgetter", "methodcaller", "inspect", "ast", "modules", "gc", "pickle", "__dict__", "__globals__",
        "__builtins__", "__file__", "__getattr__", "__loader__", "__spec__", "_getframe", "f_globals", "f_locals",
        "currentframe", "import_module", "__import__", "runpy", "linecache", "pkgutil",
    }
)  # fmt: skip
"""Names by which code can reach, or read, what it does not mention."""

_PLAIN = (
    ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Subscript, ast.UnaryOp,
    ast.BinOp, ast.Starred, ast.Slice, ast.expr_context, ast.operator, ast.unaryop,
)  # fmt: skip
"""What an expression may be made of that does nothing but have a value."""


def reachable(tree: ast.Module, name: str) -> ast.Module:
    """The module without the definitions that the top-level definition `name` cannot reach; the whole if in doubt."""
    definitions = [(node, _defined(node)) for node in tree.body]
    if not any(name in names for _, names in definitions):
        return tree
    kept = {id(node) for node, names in definitions if not names or name in names}
    mentioned: set[str] = set()
    size = -1
    while len(kept) != size:
        size = len(kept)
        mentioned.update(word for node in tree.body if id(node) in kept for word in words(node))
        kept |= {id(node) for node, names in definitions if names & mentioned}
    if mentioned & DYNAMIC:
        return tree
    return ast.Module([node for node in tree.body if id(node) in kept], tree.type_ignores)


def words(tree: ast.AST) -> Iterator[str]:
    """Every name that the code mentions: variables, attributes, imported names, and the words in its strings."""
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, str):
                    yield item
                    yield from re.findall(r"\w+", item)


def _defined(node: ast.stmt) -> frozenset[str]:
    """The names that a statement defines and does nothing else; empty where it may have an effect."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        defaults = [item for item in (*node.args.defaults, *node.args.kw_defaults) if item is not None]
        annotations = [item.annotation for item in ast.walk(node.args) if isinstance(item, ast.arg) and item.annotation]
        returns = [node.returns] if node.returns is not None else []
        is_plain = not node.decorator_list and all(map(_is_plain, (*defaults, *annotations, *returns)))
        return frozenset([node.name]) if is_plain and node.name != "__getattr__" else frozenset()
    if isinstance(node, ast.ClassDef):
        is_plain = not (node.decorator_list or node.bases or node.keywords)
        return frozenset([node.name]) if is_plain and all(map(_is_harmless, node.body)) else frozenset()
    if isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
        names = frozenset(target.id for target in node.targets if isinstance(target, ast.Name))
        return names if _is_plain(node.value) else frozenset()
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        is_plain = _is_plain(node.annotation) and (node.value is None or _is_plain(node.value))
        return frozenset([node.target.id]) if is_plain else frozenset()
    return frozenset()


def _is_harmless(node: ast.stmt) -> bool:
    is_bare = isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    return is_bare or bool(_defined(node))


def _is_plain(expression: ast.expr) -> bool:
    return all(isinstance(node, _PLAIN) for node in ast.walk(expression))
