# Installing what the appliance and its tests need; sourced by `up` and `test`, under `set -euo pipefail`.
# Each function does nothing when there is nothing to do.

# nftables is for our firewall; netavark of Debian 12 still calls iptables.
PACKAGES="podman runc crun conmon netavark aardvark-dns catatonit iptables nftables iproute2 nginx-light git fcgiwrap
    mmdebstrap busybox-static ca-certificates python3 python3-venv openssl uidmap util-linux procps"
# Podman asks systemd for cgroups over D-Bus.
[ ! -d /run/systemd/system ] || PACKAGES+=" dbus"
STEP=1

die() { # message, what to do next
    echo "error: $1${2:+: $2}" >&2
    exit 1
}

data_directory() { # a script's arguments: the data directory that they or the environment name
    local data=${APPLIANCE_DATA:-/var/lib/appliance} argument next=
    for argument in "$@"; do
        [ -z "$next" ] || data=$argument
        next=
        case $argument in
            --data) next=yes ;;
            --data=*) data=${argument#--data=} ;;
        esac
    done
    realpath -ms "${data:?}"
}

refuse_running() { # data directory: before anything is installed over a running appliance
    local lock=$1/run/up.lock
    if [ ! -e "$lock" ] || flock -n "$lock" true; then return; fi
    flock -n --shared "$lock" true ||
        die "the appliance in $1 runs already" "press Ctrl-C there or run scripts/up --stop"
    die "systemd runs the appliance in $1" "stop it first: systemctl stop appliance.target 'appliance-*'"
}

ensure_installed() { # data directory, venv: packages, the directory itself, the Python environment
    [ -r /etc/debian_version ] || die "this is not Debian" "install the packages by hand: $PACKAGES"
    [ -d "$1" ] || mkdir -p -m 711 "$1"
    step "Debian packages" ensure_packages $PACKAGES
    step "Python environment in $2" ensure_venv "$2" server
}

step() { # name, command...: a numbered line before, the seconds after; the command's exit status
    local name=$1 start=${EPOCHREALTIME/[.,]/} status tenths
    shift
    echo "[$STEP] $name"
    STEP=$((STEP + 1))
    "$@"
    status=$?
    tenths=$(((${EPOCHREALTIME/[.,]/} - start) / 100000))
    echo "    $((tenths / 10)).$((tenths % 10)) s"
    return $status
}

indented() { # a command, its output under the step's name; its exit status (with pipefail)
    "$@" 2>&1 | sed -u 's/^/    /'
}

ensure_packages() { # names
    local name missing=()
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    # nginx.service is of the package nginx, which an admin may use for something else
    local had_nginx had_fcgiwrap
    had_nginx=$(dpkg-query -W -f '${db:Status-Status}' nginx 2>/dev/null || true)
    had_fcgiwrap=$(dpkg-query -W -f '${db:Status-Status}' fcgiwrap 2>/dev/null || true)
    export DEBIAN_FRONTEND=noninteractive
    indented apt-get update -q
    # RUNLEVEL=1 keeps a sysvinit from starting what was just installed: we run nginx ourselves.
    RUNLEVEL=1 indented apt-get install -y -q --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install ${missing[*]}" "see its messages above"
    [ "$had_nginx" = installed ] || disable_services nginx.service
    [ "$had_fcgiwrap" = installed ] || disable_services fcgiwrap.service fcgiwrap.socket
}

disable_services() { # units of a package that was installed a moment ago, so nobody relies on them
    [ -d /run/systemd/system ] || return 0
    indented systemctl disable --now "$@"
}

ensure_venv() { # directory, extras separated by commas: the checkout's package and its dependencies
    local venv=$1 extras=$2 extra wanted have=yes
    check_reachable "$venv"
    wanted=$(sha256sum setup.cfg | cut -c1-64)-$(/usr/bin/python3 -V)
    for extra in ${extras//,/ }; do
        [ "$(cat "$venv/.needs-$extra" 2>/dev/null)" = "$wanted" ] || have=
    done
    local sources
    sources=$(source_hash)
    if [ -z "$have" ]; then
        /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            die "$(/usr/bin/python3 -V) is too old" "the appliance needs Python 3.11, which Debian 12 has"
        mkdir -p "$(dirname "$venv")"
        [ -x "$venv/bin/pip" ] || indented /usr/bin/python3 -m venv --clear "$venv"
        install_package "$venv" "[$extras]" setuptools wheel
        for extra in ${extras//,/ }; do echo "$wanted" >"$venv/.needs-$extra"; done
    elif [ "$(cat "$venv/.sources" 2>/dev/null)" != "$sources" ]; then
        install_package "$venv" "" --no-deps --no-build-isolation --force-reinstall
    fi
    echo "$sources" >"$venv/.sources"
}

install_package() { # venv, extras in brackets or nothing, further arguments of pip
    local venv=$1 extras=$2 copy
    shift 2
    # From a copy: setuptools would leave `build/` in the checkout, and install deleted files from it next time.
    copy=$(mktemp -d)
    cp -r setup.cfg pyproject.toml LICENSE appliance plugins_builtin "$copy"
    [ ! -f README.md ] || cp README.md "$copy"
    indented "$venv/bin/pip" install --disable-pip-version-check --no-input --progress-bar off \
        "$@" "appliance$extras @ file://$copy" || { rm -rf "$copy"; die "pip failed" "see its messages above"; }
    rm -rf "$copy"
}

source_hash() {
    find setup.cfg pyproject.toml appliance plugins_builtin -type f -not -path '*/__pycache__/*' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-64
}

check_reachable() { # a directory that services, which are not root, must be able to enter
    local path=$1
    while [ "$path" != / ]; do
        path=$(dirname "$path")
        [ ! -d "$path" ] || [ $((0$(stat -L -c %a "$path") & 1)) -eq 1 ] ||
            die "$path lets other users not through, but services must read $1" \
                "set APPLIANCE_VENV to a directory below /var or /opt"
    done
}
