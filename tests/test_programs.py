"""Everything that is started comes with Debian, with set-up, or is told here to be optional."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETUP = ROOT / "deploy" / "setup.sh"
PROGRAM = re.compile(r"[a-z][\w.+-]*")

STARTING = re.compile(
    r"subprocess\.(run|Popen|call|check_call|check_output)|os\.(exec|spawn|posix_spawn)\w*"
    r"|(asyncio\.)?create_subprocess_exec|shutil\.which"
)
SHELLS = ("sh", "bash")

PYTHON = "python"

INSTALLED = {PYTHON, "assistant"}
"""What is in the virtual environment."""

BASE = "apt-get bash chroot getent id ls mount sh sleep umount unshare".split()
"""What is started of the smallest Debian: of apt, bash, coreutils, dash, mount and util-linux."""

OPTIONAL = {
    "debootstrap": "makes a whole Debian for tests that are marked soak",
    "flite": "gives the benches better voices, where it is",
    "git": "asked for by the README, with make",
    "systemctl": "asked only where systemd runs, which brings it",
}


class Source:
    """A file, and what each name in it may stand for, wherever that is."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.values: dict[str, list[ast.expr]] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.imports: dict[str, tuple[str, str]] = {}
        nodes = list(ast.walk(self.tree))
        for node in nodes:
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = node
                self._bind_defaults(node.args)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for each in node.names:
                    self.imports[each.asname or each.name] = (node.module, each.name)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._bind(_name(target), node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._bind(_name(node.target), node.value)
        for node in nodes:
            if isinstance(node, ast.Call) and (function := self.functions.get(_name(node.func))):
                self._bind_arguments(function.args, node)

    def _bind(self, name: str, value: ast.expr) -> None:
        self.values.setdefault(name, []).append(value)

    def _bind_defaults(self, to: ast.arguments) -> None:
        named = [*to.posonlyargs, *to.args]
        for each, value in zip(reversed(named), reversed(to.defaults), strict=False):
            self._bind(each.arg, value)
        for each, value in zip(to.kwonlyargs, to.kw_defaults, strict=True):
            if value is not None:
                self._bind(each.arg, value)

    def _bind_arguments(self, to: ast.arguments, call: ast.Call) -> None:
        named = [each.arg for each in (*to.posonlyargs, *to.args)]
        names = named[1:] if named[:1] == ["self"] else named
        for name, value in zip(names, call.args, strict=False):
            self._bind(name, value)
        for keyword in call.keywords:
            self._bind(keyword.arg or "", keyword.value)
        if to.vararg is not None:
            self._bind(to.vararg.arg, ast.Tuple(call.args[len(names) :], ast.Load()))

    def started(self) -> Iterator[str]:
        """The programs that the file starts, as far as they are written down."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and STARTING.fullmatch(ast.unparse(node.func)):
                yield from self.first(node.args[0], set())
            elif isinstance(node, ast.List | ast.Tuple):
                yield from _in_a_shell(node.elts)

    def first(self, node: ast.expr, seen: set[ast.expr]) -> Iterator[str]:
        """The first words that an expression for a command line may have."""
        if node in seen:
            return
        seen.add(node)
        match node:
            case ast.Constant(value=str(word)):
                yield word
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                for part in parts:
                    found = list(self.first(part, seen))
                    yield from found
                    if found or not isinstance(part, ast.Starred):
                        return
            case ast.Starred(value=value) | ast.Subscript(value=value) | ast.BinOp(left=value):
                yield from self.first(value, seen)
            case ast.IfExp(body=one, orelse=other):
                yield from self.first(one, seen)
                yield from self.first(other, seen)
            case ast.Call(func=function, args=arguments):
                yield from self._returned(function, arguments, seen)
            case ast.Name() | ast.Attribute():
                yield from self._named(ast.unparse(node), _name(node), seen)
            case _:
                pass

    def _named(self, whole: str, name: str, seen: set[ast.expr]) -> Iterator[str]:
        if whole == "sys.executable":
            yield PYTHON
        for value in self.values.get(name, []):
            yield from self.first(value, seen)
        if (there := self._imported(name)) is not None:
            source, what = there
            yield from source._named(what, what, seen)

    def _returned(
        self, function: ast.expr, arguments: list[ast.expr], seen: set[ast.expr]
    ) -> Iterator[str]:
        whole, name = ast.unparse(function), _name(function)
        if whole == "child.command":
            yield PYTHON
        elif whole in ("list", "tuple"):
            yield from self.first(arguments[0], seen)
        elif name == "split" and isinstance(function, ast.Attribute):
            for words in self.first(function.value, seen):
                yield words.split()[0]
        elif name in self.functions:
            for node in ast.walk(self.functions[name]):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield from self.first(node.value, seen)
        elif (there := self._imported(name)) is not None:
            source, what = there
            yield from source._returned(ast.Name(what), arguments, seen)

    def _imported(self, name: str) -> tuple[Source, str] | None:
        module, what = self.imports.get(name, ("", ""))
        path = ROOT / (module.replace(".", "/") + ".py")
        return (read(path), what) if module and path.is_file() else None


read = cache(Source)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _in_a_shell(words: list[ast.expr]) -> Iterator[str]:
    """What a shell is told to start: the first word after every operator."""
    texts = [_text(word) for word in words]
    for shell, option, script in zip(texts, texts[1:], texts[2:], strict=False):
        if shell in SHELLS and option == "-c":
            for word in re.findall(r"(?:^|&&|\|\|?|;)\s*(?:exec\s+)?([\w-]+)", script):
                if word not in ("cd", "exec", "ulimit"):  # which the shell does itself
                    yield word


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) for part in parts)
        case _:
            return ""


def started(folder: str) -> dict[str, set[str]]:
    """Every program that is started in a folder of the checkout, and by which files."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for word in filter(PROGRAM.fullmatch, read(path).started()):
            found.setdefault(word, set()).add(path.name)
    return found


def brought(purpose: str) -> set[str]:
    """The programs that set-up sees to."""
    text = SETUP.read_text(encoding="utf-8")
    always, tests, _ = re.split(r"if \[\[ \$purpose == test.*|install_packages\(\)", text)
    return set(re.findall(r"\bhas ([a-z][\w.+-]*)", always + tests * (purpose == "test")))


@pytest.mark.parametrize(
    ("folder", "purpose"),
    [("assistant", "run"), ("bench", "test"), ("models", "run"), ("tests", "test")],
)
def test_whatever_is_started_is_there_after_set_up(folder: str, purpose: str) -> None:
    there = {*INSTALLED, *BASE, *OPTIONAL, *brought(purpose)}
    assert {word: by for word, by in started(folder).items() if word not in there} == {}


def test_what_needs_no_set_up_is_just_what_is_started() -> None:
    found = started("assistant") | started("tests")
    assert sorted(BASE) == BASE == sorted({*BASE} & {*found} - {*brought("test")})
    assert {*OPTIONAL} <= {*found, *started("bench")}
    assert "espeak-ng" in brought("run")
    assert "pactl" in brought("test") - brought("run")


def test_programs_are_found_however_they_are_written_down(tmp_path: Path) -> None:
    (tmp_path / "starts.py").write_text(SAMPLE, encoding="utf-8")
    assert sorted(Source(tmp_path / "starts.py").started()) == [*"abcdefghij", PYTHON, "sh"]


SAMPLE = """
A = ("a", "-x")

def go(words, *rest, by=("b",)):
    subprocess.Popen([*words, *rest])
    os.execvp("c", by)
    subprocess.run(by)

def made():
    return ["d"] + A if A else A

class Thing:
    def __init__(self):
        self.command = ["e", "f"]
        subprocess.check_output(self.command)

go([], "f")
subprocess.run(made())
shutil.which("g")
subprocess.run(["sh", "-c", f"h 1 {A} && exec i; j"])
subprocess.run([sys.executable, "-m", "z"])
"""
