#!/usr/bin/env bash
# Makes a machine a web node: nginx, PHP with WordPress, and HAProxy as its way to the writer. May run again: it then
# brings up what does not run. It does not ask whether the database is there; `tandem-node launch` does.
set -euo pipefail
# shellcheck source=infra/nodes/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"
# shellcheck source=infra/nodes/files.sh
source "$TANDEM_FILES/files.sh"

readonly HEALTH_SECONDS_MAX=15

write_secrets() { # what wp-config.php reads: the application's account and WordPress's salts
  local group
  keep "$TANDEM_SECRETS" "$(jq -cn --slurpfile app "$TANDEM_RUN/app" --slurpfile salts "$TANDEM_RUN/salts" \
    '{database: $app[0], salts: $salts[0]}')"
  rm -f "$TANDEM_RUN/app" "$TANDEM_RUN/salts"
  if [[ -z $TANDEM_ROOT ]]; then
    group=www-data
    chgrp "$group" "$TANDEM_SECRETS"
    chmod 0640 "$TANDEM_SECRETS"
  fi
}

# make_uploads FOLDER: a link to the share, also while that is away: an upload then fails, and is not kept on one node only.
make_uploads() {
  rm -rf "$1"
  if has_share; then
    ln -s "$SHARE_POINT/uploads" "$1"
  else
    mkdir -p "$1"
    if [[ -z $TANDEM_ROOT ]]; then chown www-data: "$1"; fi
  fi
}

ensure_mount_programs() { # the sandbox needs none
  if [[ -n $TANDEM_ROOT ]] || ! has_share; then return 0; fi
  if [[ ${TANDEM_SHARE_MOUNT-} != efs ]]; then
    ensure_packages mount.nfs4 -- nfs-common
  elif ! program mount.efs >/dev/null; then
    fail "$OWN_FAULT" "the image has no EFS mount helper (amazon-efs-utils), which the parameter shareMount asks for"
  fi
}

make_document_root() { # hard links to the image's files: made in an instant, and only what is this node's own is new
  local image="$TANDEM_IMAGE/wordpress"
  if [[ ! -e $image/wp-settings.php && -z $TANDEM_ROOT ]]; then
    mkdir -p "$TANDEM_IMAGE"
    rm -rf "$image.part"
    cp -rL /usr/share/wordpress "$image.part"
    rm -f "$image.part/wp-config.php" "$image.part/.htaccess"
    mv "$image.part" "$image"
  fi
  [[ -e $image/wp-settings.php ]] || fail "$OWN_FAULT" "no WordPress in $image"
  if [[ ! -e $TANDEM_DOCROOT/wp-settings.php ]]; then
    rm -rf "$TANDEM_DOCROOT" "$TANDEM_DOCROOT.part"
    mkdir -p "${TANDEM_DOCROOT%/*}"
    cp -al "$image" "$TANDEM_DOCROOT.part" 2>/dev/null || {
      rm -rf "$TANDEM_DOCROOT.part"
      cp -a "$image" "$TANDEM_DOCROOT.part" # the image may be another user's or on another file system
    }
    mkdir -p "$TANDEM_DOCROOT.part/wp-content/mu-plugins"
    make_uploads "$TANDEM_DOCROOT.part/wp-content/uploads"
    mv "$TANDEM_DOCROOT.part" "$TANDEM_DOCROOT"
  fi
  cp "$TANDEM_FILES/wordpress/wp-config.php" "$TANDEM_DOCROOT/wp-config.php"
  cp "$TANDEM_FILES/wordpress/tandem.php" "$TANDEM_DOCROOT/wp-content/mu-plugins/tandem.php"
}

choose_users() { # sets the lines about users in the templates: on EC2 www-data, in the sandbox whoever runs it
  export TANDEM_NGINX_USER="" TANDEM_POOL_USER="" TANDEM_NGINX_WORKERS=1
  if [[ -z $TANDEM_ROOT ]]; then
    TANDEM_NGINX_USER="user www-data;" TANDEM_NGINX_WORKERS=auto
    TANDEM_POOL_USER=$'user = www-data\ngroup = www-data'
  elif ((EUID == 0)); then
    TANDEM_NGINX_USER="user root;"
    TANDEM_POOL_USER=$'user = root\ngroup = root'
  fi
}

write_configuration() {
  choose_users
  TANDEM_TEMP="$TANDEM_ROOT/var/lib/tandem/temporary"
  mkdir -p "$TANDEM_TEMP"
  TANDEM_DECLARED_WAIT="${TANDEM_DECLARED_WAIT:-0}"
  local name
  for name in nginx.conf php-fpm.conf haproxy.cfg; do render "$TANDEM_FILES/$name" "$TANDEM_ETC/$name"; done
}

start_programs() {
  local fpm=("$(program php-fpm)" -F -y "$TANDEM_ETC/php-fpm.conf")
  if [[ -n $TANDEM_ROOT ]]; then
    fpm=("$(program python3)" "$TANDEM_FILES/keep-group" "${fpm[@]}")
    if ((EUID == 0)); then fpm+=(-R); fi
  fi
  service haproxy start -- "$(program haproxy)" -W -db -f "$TANDEM_ETC/haproxy.cfg"
  service php-fpm start -- "${fpm[@]}"
  service nginx start -- "$(program nginx)" -e stderr -p "$TANDEM_STATE/" -c "$TANDEM_ETC/nginx.conf"
}

group_of() { # group_of PID: the process group
  local stat
  read -r stat <"/proc/$1/stat" || return 1
  read -r _ _ stat _ <<<"${stat##*)}" # after the name: state, parent, group
  printf '%s' "$stat"
}

readonly RESTART_SECONDS_MAX=5 # php-fpm may just be between two runs, and then it has no pid

# Whether php-fpm stayed in its supervisor's process group, the machine's, whose end is the sandbox's power-off.
in_machine_group() {
  local group
  group="$(group_of "$(service_pid "$TANDEM_RUN/php-fpm.pid")")" || return 1
  [[ $group == "$(group_of "$(service_pid "$TANDEM_RUN/php-fpm.supervisor")")" ]]
}

# Its words too: with a wrong script PHP answers 200 and nothing.
healthy() { http_get "$TANDEM_BIND" 8080 /tandem-health 1 && [[ $HTTP_BODY == ok* ]]; }

main() {
  boot_started
  ensure_packages nginx php-fpm php haproxy jq curl -- nginx-light php-fpm php-cli php-mysql php-mbstring php-xml php-curl \
    php-gd php-memcached haproxy jq curl wordpress wordpress-theme-twentytwentythree
  ensure_mount_programs
  again 30 load_identity || fail "$SHARED_FAULT" "the metadata endpoint does not answer"
  credentials >/dev/null || fail "$SHARED_FAULT" "the metadata endpoint gives no credentials of the role"
  TANDEM_DOCROOT="$TANDEM_ROOT/var/www/tandem" TANDEM_SECRETS="$TANDEM_ETC/wordpress.json"
  fetch_secret database/app "$TANDEM_RUN/app" &
  local app=$!
  fetch_secret wordpress/salts "$TANDEM_RUN/salts" &
  local salts=$!
  make_document_root
  # A share that is away now is no fault of the boot: `launch` waits for it.
  if has_share; then
    mount_share || note "$SHARE_WORDS"
    check_share
  fi
  write_configuration
  start_programs
  { wait "$app" && wait "$salts"; } || fail "$SHARED_FAULT" "Secrets Manager does not give this node's secrets"
  write_secrets
  again "$HEALTH_SECONDS_MAX" healthy ||
    fail "$OWN_FAULT" "nginx and PHP do not answer /tandem-health (status $HTTP_STATUS)"
  if [[ -n $TANDEM_ROOT ]]; then again "$RESTART_SECONDS_MAX" in_machine_group || fail "$OWN_FAULT" "php-fpm left the machine's process group"; fi
  service publish start -- "$TANDEM_FILES/tandem-node" publish
  note "web node $TANDEM_INSTANCE_ID is up at $TANDEM_ADDRESS:8080"
}

main
