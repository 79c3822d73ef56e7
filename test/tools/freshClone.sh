#!/usr/bin/env bash
# A newcomer's machine, as near as this one gets to it: a clone in an empty directory, an empty home, nothing in the
# environment but PATH and what a network needs. Runs `npx -y pnpm@12 SCRIPT` for each SCRIPT (default: demo test) and
# says how each went; `hour` stands for every command of the README and the guides, typed in order into one terminal.
# `--work-tree` takes the files as they lie here instead of the last commit.
set -uo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work_tree=no
if [ "${1:-}" = --work-tree ]; then
  work_tree=yes
  shift
fi
[ "$#" -gt 0 ] || set -- demo test

place=$(mktemp -d "${TMPDIR:-/tmp}/fresh-XXXXXX")
trap 'chmod -R u+rwX "$place"; rm -rf "$place"' EXIT
chmod 755 "$place"
mkdir "$place/home" "$place/tmp"

git_here() { git -c safe.directory="$source_dir" -c safe.directory="$source_dir/.git" "$@"; }
if [ "$work_tree" = yes ]; then
  mkdir "$place/clone"
  (cd "$source_dir" && git_here ls-files -co --exclude-standard -z | xargs -0 ls -d 2>/dev/null | tar c -T -) | tar x -C "$place/clone"
  (cd "$place/clone" && git init -q && git add -A && git -c user.name=x -c user.email=x@example.org commit -qm x)
else
  git_here clone -q --no-hardlinks "$source_dir" "$place/clone" || exit 1
fi

# Certificates and proxies are how this network is reached; everything else of the caller's environment is left out. The
# devboxes of the clone are kept beside it: root's would go where this machine's own are.
kept=()
for name in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy NODE_EXTRA_CA_CERTS SSL_CERT_FILE SSL_CERT_DIR \
  CI EFFECT_DEVBOX_SUMMARY EFFECT_DEVBOX_BUBBLEWRAP; do
  [ -n "${!name:-}" ] && kept+=("$name=${!name}")
done

# The directories of a plain system, and the one that npx is in; not the caller's own Node.
plain="$(dirname "$(command -v npx)"):/usr/local/bin:/usr/bin:/bin"

failed=0
for script in "$@"; do
  title="npx -y pnpm@12 $script"
  typed=(npx -y pnpm@12 "$script")
  if [ "$script" = hour ]; then
    title="the README and the guides, in order"
    # It stops at the first command that fails, and shows each before it runs.
    typed=(bash -ev "$place/hour")
    node "$source_dir/test/readme/newcomer.ts" >"$place/hour" || exit 1
  fi
  echo "-- $title ($(date -u +%F), node $(PATH="$plain" node --version), empty home)"
  started=$SECONDS
  (cd "$place/clone" && env -i PATH="$plain" HOME="$place/home" \
    TMPDIR="$place/tmp" EFFECT_DEVBOX_STATE_DIR="$place/state" TERM=dumb ${kept[@]+"${kept[@]}"} "${typed[@]}" </dev/null 2>&1)
  code=$?
  echo "-- $title: exit status $code after $((SECONDS - started)) s"
  [ "$code" = 0 ] || failed=1
done

# Compilers keep a cache of their own code there.
left=$(ls -A "$place/tmp" | grep -vx node-compile-cache)
if [ -n "$left" ]; then
  echo "-- left in the temporary directory: $left"
  failed=1
fi
exit "$failed"
