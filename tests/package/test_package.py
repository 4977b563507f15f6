"""The Debian package: installed, set up, upgraded, removed and purged, as on a Debian 12."""

import gzip
import re
import sqlite3
import subprocess

from package.conftest import CONFIG, set_the_keys

JOURNAL = "/var/lib/muc-invite-relay/journal.db"
UNIT = "/usr/lib/systemd/system/muc-invite-relay.service"
USER = "muc-invite-relay"
DOCUMENTS = "/usr/share/doc/muc-invite-relay"
MODULE = "mod_muc_invite_relay"
EXPOSED = 11
"""Ten times what `systemd-analyze security` may find; docs/install.md names it."""


def run_the_relay(debian):
    """As the unit runs it, until it has found that there is no server; then it is stopped."""
    command = ["chroot", f"--userspec={USER}:{USER}", str(debian.root), "/usr/bin/muc-invite-relay", "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as relay:
        said = []
        for line in relay.stdout:
            said.append(line)
            if "can't be reached" in line:
                break
        assert debian.run("muc-invite-relay", "healthy", user=USER).startswith("alive: no connection: "), said
        relay.terminate()
    assert relay.returncode == 0


def test_installed(debian, package):
    said = debian.install(package)
    assert "systemctl enable --now muc-invite-relay" in said
    assert not debian.enabled(), "nobody has set it up yet"
    assert debian.owner_and_mode(CONFIG) == f"root:{USER} 640"
    assert debian.owner_and_mode("/etc/muc-invite-relay") == f"root:{USER} 750"
    assert debian.owner_and_mode("/var/lib/muc-invite-relay") == f"{USER}:{USER} 700"
    assert debian.run("getent", "passwd", USER).strip().endswith(":/var/lib/muc-invite-relay:/usr/sbin/nologin")

    set_the_keys(debian)
    assert "invites.example.org at 127.0.0.1:5347" in debian.run("muc-invite-relay", "check", "--offline", user=USER)
    assert 'Component "invites.example.org"' in debian.run("muc-invite-relay", "setup", "prosody", user=USER)
    run_the_relay(debian)
    assert debian.owner_and_mode(JOURNAL) == f"{USER}:{USER} 600"
    debian.run("muc-invite-relay", "backup", "/root/backup.db")
    assert debian.owner_and_mode("/root/backup.db") == "root:root 600"


def test_the_unit(installed):
    assert installed.run("systemd-analyze", "verify", "--man=no", UNIT) == ""
    installed.run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSED}", UNIT)


def test_the_manual_and_the_completions(installed):
    manual = installed.run("man", "muc-invite-relay")
    assert all(f"\n{heading}\n" in manual for heading in ("NAME", "COMMANDS", "FILES", "SIGNALS", "EXIT STATUS"))
    bash = (
        "source /usr/share/bash-completion/completions/muc-invite-relay; COMP_WORDS=(muc-invite-relay ba); COMP_CWORD=1; "
        "[[ $(complete -p muc-invite-relay) =~ -F\\ ([^ ]+) ]]; ${BASH_REMATCH[1]} muc-invite-relay ba muc-invite-relay; "
        "echo ${COMPREPLY[*]}"
    )
    assert installed.run("bash", "-c", bash) == "backup\n"
    zsh = "autoload -U compinit; compinit -D -u; autoload +X $_comps[muc-invite-relay]; which $_comps[muc-invite-relay]"
    assert "backup" in installed.run("zsh", "-fc", zsh)
    assert installed.run("fish", "-c", "complete -C 'muc-invite-relay ba'").startswith("backup\t")


LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_no_link_of_the_pages_leads_nowhere(installed):
    pages = sorted(installed.path(DOCUMENTS).rglob("*.md"))
    assert len(pages) > 40
    links = [(page, link) for page in pages for link in LINK.findall(page.read_text()) if ":" not in link]
    assert len(links) > 100
    assert [(str(page), link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_licences_of_all_that_is_built_in(installed):
    copyright = installed.path(f"{DOCUMENTS}/copyright").read_text()
    assert "License: MIT OR Apache-2.0" in copyright
    licences = gzip.decompress(installed.path(f"{DOCUMENTS}/third-party-licences.txt.gz").read_bytes()).decode()
    for library in ("tokio 1.", "sqlx-sqlite 0.", "libsqlite3-sys 0.", "xmpp-parsers 0.", "mimalloc 0."):
        assert f"\n{library}" in licences, library
    for text in ("Mozilla Public License Version 2.0", "Permission is hereby granted, free of charge"):
        assert text in licences, text


def test_the_module_for_ejabberd_is_laid_out_as_it_compiles_it(installed):
    folder = installed.path(f"/usr/share/muc-invite-relay/ejabberd-contrib/{MODULE}")
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    assert files == ["README.md", f"conf/{MODULE}.yml", f"{MODULE}.spec", f"src/{MODULE}.erl"]


def test_files_of_their_own_are_read(debian, package):
    debian.install(package)
    set_the_keys(debian)
    more = debian.path("/etc/muc-invite-relay/conf.d")
    more.mkdir(exist_ok=True)
    (more / "limits.toml").write_text('[limits]\nper_room = "7/1h"\n[relay]\nwindow = "soon"\n')
    said = debian.run("muc-invite-relay", "check", "--offline", code=2)
    assert "/etc/muc-invite-relay/conf.d/limits.toml:4: relay.window is" in said


def test_upgraded_removed_and_purged(debian, older_package, package):
    debian.install(older_package)
    set_the_keys(debian)
    run_the_relay(debian)
    # Inside, systemctl makes the link and asks nobody.
    debian.run("systemctl", "enable", "muc-invite-relay")
    assert debian.enabled()
    with sqlite3.connect(debian.path(JOURNAL)) as db:
        db.execute(
            "INSERT INTO history (id, received, settled, route, room, inviter, contact, state) VALUES (1, 0, 4e15, "
            "'addressed', 'tea@conference.example.org', 'alice@example.org', 'bob@example.org', 'relayed')"
        )
    db.close()
    configured = debian.path(CONFIG).read_text()

    said = debian.install(package)
    assert "systemctl" not in said, "it is set up already"
    assert debian.enabled()
    assert debian.path(CONFIG).read_text() == configured
    assert debian.owner_and_mode(CONFIG) == f"root:{USER} 640"
    run_the_relay(debian)
    assert "bob@example.org" in debian.run("muc-invite-relay", "history", user=USER)
    files = debian.run("dpkg", "--listfiles", "muc-invite-relay").splitlines()

    debian.run("dpkg", "--remove", "muc-invite-relay")
    assert debian.path(CONFIG).read_text() == configured
    assert debian.path(JOURNAL).exists()
    assert not debian.path("/usr/bin/muc-invite-relay").exists()

    debian.install(package)
    assert debian.enabled(), "as it was"
    assert debian.path(CONFIG).read_text() == configured

    debian.run("dpkg", "--purge", "muc-invite-relay")
    for gone in ("/etc/muc-invite-relay", "/var/lib/muc-invite-relay"):
        assert not debian.path(gone).exists()
    assert not debian.enabled()
    assert [file for file in files if "muc-invite-relay" in file and debian.path(file).exists()] == []
