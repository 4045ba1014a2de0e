"""Mutants of C++ text: each one operator, constant, condition, call or statement that is another. Used by mutate.py."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What is no code of the program, or only words of it, in the order in which it is looked for.
BLANKED = re.compile(
    r"""//[^\n]*
    | /\*.*?\*/
    | R"(?P<end>[^(\s]*)\(.*?\)(?P=end)"
    | "(?:\\.|[^"\\\n])*"
    | '(?:\\.|[^'\\\n])+'(?<!\d')
    | ^[ \t]*\#(?:\\\n|[^\n])*
    | ^[ \t]*template[ ]<[^\n]*""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
# Asserts of what cannot be otherwise: no test can reach them.
ASSERTS = re.compile(r"\b(?:TORCH_INTERNAL_ASSERT(?:_DEBUG_ONLY)?|static_assert)\(")
CHECKS = re.compile(r"\bTORCH_CHECK(?:_\w+)?\(")

OTHER_OPERATORS = {
    "<": ["<=", ">="],
    "<=": ["<", ">"],
    ">": [">=", "<="],
    ">=": [">", "<"],
    "==": ["!="],
    "!=": ["=="],
    "+": ["-"],
    "-": ["+"],
    "*": ["/"],
    "/": ["*"],
    "%": ["*"],
    "+=": ["-=", "="],
    "-=": ["+=", "="],
    "*=": ["/=", "="],
    "/=": ["*=", "="],
    "&&": ["||"],
    "||": ["&&"],
}
# An operator of two sides stands between blanks (clang-format); what takes a type or one side does not.
OPERATOR = re.compile(r"(?<=\s)(?:[<>=!]=|[-+*/]=|&&|\|\||[-+*/%<>])(?=\s)")
INTEGER = re.compile(r"(?<![\w.])\d+(?![\w.'])")
REAL = re.compile(r"(?<![\w.])\d+(?:\.\d*)?(?:e-?\d+)?(?![\w.'])")
OTHER_WORDS = [
    (re.compile(pattern), other)
    for pattern, other in (
        (r"\btrue\b", "false"),
        (r"\bfalse\b", "true"),
        (r"\bstd::min\b", "std::max"),
        (r"\bstd::max\b", "std::min"),
        (r"\bstd::sqrt(?=\()", ""),
        (r"(?<=[\s(])!(?=[\w(])", ""),
        (r"(?<=[\s(,])-(?=[\w(])", ""),
        (r"\bbreak;", "continue;"),
        (r"\bcontinue;", "break;"),
        (r"\.add(?=_?\()", ".sub"),
        (r"\.sub(?=_?\()", ".add"),
        (r"\.mul(?=_?\()", ".div"),
        (r"\.div(?=_?\()", ".mul"),
        (r"\.amax(?=\()", ".amin"),
        (r"\.amin(?=\()", ".amax"),
        (r"\.max(?=\(\))", ".min"),
        (r"\.min(?=\(\))", ".max"),
        (r"\.all(?=\()", ".any"),
        (r"\.any(?=\()", ".all"),
        (r"\.(?:abs|conj|isfinite|logical_not|neg|sqrt|square|t)\(\)", ""),
    )
]
CONDITION = re.compile(r"\b(?:if|while) \(")
# A call or an assignment on a line of its own; with a type before it, it declares something that is needed.
STATEMENT = re.compile(r"^[ ]+(?!return\b)(?:[\w:.\[\]()*]|->)+(?:\([^\n]*\)| [-+*/]?= [^\n]*);$", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """`text[begin:end]` of a file becomes `other`."""

    path: str
    begin: int
    end: int
    other: str
    line: int
    identity: str  # by what its line says, so that it stays the same where the file changes elsewhere

    def applied(self, text: str) -> str:
        """Return the file's text with the mutant in it."""
        return text[: self.begin] + self.other + text[self.end :]


def closing(code: str, opening: int) -> int:
    """Return where the bracket closes that opens at `opening`."""
    depth = 0
    for place in range(opening, len(code)):
        depth += (code[place] in "([{") - (code[place] in ")]}")
        if depth == 0:
            return place
    raise ValueError("a bracket that does not close")


def first_argument_end(code: str, opening: int) -> int:
    """Return where the first argument of the call ends whose bracket opens at `opening`."""
    depth = 0
    end = closing(code, opening)
    for place in range(opening, end):
        depth += (code[place] in "([{") - (code[place] in ")]}")
        if depth == 1 and code[place] == ",":
            return place
    return end


def code_of(text: str) -> str:
    """Return the text with blanks in place of comments, strings, directives, asserts and messages; lengths stay."""

    def blank(piece: str) -> str:
        return re.sub(r"[^\n]", " ", piece)

    code = BLANKED.sub(lambda found: blank(found[0]), text)
    for found in ASSERTS.finditer(code):
        end = closing(code, found.end() - 1)
        code = code[: found.start()] + blank(code[found.start() : end]) + code[end:]
    for found in CHECKS.finditer(code):
        begin, end = first_argument_end(code, found.end() - 1), closing(code, found.end() - 1)
        code = code[:begin] + blank(code[begin:end]) + code[end:]
    return code


def changes(code: str) -> Iterator[tuple[int, int, str]]:
    """Yield begin, end and replacement of every mutant."""
    for found in OPERATOR.finditer(code):
        for other in OTHER_OPERATORS.get(found[0], []):
            yield found.start(), found.end(), other
    for found in INTEGER.finditer(code):
        value = int(found[0])
        for other in {value + 1, max(value - 1, 0)} - {value}:
            yield found.start(), found.end(), str(other)
    for found in REAL.finditer(code):
        if "e" in found[0]:
            yield found.start(), found.end(), f"(1e3 * {found[0]})"
            yield found.start(), found.end(), f"(1e-3 * {found[0]})"
        elif "." in found[0]:
            yield found.start(), found.end(), f"(2 * {found[0]} + 1)"
    for pattern, other in OTHER_WORDS:
        for found in pattern.finditer(code):
            yield found.start(), found.end(), other
    for found in CONDITION.finditer(code):
        begin, end = found.end(), closing(code, found.end() - 1)
        if not re.search(r";| = ", code[begin:end]):
            yield begin, end, "false"
            if found[0].startswith("if"):
                yield begin, end, "true"
    for found in CHECKS.finditer(code):
        yield found.end(), first_argument_end(code, found.end() - 1), "true"
    for found in STATEMENT.finditer(code):
        if found[0].count("(") == found[0].count(")") and not CHECKS.search(found[0]):
            yield found.start() + len(found[0]) - len(found[0].lstrip()), found.end(), ";"


def mutants_of(root: Path, path: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of their places."""
    text = (root / path).read_text()
    result = []
    seen: dict[str, int] = {}
    for begin, end, other in sorted(set(changes(code_of(text)))):
        first = text.rfind("\n", 0, begin) + 1
        last = text.find("\n", end)
        label = "\0".join((path, text[first:last].strip(), text[first:begin].strip(), text[begin:end], other))
        seen[label] = seen.get(label, 0) + 1
        identity = hashlib.sha256(f"{label}\0{seen[label]}".encode()).hexdigest()[:12]
        result.append(Mutant(path, begin, end, other, text.count("\n", 0, begin) + 1, identity))
    return result
