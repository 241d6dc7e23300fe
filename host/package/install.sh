#!/bin/sh
# Install this tree below PREFIX (/usr/local if not given), or take it away again:
#
#     ./install.sh [PREFIX]
#     PREFIX/share/supervisor/install.sh --uninstall [PREFIX]
#
# With DESTDIR in the environment everything goes below that, for who makes a package. No config is touched and nothing
# is started.
#
# A file that stands in the way and was not installed by this script is kept as NAME.orig, and comes back with
# --uninstall. A unit and a config that were edited stay as they are; the new ones stand beside them as NAME.new.
set -eu

action=install
[ "${1-}" != --uninstall ] || { action=uninstall; shift; }
case "${1-}" in
    -*) echo "usage: $0 [--uninstall] [PREFIX]" >&2; exit 2 ;;
esac
own=$(cd "$(dirname "$0")" && pwd)
destdir=${DESTDIR-}
case "$destdir" in
    '' | /*) ;;
    *) destdir=$PWD/$destdir ;;
esac
destdir=${destdir%/}
default=/usr/local
if [ "$action" = uninstall ]; then
    case "$own" in
        "$destdir/share/supervisor") default=/ ;;
        "$destdir"/*/share/supervisor) default=${own%/share/supervisor} default=${default#"$destdir"} ;;
    esac
fi
prefix=${1:-$default}
case "$prefix" in
    /*) ;;
    *) prefix=$PWD/$prefix ;;
esac
prefix=${prefix%/}
to=$destdir$prefix
list=$to/share/supervisor/installed
# Checksums of the files that may be edited, as they were installed.
sums=$to/share/supervisor/installed.sums
# Files of an installation that has not come to its end.
begun=$to/share/supervisor/installed.begun
old=$(cat "$list" "$begun" 2>/dev/null | sort -u)

is_there() { [ -e "$1" ] || [ -L "$1" ]; }
sum() { cksum <"$1"; }

# Say whether a file was installed and is another now.
is_edited() { [ -f "$to/$1" ] && [ -r "$sums" ] && ! grep -qxF "$1 $(sum "$to/$1")" "$sums"; }

may_be_edited() {
    case "$1" in
        lib/systemd/* | share/supervisor/supervisord.conf) return 0 ;;
        *) return 1 ;;
    esac
}

# Remove an installed file, unless it was edited, and put back the one that was there before.
remove() {
    if may_be_edited "$1" && is_edited "$1"; then
        echo "kept, since it was edited: $prefix/$1"
        ! is_there "$to/$1.orig" || echo "not put back for that reason: $prefix/$1.orig"
    else
        rm -f "$to/$1"
    fi
    if may_be_edited "$1"; then rm -f "$to/$1.new"; fi
    if is_there "$to/$1.orig" && ! is_there "$to/$1"; then
        mv "$to/$1.orig" "$to/$1"
        echo "put back: $prefix/$1"
    fi
}

if [ "$action" = uninstall ]; then
    [ -n "$old" ] || { echo "nothing is installed below $to: there is no $list" >&2; exit 1; }
    printf '%s\n' "$old" | while IFS= read -r file; do remove "$file"; done
    rm -f "$list" "$sums" "$begun"
    for directory in share/supervisor share/doc/supervisor/examples share/doc/supervisor lib/supervisor; do
        rmdir "$to/$directory" 2>/dev/null || true
    done
    echo "removed from $prefix; configs, logs and what plugins keep are still there"
    exit 0
fi

cd "$own"
[ -x bin/supervisord ] || { echo "run it in the folder that the tarball has made" >&2; exit 1; }
mkdir -p "$to/share/supervisor"
files=$(find bin lib share -type f; echo share/supervisor/install.sh)

# Say whether something stands in the way of a file.
is_in_the_way() { is_there "$to/$1" && ! printf '%s\n' "$old" | grep -qxF "$1"; }

echo "$files" | while IFS= read -r file; do
    if is_in_the_way "$file" && is_there "$to/$file.orig"; then
        echo "$to/$file is not of this package, and there is a $to/$file.orig: move one of them away" >&2
        exit 1
    fi
done
escaped=$(printf '%s\n' "$prefix" | sed 's/[&#\]/\\&/g')
# New files by a rename: a supervisord that runs from the old ones goes on with them until `supervisorctl upgrade`.
: >"$sums.next"
echo "$files" | while IFS= read -r file; do
    mkdir -p "$to/$(dirname "$file")"
    new=$to/$file.installing
    case "$file" in
        share/supervisor/install.sh) cp install.sh "$new" ;;
        lib/systemd/*) sed "s#/usr/bin/#$escaped/bin/#g" "$file" >"$new" ;;
        *) cp "$file" "$new" ;;
    esac
    case "$file" in bin/* | *.sh) chmod 755 "$new" ;; *) chmod 644 "$new" ;; esac
    if is_in_the_way "$file"; then
        mv "$to/$file" "$to/$file.orig"
        echo "kept what was there: $prefix/$file.orig"
    fi
    printf '%s\n' "$file" >>"$begun"
    if may_be_edited "$file"; then
        printf '%s %s\n' "$file" "$(sum "$new")" >>"$sums.next"
        if is_edited "$file" && ! cmp -s "$new" "$to/$file"; then
            if grep -qxF "$file $(sum "$new")" "$sums"; then
                rm -f "$new"
                echo "kept, since it was edited: $prefix/$file"
            else
                mv -f "$new" "$to/$file.new"
                echo "kept, since it was edited: $prefix/$file; the new one is $prefix/$file.new"
            fi
            continue
        fi
        rm -f "$to/$file.new"
    fi
    mv -f "$new" "$to/$file"
done
# What the version before had and this one has not.
printf '%s\n' "$old" | while IFS= read -r file; do
    [ -z "$file" ] || printf '%s\n' "$files" | grep -qxF "$file" || remove "$file"
done
mv -f "$sums.next" "$sums"
echo "$files" >"$list.next"
mv -f "$list.next" "$list"
rm -f "$begun"

cat <<TEXT
installed below $prefix
  a config to start from:    $prefix/share/supervisor/supervisord.conf, or echo_supervisord_conf
  check one:                 $prefix/bin/supervisord -c FILE --check-config text
  under systemd:             systemctl enable --now $prefix/lib/systemd/system/supervisor.service
  a supervisord that runs:   $prefix/bin/supervisorctl upgrade
  take it away again:        $prefix/share/supervisor/install.sh --uninstall
TEXT
