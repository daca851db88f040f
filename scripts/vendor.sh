#!/usr/bin/env bash
# Fetches the third-party files of the web pages from npm, at the versions named here, and rebuilds the icon
# sprite from vendor/icons.txt. Only needed to update them or to add an icon: the results are in the repository.
set -euo pipefail

HTMX=htmx.org@2.0.11
TABLER=@tabler/core@1.6.1
ICONS=@tabler/icons-sprite@3.48.0

vendor=$(cd "$(dirname "$0")/../appliance/web/static/vendor" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

unpack() { # NAME@VERSION DIRECTORY; npm checks the registry's sha512
    mkdir "$scratch/$2"
    tar -xzf "$scratch/$(cd "$scratch" && npm pack --silent "$1")" -C "$scratch/$2" --strip-components=1
}

unpack "$HTMX" htmx
unpack "$TABLER" tabler
unpack "$ICONS" icons

cp "$scratch/htmx/dist/htmx.min.js" "$vendor/htmx.min.js"
cp "$scratch/htmx/LICENSE" "$vendor/htmx.LICENSE"
# The source map is not shipped, so neither is the comment that makes browsers ask for it.
sed '/^\/\*# sourceMappingURL=/d' "$scratch/tabler/dist/css/tabler.min.css" >"$vendor/tabler.min.css"
cp "$scratch/icons/LICENSE" "$vendor/icons.LICENSE"

{
    echo '<svg xmlns="http://www.w3.org/2000/svg">'
    while read -r icon; do
        grep -oP "<symbol id=\"tabler-$icon\".*?</symbol>" "$scratch/icons/dist/tabler-sprite.svg" ||
            { echo "no icon named $icon" >&2; exit 1; }
    done <"$vendor/icons.txt"
    echo '</svg>'
} >"$vendor/icons.svg"
