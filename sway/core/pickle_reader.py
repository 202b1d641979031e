"""Reads the data in a pickle without running it.

A small machine for the opcodes that `torch.save` writes. It holds a table of names it knows and
builds plain values from them by functions of our own; it imports nothing and calls nothing that the
file names. An opcode or a name outside its tables ends the reading.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sway.core.errors import SwayError

MAX_BYTES = 16 * 2**20
MAX_OPS = 4_000_000

_PLAIN_KEYS = (str, int, float, type(None))


class PickleFault(SwayError):
    """The pickle is damaged, or asks for something that reading data does not need."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name that a pickle refers to, and the function of ours that stands in for calling it, if any may."""

    name: str
    build: Callable[..., object] | None = None


class Opaque:
    """Stands for a value that nobody needs, such as a random generator's state."""


def read_pickle(data: bytes, names: Mapping[str, Name], persistent: Callable[[object], object]) -> object:
    """The value in `data`, with `names` ("module name") known and persistent ids resolved by `persistent`.

    Raises:
        PickleFault: the data is too long, damaged, or holds an unknown opcode or name.
    """
    if len(data) > MAX_BYTES:
        raise PickleFault(f"its index takes {len(data)} bytes, more than the {MAX_BYTES} allowed")
    machine = _Machine(data, names, persistent)
    try:
        return machine.run()
    except (IndexError, KeyError, ValueError, TypeError, AttributeError, struct.error) as fault:
        raise PickleFault(f"its index is damaged at byte {machine.at} ({type(fault).__name__})") from None


class _Machine:
    """The state of one reading: `stack` since the last mark, the stacks below it, and the memo."""

    def __init__(self, data: bytes, names: Mapping[str, Name], persistent: Callable[[object], object]) -> None:
        self.data, self.at = data, 0
        self.names, self.persistent = names, persistent
        self.stack: list[object] = []
        self.below: list[list[object]] = []
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        """Execute up to STOP."""
        data, steps = self.data, _STEPS
        for _ in range(MAX_OPS):
            code = data[self.at]
            self.at += 1
            if code == _STOP:
                return self.stack.pop()
            step = steps.get(code)
            if step is None:
                raise PickleFault(f"its index holds opcode {bytes([code])!r}, which plain data does not need")
            step(self)
        raise PickleFault(f"its index takes more than {MAX_OPS} steps")

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        start, end = self.at, self.at + count
        if end > len(self.data):
            raise IndexError
        self.at = end
        return self.data[start:end]

    def byte(self) -> int:
        """The next byte."""
        self.at += 1
        return self.data[self.at - 1]

    def number(self, form: struct.Struct) -> int:
        """The next number."""
        found: int = form.unpack_from(self.data, self.at)[0]
        self.at += form.size
        return found

    def line(self) -> str:
        """The text up to the next line break."""
        end = self.data.index(b"\n", self.at)
        return self.take(end + 1 - self.at)[:-1].decode()

    def to_mark(self) -> list[object]:
        """Everything since the last mark, which goes."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def known(self, module: str, name: str) -> Name:
        """A name from the table."""
        found = self.names.get(f"{module} {name}")
        if found is None:
            raise PickleFault(
                f"it refers to {module}.{name}, which is not plain data", mend="nothing of the file has been run"
            )
        return found

    def call(self) -> None:
        """Replace a name and its arguments by what our own function makes of them."""
        arguments, name = self.stack.pop(), self.stack.pop()
        if not isinstance(name, Name) or name.build is None or not isinstance(arguments, tuple):
            raise PickleFault("it calls something that is not plain data", mend="nothing of the file has been run")
        self.stack.append(name.build(*arguments))

    def fill(self, pairs: list[object]) -> None:
        """Put keys and values, one after the other in `pairs`, into the mapping on top."""
        target = self.stack[-1]
        if isinstance(target, Opaque):
            return
        if not isinstance(target, dict) or not all(isinstance(k, _PLAIN_KEYS) for k in pairs[::2]):
            raise PickleFault("it has a mapping whose keys are not plain")
        target.update(zip(pairs[::2], pairs[1::2], strict=True))

    def extend(self, items: list[object]) -> None:
        """Put items into the list on top."""
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError
        target.extend(items)


def _push(make: Callable[[_Machine], object]) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(make(m))


def _number(form: str) -> Callable[[_Machine], int]:
    """How to read one number; single bytes are by far the most."""
    parsed = struct.Struct(form)
    return _Machine.byte if form == "<B" else lambda m: m.number(parsed)


def _text(form: str) -> Callable[[_Machine], None]:
    size = _number(form)
    return lambda m: m.stack.append(m.take(size(m)).decode())


def _bytes(form: str) -> Callable[[_Machine], None]:
    size = _number(form)
    return lambda m: m.stack.append(m.take(size(m)))


def _store(form: str) -> Callable[[_Machine], None]:
    place = _number(form)
    return lambda m: m.memo.__setitem__(place(m), m.stack[-1])


def _recall(form: str) -> Callable[[_Machine], None]:
    place = _number(form)
    return lambda m: m.stack.append(m.memo[place(m)])


def _tuple(count: int) -> Callable[[_Machine], None]:
    def step(m: _Machine) -> None:
        if len(m.stack) < count:
            raise IndexError
        m.stack[-count:] = [tuple(m.stack[-count:])]

    return step


def _mark(m: _Machine) -> None:
    m.below.append(m.stack)
    m.stack = []


def _global(m: _Machine) -> None:
    module = m.line()
    m.stack.append(m.known(module, m.line()))


def _stack_global(m: _Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    m.stack.append(m.known(str(module), str(name)))


def _set_item(m: _Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    m.fill([key, value])


def _append(m: _Machine) -> None:
    item = m.stack.pop()
    m.extend([item])


def _marked_tuple(m: _Machine) -> None:
    items = tuple(m.to_mark())
    m.stack.append(items)


_STOP = ord(".")
_STEPS: dict[int, Callable[[_Machine], None]] = {
    ord(code): step
    for code, step in {
        "\x80": lambda m: m.take(1) and None,  # PROTO
        "\x95": lambda m: m.take(8) and None,  # FRAME
        "(": _mark,
        "N": _push(lambda _: None),
        "\x88": _push(lambda _: True),
        "\x89": _push(lambda _: False),
        "K": _push(_number("<B")),
        "M": _push(_number("<H")),
        "J": _push(_number("<i")),
        "\x8a": _push(lambda m: int.from_bytes(m.take(m.byte()), "little", signed=True)),  # LONG1
        "G": _push(lambda m: float(struct.unpack(">d", m.take(8))[0])),
        "X": _text("<I"),
        "\x8c": _text("<B"),
        "\x8d": _text("<Q"),
        "B": _bytes("<I"),
        "C": _bytes("<B"),
        "}": _push(lambda _: {}),
        "]": _push(lambda _: []),
        ")": _push(lambda _: ()),
        "\x85": _tuple(1),
        "\x86": _tuple(2),
        "\x87": _tuple(3),
        "t": _marked_tuple,
        "s": _set_item,
        "u": lambda m: m.fill(m.to_mark()),
        "a": _append,
        "e": lambda m: m.extend(m.to_mark()),
        "q": _store("<B"),
        "r": _store("<I"),
        "\x94": lambda m: m.memo.__setitem__(len(m.memo), m.stack[-1]),  # MEMOIZE
        "h": _recall("<B"),
        "j": _recall("<I"),
        "c": _global,
        "\x93": _stack_global,
        "R": lambda m: m.call(),
        "Q": lambda m: m.stack.append(m.persistent(m.stack.pop())),
        "b": lambda m: m.stack.pop() and None,  # BUILD: attributes of a value are of no use here
    }.items()
}
