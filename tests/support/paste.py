"""The relay's side of a server as operators keep it: something is left out of it, and something is pasted into it.
Knows nothing of what it means."""

import re

import yaml


def without_lines(text: str, begin: str) -> str:
    """Prosody's configuration without the lines that begin so; there must be one."""
    shorter, count = re.subn(rf"^ *{re.escape(begin)}.*\n", "", text, flags=re.MULTILINE)
    assert count, f"muc-invite-relay setup no longer prints {begin!r}"
    return shorter


def without_last_line(text: str, begin: str) -> str:
    """The same, but only the last of them."""
    before, _, after = text.rpartition(begin)
    assert before, f"muc-invite-relay setup no longer prints {begin!r}"
    return before + after


def without_key(text: str, *path: str) -> str:
    """ejabberd's configuration without what stands there, which must be something."""
    document = yaml.safe_load(text)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return yaml.safe_dump(document)


def joined(text: str, lines: str) -> str:
    """ejabberd takes nothing twice: each part is added to the section of that name, in place of its like."""
    return yaml.safe_dump(_joined(yaml.safe_load(text), yaml.safe_load(lines)))


def _joined(old: object, new: object) -> object:
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: _joined(old.get(key), value) for key, value in new.items()}
    return new
