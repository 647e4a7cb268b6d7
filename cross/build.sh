#!/bin/sh
# Builds one static binary from this clone: cross/build.sh TARGET... (see cross/README.md).
# Needs rustup, python3 with venv, and readelf; everything else is fetched in the pinned versions below.
set -eu

ZIGBUILD=0.24.0
ZIG=0.17.1

cd "$(dirname "$0")/.."
tools=${CROSS_TOOLS:-target/cross-tools}
output=target/cross

fail() {
    echo "cross/build.sh: $*" >&2
    exit 1
}

usage() {
    echo "usage: cross/build.sh TARGET..., where TARGET is one of: $(names)" >&2
    exit 2
}

# The short names of size.txt, on one line.
names() {
    sed -n 's/^\([a-z0-9_]*\) .*/\1/p' cross/size.txt | tr '\n' ' '
}

# The line of size.txt for a short name: NAME TRIPLE BYTES.
entry() {
    sed -n "s/^$1 \{1,\}//p" cross/size.txt
}

install_tools() {
    marker="$tools/zigbuild-$ZIGBUILD-zig-$ZIG"
    [ -f "$marker" ] && return
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet "cargo-zigbuild==$ZIGBUILD" "ziglang==$ZIG"
    : > "$marker"
}

install_std() {
    sysroot=$(rustc --print sysroot)
    [ -d "$sysroot/lib/rustlib/$1/lib" ] && return
    rustup target add "$1" || fail "no standard library for $1; is rustup able to download it?"
}

check_static() {
    readelf --program-headers "$1" | grep -q INTERP && fail "$1 wants a loader: it is not static"
    readelf --dynamic "$1" | grep -q NEEDED && fail "$1 wants libraries: it is not static"
    return 0
}

build() {
    set -- "$1" $(entry "$1")
    [ $# -eq 3 ] || usage
    name=$1 triple=$2 budget=$3

    install_std "$triple"
    cargo-zigbuild zigbuild --locked --release --target "$triple"
    mkdir -p "$output"
    binary="$output/meerkat-$name"
    cp "${CARGO_TARGET_DIR:-target}/$triple/release/meerkat" "$binary"

    check_static "$binary"
    bytes=$(wc -c < "$binary")
    echo "$binary: static, $bytes bytes of $budget"
    [ "$bytes" -le "$budget" ] || fail "$binary is larger than cross/size.txt allows"
}

[ $# -ge 1 ] || usage
for name in "$@"; do
    case " $(names)" in *" $name "*) ;; *) usage ;; esac
done
install_tools
PATH="$(cd "$tools/bin" && pwd):$PATH"
export PATH
for name in "$@"; do
    build "$name"
done
