#!/bin/sh
# Starts a binary of cross/build.sh under qemu-user and logs in: cross/qemu.sh NAME.
# Needs qemu-user-static and python3. The server runs in memory, on a port that the system chooses.
set -eu

cd "$(dirname "$0")/.."
name=${1:?usage: cross/qemu.sh NAME}
binary=target/cross/meerkat-$name
case $name in
    x86_64) qemu="" ;;
    aarch64) qemu="qemu-aarch64-static" ;;
    *) echo "cross/qemu.sh: no emulator is known for $name" >&2; exit 2 ;;
esac

folder=$(mktemp -d)
server=
stop() {
    [ -z "$server" ] || kill -TERM "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT

$qemu "$binary" version
$qemu "$binary" dev --set 'listen.c2s=["127.0.0.1:0"]' > "$folder/out" 2> "$folder/err" &
server=$!

tries=0
until grep -q '^ready' "$folder/out"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "cross/qemu.sh: the server does not get ready" >&2
        cat "$folder/err" >&2
        exit 1
    fi
    sleep 0.1
done
port=$(sed -n 's/^ready 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$folder/out" | head -1)
python3 cross/login.py 127.0.0.1 "$port" alice alice localhost

kill -TERM "$server"
wait "$server" || { echo "cross/qemu.sh: the server does not stop cleanly" >&2; exit 1; }
server=
echo "cross/qemu.sh: $name works"
