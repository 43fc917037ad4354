"""What a document claims: paths, `make` targets, `kaiho` commands, Python modules."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import click

from tests.gate.tracked import is_ignored, tracked_files
from tests.servers.processes import ROOT

_FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
_SUFFIXES = {
    ".css",
    ".html",
    ".ini",
    ".js",
    ".json",
    ".lock",
    ".md",
    ".mako",
    ".py",
    ".sh",
    ".toml",
    ".txt",
    ".yml",
}
_PATH = re.compile(r"[\w.@*-]+(?:/[\w.@*-]+)*/?")


def code_of(text: str) -> list[str]:
    """Every line of a fenced block and every code span, in order."""
    lines = [line for block in _FENCE.findall(text) for line in block.splitlines()]
    return lines + _SPAN.findall(_FENCE.sub("", text))


def paths_of(text: str) -> Iterator[str]:
    """What is written as a path of this repository: code spans that look like one, and relative links."""
    spans = _SPAN.findall(_FENCE.sub("", text))
    links = [link for link in _LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]
    tops = {name.split("/")[0] for name in tracked_files()}
    for token in spans:
        if not _PATH.fullmatch(token):
            continue
        path = PurePosixPath(token)
        is_ours = "/" in token and (
            token.endswith("/") or path.parts[0] in tops or is_ignored(path.parts[0] + "/")
        )
        if is_ours or path.suffix in _SUFFIXES or token in tops:
            yield token
    yield from links


def path_exists(path: str) -> bool:
    """Whether a path, a pattern with `*`, or the end of a longer path names something of ours.

    What set-up and running programs make (git ignores it) counts as existing.
    """
    bare = path.removeprefix("./").rstrip("/")
    if any(ROOT.glob(bare)):
        return True
    if any(name.endswith("/" + bare) or f"/{bare}/" in f"/{name}" for name in tracked_files()):
        return True
    return is_ignored(bare) or is_ignored(bare + "/")


def wrong_commands(line: str, cli: click.Command, make_targets: set[str]) -> list[str]:
    """What a line of code asks of `make`, `kaiho` or `python -m` that does not exist."""
    wrong = [f"make {target}" for target in _make_targets(line) if target not in make_targets]
    for match in re.finditer(r"(?:^|[\s/;&|])kaiho((?: +[^\s;&|#`]+)+)", line):
        wrong += _wrong_words(cli, match.group(1).split())
    for module in re.findall(r"python3? -m ([\w.]+)", line):
        if importlib.util.find_spec(module) is None:
            wrong.append(f"python -m {module}")
    return wrong


def _make_targets(line: str) -> list[str]:
    return [
        word
        for words in re.findall(r"(?:^|[;&|] *)make((?: +[\w=.'-]+)+)", line)
        for word in words.split()
        if "=" not in word and re.fullmatch(r"[a-z][a-z-]*", word)
    ]


def _wrong_words(command: click.Command, words: list[str]) -> list[str]:
    """Walk into groups word by word; then each option must be one the command takes."""
    wrong, said = [], "kaiho"
    for word in words:
        if word.startswith("--"):
            options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            if word.partition("=")[0] not in options:
                wrong.append(f"{said} {word}")
        elif isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]*", word):
            said = f"{said} {word}"
            if word not in command.commands:
                return [*wrong, said]
            command = command.commands[word]
    return wrong
