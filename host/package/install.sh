#!/bin/sh
# Install this tree below PREFIX (/usr/local if not given), or take it away again:
#
#     ./install.sh [PREFIX]
#     PREFIX/share/supervisor/install.sh --uninstall [PREFIX]
#
# With DESTDIR in the environment everything goes below that, for who makes a package. No config is touched and nothing
# is started.
set -eu

action=install
[ "${1-}" != --uninstall ] || { action=uninstall; shift; }
case "${1-}" in
    -*) echo "usage: $0 [--uninstall] [PREFIX]" >&2; exit 2 ;;
esac
prefix=${1:-/usr/local}
case "$prefix" in
    /*) ;;
    *) prefix=$PWD/$prefix ;;
esac
prefix=${prefix%/}
to=${DESTDIR-}$prefix
list=$to/share/supervisor/installed

if [ "$action" = uninstall ]; then
    [ -r "$list" ] || { echo "nothing is installed below $to: there is no $list" >&2; exit 1; }
    # The list is gone with the last of them.
    files=$(cat "$list")
    echo "$files" | while IFS= read -r file; do rm -f "$to/$file"; done
    rm -f "$list"
    for directory in share/supervisor share/doc/supervisor/examples share/doc/supervisor lib/supervisor; do
        rmdir "$to/$directory" 2>/dev/null || true
    done
    echo "removed from $prefix; configs, logs and what plugins keep are still there"
    exit 0
fi

cd "$(dirname "$0")"
[ -x bin/supervisord ] || { echo "run it in the folder that the tarball has made" >&2; exit 1; }
mkdir -p "$to/share/supervisor"
files=$(find bin lib share -type f)
# New files by a rename: a supervisord that runs from the old ones goes on with them until `supervisorctl upgrade`.
echo "$files" | while IFS= read -r file; do
    mkdir -p "$to/$(dirname "$file")"
    case "$file" in
        lib/systemd/*) sed "s#/usr/bin/#$prefix/bin/#g" "$file" >"$to/$file.new" ;;
        *) cp "$file" "$to/$file.new" ;;
    esac
    case "$file" in bin/*) chmod 755 "$to/$file.new" ;; *) chmod 644 "$to/$file.new" ;; esac
    mv -f "$to/$file.new" "$to/$file"
done
cp install.sh "$to/share/supervisor/install.sh.new"
mv -f "$to/share/supervisor/install.sh.new" "$to/share/supervisor/install.sh"
{ echo "$files"; echo share/supervisor/install.sh; } >"$list"

cat <<TEXT
installed below $prefix
  a config to start from:    $prefix/share/supervisor/supervisord.conf, or echo_supervisord_conf
  check one:                 $prefix/bin/supervisord -c FILE --check-config text
  under systemd:             systemctl enable --now $prefix/lib/systemd/system/supervisor.service
  a supervisord that runs:   $prefix/bin/supervisorctl upgrade
  take it away again:        $prefix/share/supervisor/install.sh --uninstall $prefix
TEXT
