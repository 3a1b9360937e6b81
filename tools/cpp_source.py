"""Reads C++ as far as the rules of the house need it: files, code without comments and strings,
includes, and where functions begin and end."""

import re
from dataclasses import dataclass, field
from pathlib import Path

CPP_FOLDERS = ("src", "include", "tests", "fuzz", "bench", "examples")
SKIPPED_FOLDERS = {"build", "__pycache__"}

# Raw strings first: inside one nothing else means anything. A number takes its digit separators
# along, so that 10'000 does not open a character literal.
_TOKEN = re.compile(
    r"""
      (?P<raw>(?:u8|u|U|L)?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
    | (?P<line>//(?:\\\n|[^\n])*)
    | (?P<block>/\*.*?\*/)
    | (?P<string>"(?:\\.|[^"\\\n])*")
    | (?P<number>\.?\d(?:[eEpP][+-]|'?[\w.])*)
    | (?P<char>'(?:\\.|[^'\\\n])+')
    | (?P<word>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
_INCLUDE = re.compile(r"""^\s*\#\s*include\s*(?:"(?P<own>[^"]+)"|<(?P<other>[^>]+)>)""")


def cpp_files(root):
    """Every .h and .cpp of the project below `root`, sorted."""
    found = []
    for folder in CPP_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            hidden = any(part.startswith(".") or part in SKIPPED_FOLDERS for part in parts)
            if path.suffix in (".h", ".cpp") and path.is_file() and not hidden:
                found.append(path)
    return found


def _spaces(text):
    return re.sub(r"[^\n]", " ", text)


@dataclass
class Include:
    line: int
    name: str
    own: bool  # written with quotes


@dataclass
class Source:
    """One file; `code` and `comments` are as long as `text`, line for line."""

    path: str  # relative to the project, with '/'
    text: str
    code: str = ""
    comments: str = ""
    includes: list = field(default_factory=list)

    @classmethod
    def read(cls, root, path):
        return cls.of(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))

    @classmethod
    def of(cls, path, text):
        source = cls(path, text)
        code, comments, end = [], [], 0
        for token in _TOKEN.finditer(text):
            between, body = text[end:token.start()], token.group()
            end = token.end()
            code.append(between)
            comments.append(_spaces(between))
            kind = token.lastgroup if token.lastgroup != "mark" else "raw"
            if kind in ("line", "block"):
                code.append(_spaces(body))
                comments.append(body)
                continue
            comments.append(_spaces(body))
            if kind in ("raw", "string", "char"):
                code.append(body[0] + _spaces(body[1:-1]) + body[-1])
            else:
                code.append(body)
        source.code = "".join(code) + text[end:]
        source.comments = "".join(comments) + _spaces(text[end:])
        source.includes = list(source._find_includes())
        return source

    def _find_includes(self):
        for number, (code, line) in enumerate(zip(self.code_lines(), self.text.split("\n")), 1):
            match = _INCLUDE.match(line) if code.lstrip().startswith("#") else None
            if match:
                yield Include(number, match["own"] or match["other"], match["own"] is not None)

    def code_lines(self):
        return self.code.split("\n")

    def comment_lines(self):
        return self.comments.split("\n")


@dataclass
class Function:
    name: str
    first_line: int
    last_line: int
    begin: int  # offset in the code

    @property
    def lines(self):
        return self.last_line - self.first_line + 1


_ATTRIBUTE = re.compile(r"\[\[.*?\]\]|\balignas\s*\([^()]*\)|\b__attribute__\s*\(\(.*?\)\)", re.DOTALL)
_TYPE = re.compile(r"^(?:typedef\s+|static\s+|inline\s+|constexpr\s+|const\s+)*"
                   r"(?:class|struct|union|enum)\b")
_OPERATOR = re.compile(r"\boperator\s*(?:\(\s*\)|\[\s*\]|[^\s\w(]+)")
_AFTER_PARAMETERS = re.compile(r"(?:\)|\b(?:const|noexcept|override|final|mutable|try)|&)$")
_LAMBDA_HEAD = re.compile(r"\](?:\s*<[^{}]*>)?\s*(?:\((?:[^()]|\([^()]*\))*\)[^;{}()]*"
                          r"(?:noexcept\s*\([^()]*\)[^;{}()]*)?)?$", re.DOTALL)


def _without_groups(text, opening, closing):
    """`text` without what stands between the brackets, which stay. '->' and '>=' close nothing."""
    kept, depth = [], 0
    for at, char in enumerate(text):
        if char == closing and not (closing == ">" and at and text[at - 1] in "-="):
            depth = max(0, depth - 1)
        if depth == 0:
            kept.append(char)
        if char == opening:
            depth += 1
    return "".join(kept)


def _after_group(text, opening, closing):
    """What follows the first group of these brackets."""
    depth = 0
    for at, char in enumerate(text):
        if char == opening:
            depth += 1
        elif char == closing and not (closing == ">" and text[at - 1] in "-="):
            depth -= 1
            if depth == 0:
                return text[at + 1:].lstrip()
    return text


def _without_template_prefix(head):
    while re.match(r"template\s*<", head):
        head = _after_group(head, "<", ">")
        if re.match(r"requires\s*\(", head):
            head = _after_group(head, "(", ")")
    return head


def _kind_of_block(head, in_parentheses):
    """What the '{' behind `head` opens outside of functions: a scope, a function or a value."""
    if _LAMBDA_HEAD.search(head) and re.search(r"(?:=|\(|,|return|\{|^)\s*\[[^\[\]]*\]", head):
        return "function"
    if in_parentheses:
        return "value"
    head = _without_template_prefix(_ATTRIBUTE.sub("", head).strip())
    flat = _without_groups(_OPERATOR.sub("operator ", head), "(", ")")
    if re.match(r"(?:inline\s+)?namespace\b|extern\s*\"\s*\"$", head) or not head:
        return "scope"
    if _TYPE.match(head) and "(" not in flat:
        return "scope"
    # "requires" keeps its expressions, which may hold anything.
    if re.search(r"\)\s*(?:->|requires\b)", flat):
        return "function"
    if "=" in re.sub(r"[=!<>]=", "", _without_groups(flat, "<", ">")):
        return "value"
    if re.search(r"\)[^:]*(?<!:):(?!:)", flat) and not re.search(r"[)}]$", flat):
        return "value"  # a member's initial value in a constructor's list
    if "(" in flat and (_AFTER_PARAMETERS.search(flat) or flat.endswith("}")):
        return "function"
    return "value"


def _name_of_function(head):
    head = _without_template_prefix(_ATTRIBUTE.sub("", head).strip())
    head = re.sub(r"^(?:(?:public|private|protected)\s*:\s*)+", "", head)
    test = re.match(r"(?:TEST|TEST_F|TEST_P|TYPED_TEST)\s*\(([^()]*)\)", head)
    if test:
        return ".".join(part.strip() for part in test[1].split(","))
    operator = re.search(r"[\w:~<>]*\boperator\s*(?:\(\s*\)|[^\s(]+)", head)
    if operator:
        return operator.group()
    bound = re.search(r"(\w+)\s*=\s*\[", head)
    if bound:
        return bound[1]
    name = re.search(r"([~\w]+(?:<[^<>()]*>)?(?:::[~\w]+)*)\s*\(", head)
    return name[1] if name else "lambda"


class _Scanner:
    """Walks the code brace by brace. `blocks` holds what is open; the head is the text since the
    last statement or block ended at this level."""

    def __init__(self, code):
        self.code = code
        self.blocks = []  # [kind, bracket, where the enclosing head began]
        self.saved = []  # blocks at each open #if: every branch begins from the same
        self.head_start = 0
        self.functions = []

    def run(self):
        for token in re.finditer(r"^[ \t]*#(?:\\\n|[^\n])*|[{}();]|(?<!:):(?!:)", self.code, re.MULTILINE):
            text = token.group()
            if "#" in text:
                self._directive(text, token.end())
            elif text in "{(":
                self._open(text, token.start())
            elif text in "})":
                self._close(text, token.start())
            elif text == ";" and not self._in("(") and not self._in_function():
                self.head_start = token.end()
            elif text == ":" and re.search(r"\b(?:public|private|protected)\s*$",
                                           self.code[self.head_start:token.start()]):
                self.head_start = token.end()
        return self.functions, not self.blocks

    def _in(self, bracket):
        return bool(self.blocks) and self.blocks[-1][1] == bracket

    def _in_function(self):
        return any(block[0] in ("function", "inner") for block in self.blocks)

    def _directive(self, text, end):
        word = re.match(r"\s*#\s*(\w*)", text)[1]
        if word in ("if", "ifdef", "ifndef"):
            self.saved.append([list(block) for block in self.blocks])
        elif word in ("else", "elif") and self.saved:
            self.blocks = [list(block) for block in self.saved[-1]]
        elif word == "endif" and self.saved:
            self.saved.pop()
        if not self._in_function() and not self._in("("):
            self.head_start = end

    def _open(self, bracket, at):
        if self._in_function():
            kind = "inner"
        elif bracket == "(":
            kind = "value"
        elif self.blocks and self.blocks[-1][0] == "value" and not self._is_lambda(at):
            kind = "value"
        else:
            kind = _kind_of_block(self.code[self.head_start:at].strip(), self._in("("))
        self.blocks.append([kind, bracket, self.head_start, at])
        if kind == "scope":
            self.head_start = at + 1

    def _is_lambda(self, at):
        return _kind_of_block(self.code[self.head_start:at].strip(), True) == "function"

    def _close(self, bracket, at):
        if not self.blocks:
            return
        kind, _, head_start, opened = self.blocks.pop()
        if kind == "function" or (kind == "value" and self._holds_statements(bracket, opened, at)):
            self._add(head_start, opened, at)
        nested = any(block[0] != "scope" for block in self.blocks)
        if bracket == "}" and kind in ("scope", "function") and not nested:
            self.head_start = at + 1

    def _holds_statements(self, bracket, opened, at):
        """Whether a block taken for a value must be code after all: nothing so long stays unseen."""
        within = self.functions and self.functions[-1].first_line >= self._line(opened)
        return bracket == "}" and not within and ";" in self.code[opened:at]

    def _add(self, head_start, opened, at):
        head = self.code[head_start:opened]
        begin = head_start + len(head) - len(head.lstrip())
        if self.functions and self.functions[-1].begin == begin:
            self.functions.pop()  # a lambda in the head of this function
        self.functions.append(
            Function(_name_of_function(head), self._line(begin), self._line(at), begin))

    def _line(self, offset):
        return self.code.count("\n", 0, offset) + 1


def functions(source):
    """The functions of a file, members and lambdas at namespace or class level included (what is
    nested in a function counts as part of it), and whether all brackets were balanced."""
    return _Scanner(source.code).run()
