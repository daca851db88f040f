#!/bin/bash
# Writes a Debian root file system for terminals and Python as a tar to $1. Needs root, mmdebstrap and a Debian mirror.
set -euo pipefail
out=$1
suite=bookworm

# The mirror that this host uses itself, if that is one of Debian's; unknown before its first `apt-get update`.
mirror_of() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" "Label: $2" 2>/dev/null |
        grep -m1 -E '^https?://' || echo "$3"
}
main=$(mirror_of "$suite" Debian http://deb.debian.org/debian/)
security=$(mirror_of "$suite-security" Debian-Security http://deb.debian.org/debian-security/)

# mmdebstrap ignores the host's apt.conf; behind a proxy that stands only there it would reach nothing.
options=()
for scheme in http https; do
    eval "$(apt-config shell proxy "Acquire::$scheme::Proxy")"
    [ -z "${proxy:-}" ] || options+=("--aptopt=Acquire::$scheme::Proxy \"$proxy\"")
    unset proxy
done

# Options given to dpkg stay in the image, so packages that a user installs later come without manuals as well.
exec mmdebstrap --variant=minbase --format=tar "${options[@]}" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt=force-unsafe-io \
    --include=bash,bzip2,ca-certificates,curl,git,iproute2,less,nano,openssh-client,procps,python3,python3-pip \
    --include=python3-venv,unzip,xz-utils \
    "$suite" "$out" \
    "deb $main $suite main" \
    "deb $main $suite-updates main" \
    "deb $security $suite-security main"
