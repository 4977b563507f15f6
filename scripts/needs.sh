# Sourced by the other scripts: makes sure that programs are there before they are used.

# need_debian [root]: a release that has been tried; as root, if that is asked for.
need_debian() {
    local codename name
    codename=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}")
    name=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-}")
    case $codename in
        bookworm | trixie) ;;
        *)
            echo "This needs Debian 12 or 13; here is ${name:-$(uname -s)}. A container of either will do." >&2
            return 1
            ;;
    esac
    if [[ ${1-} == root ]] && ! unshare --mount true 2>/dev/null; then
        echo "This needs root, with the right to mount: servers of other releases run in directories of their own." >&2
        return 1
    fi
}

# need_packages PACKAGE...: installs what is missing, as root on Debian; says what to do otherwise.
need_packages() {
    local package missing=()
    for package in "$@"; do
        [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        echo "Missing: ${missing[*]}. On Debian, as root: apt-get install ${missing[*]}" >&2
        return 1
    fi
    echo "Installing with apt-get: ${missing[*]}"
    # The servers are started by the tests alone: Debian's own services stay off.
    local policy=/usr/sbin/policy-rc.d made_policy=
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made_policy=yes
    fi
    local said result=0
    said=$({ apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${missing[@]}"; } </dev/null 2>&1) ||
        result=$?
    [[ -z $made_policy ]] || rm -f "$policy"
    ((result == 0)) || printf '%s\n' "$said" >&2
    return "$result"
}

# need_rust: there must be a toolchain already that is new enough; none is downloaded.
need_rust() {
    local least found
    least=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(rustc --version 2>/dev/null | cut -d' ' -f2)
    if command -v cargo >/dev/null && [[ -n $found ]] &&
        [[ $(printf '%s\n' "$least" "$found" | sort -V | head -n 1) == "$least" ]]; then
        return 0
    fi
    echo "Rust ${found:-is missing}: install Rust $least or later, for instance with https://rustup.rs" >&2
    return 1
}

# need_cargo_deb: built once, for the tests and packages of this user alone.
need_cargo_deb() {
    local root=${XDG_CACHE_HOME:-$HOME/.cache}/muc-invite-relay-tests/cargo
    PATH=$root/bin:$PATH
    command -v cargo-deb >/dev/null && return 0
    echo "Building cargo-deb (once; it takes some minutes) …"
    # Debug: it is not used often enough to be worth the time that optimising takes.
    cargo install cargo-deb@3.8.0 --locked --debug --quiet --no-default-features --root "$root"
}
