"""YAML text to plain data, with the line of every node, within bounds that a hostile file cannot pass."""

from __future__ import annotations

import re
from typing import Any

import yaml

from sway.core.strictyaml import StrictLoader
from sway.suite.plain import MAX_DEPTH, MAX_NODES, Tree, clean
from sway.suite.problems import NodePath, Problems

_MERGE = "tag:yaml.org,2002:merge"
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}


class _Loader(StrictLoader):
    """YAML in which `1e-3` is a number and `2024-01-01` is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith((":timestamp", ":value"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parse(text: str, problems: Problems) -> Tree:
    """Read one YAML document. Faults go to `problems`, which also learns where every node stands.

    Raises:
        SpecError: the text is not YAML at all, so that there is nothing to go on with.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = _node(loader, problems)
        if node is None:
            problems.stop("the file is empty")
        return _Walk(loader, problems).tree(node)
    except yaml.YAMLError as fault:
        problems.stop(*_explain(fault))
    except RecursionError:
        problems.stop(f"nested more than {MAX_DEPTH} levels deep")
    finally:
        if loader is not None:
            loader.dispose()


def _node(loader: _Loader, problems: Problems) -> yaml.Node | None:
    """The document as PyYAML's nodes."""
    try:
        return loader.get_single_node()
    except (ValueError, OverflowError):  # PyYAML hands numbers of escapes and versions to Python as they come
        mark = loader.get_mark()
        problems.stop("not valid YAML: a number that is out of range", f"{mark.line + 1}:{mark.column + 1}")


def _explain(fault: yaml.YAMLError) -> tuple[str, str]:
    """What is wrong, and `line:column`."""
    if isinstance(fault, yaml.reader.ReaderError):
        return f"character number {fault.position + 1} is not allowed in YAML", ""
    mark = getattr(fault, "problem_mark", None) or getattr(fault, "context_mark", None)
    what = " ".join(str(getattr(fault, "problem", None) or getattr(fault, "context", None) or "unreadable").split())
    return f"not valid YAML: {what}", f"{mark.line + 1}:{mark.column + 1}" if mark else ""


class _Walk:
    """Turns nodes to data, noting lines. Aliases are expanded, so that nodes are counted as they multiply."""

    def __init__(self, loader: _Loader, problems: Problems) -> None:
        self.loader, self.problems = loader, problems
        self.count = 0
        self.open: list[int] = []

    def tree(self, node: yaml.Node) -> Tree:
        """Data and lines of a whole document."""
        lines: dict[NodePath, int] = {}
        self.problems.lines = lines
        return Tree(self._value(node, (), lines), lines)

    def _value(self, node: yaml.Node, at: NodePath, lines: dict[NodePath, int]) -> Any:
        line = node.start_mark.line + 1
        lines.setdefault(at, line)
        self.count += 1
        if self.count > MAX_NODES:
            self.problems.stop(f"more than {MAX_NODES:,} values once aliases are expanded", str(line))
        if id(node) in self.open:
            self.problems.stop("an alias refers to a part that contains it", str(line))
        if len(self.open) > MAX_DEPTH:
            self.problems.stop(f"nested more than {MAX_DEPTH} levels deep", str(line))
        self.open.append(id(node))
        try:
            return self._container(node, at, lines)
        finally:
            self.open.pop()

    def _container(self, node: yaml.Node, at: NodePath, lines: dict[NodePath, int]) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag.endswith(",2002:map"):
            return self._mapping(node, at, lines)
        if isinstance(node, yaml.SequenceNode) and node.tag.endswith(",2002:seq"):
            return [self._value(item, (*at, i), lines) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, at)
        return self._refuse_tag(node, at)

    def _refuse_tag(self, node: yaml.Node, at: NodePath) -> None:
        line = node.start_mark.line + 1
        self.problems.add(f"the tag {node.tag!r} is not allowed", at, mend="remove the tag", line=line)

    def _mapping(self, node: yaml.MappingNode, at: NodePath, lines: dict[NodePath, int]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged.append(value_node)
                continue
            key = self._key(key_node, at)
            if key is None:
                continue
            path = (*at, key)
            line = key_node.start_mark.line + 1
            if key in data:
                mend = f"it is on line {lines[path]} too; keep one"
                self.problems.add(f"the key {key!r} appears twice", path, mend=mend, line=line)
                continue
            lines[path] = line
            data[key] = self._value(value_node, path, lines)
        for value_node in merged:
            self._merge(value_node, data, at, lines)
        return data

    def _merge(self, node: yaml.Node, data: dict[str, Any], at: NodePath, lines: dict[NodePath, int]) -> None:
        """YAML's `<<`: keys of other mappings, which the mapping's own keys override."""
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                self.problems.add("'<<' takes a mapping or a list of mappings", at, line=source.start_mark.line + 1)
                continue
            inner: dict[NodePath, int] = {}
            value = self._value(source, at, inner)  # None where its tag is refused
            added = {k: v for k, v in (value or {}).items() if k not in data}
            data.update(added)
            lines.update({p: n for p, n in inner.items() if len(p) > len(at) and p[len(at)] in added})

    def _key(self, node: yaml.Node, at: NodePath) -> str | None:
        key = self._scalar(node, at) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(key, str):
            return key
        self.problems.add("a key must be text", at, mend="put it in quotes", line=node.start_mark.line + 1)
        return None

    def _scalar(self, node: yaml.ScalarNode, at: NodePath) -> Any:
        if node.tag == _MERGE:
            return node.value
        if node.tag not in _PLAIN_TAGS:
            return self._refuse_tag(node, at)
        try:
            value = self.loader.construct_object(node)
        except yaml.YAMLError:
            self.problems.add("not a value of its tag's type", at, line=node.start_mark.line + 1)
            return None
        return clean(value, at, self.problems)
