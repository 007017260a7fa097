#!/usr/bin/env bash
# First boot of every machine: fetches this folder's archive from S3, proves that it is the one that the launch template
# names, and runs the boot script of the machine's class. The template puts `export TANDEM_...` lines in front.
# Nothing but bash, curl, tar and coreutils is there yet. The script may come through a pipe: nothing may read its input.
set -euo pipefail
umask 022

readonly TRIES_MAX=20 # metadata, role and bucket are eventually there on a new instance
readonly IMDS="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}/latest"
TANDEM_ROOT="${TANDEM_ROOT-}"

stop() {
  printf 'user data: %s\n' "$1" >&2
  mkdir -p "$TANDEM_ROOT/var/lib/tandem"
  printf '%s %s\n' "20" "$1" >"$TANDEM_ROOT/var/lib/tandem/boot-failed"
  exit 1
}

again() { # again WORDS COMMAND...: tries a bounded number of times
  local words=$1 try
  shift
  for ((try = 1; try <= TRIES_MAX; try++)); do
    if "$@"; then return 0; fi
    sleep 1
  done
  stop "$words"
}

imds() { # imds PATH: one metadata value; version 2 only, the token never in the process list
  local token
  token="$(curl -sf --max-time 2 -X PUT -H 'x-aws-ec2-metadata-token-ttl-seconds: 300' "$IMDS/api/token" </dev/null)" || return 1
  curl -sf --max-time 2 --config - "$IMDS/$1" <<<"header = \"x-aws-ec2-metadata-token: $token\""
}

member() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" <<<"$2" | head -n 1; }

download() { # download FILE: the archive, signed by the instance's role; credentials go through curl's input only
  local role json endpoint
  role="$(imds meta-data/iam/security-credentials/)" && role="${role%%$'\n'*}" || return 1
  json="$(imds "meta-data/iam/security-credentials/$role")" || return 1
  endpoint="${AWS_ENDPOINT_URL:-https://s3.$TANDEM_REGION.amazonaws.com}"
  curl -sSf --max-time 60 --aws-sigv4 "aws:amz:$TANDEM_REGION:s3" --config - --output "$1" \
    "$endpoint/$TANDEM_BUCKET/$TANDEM_FILES_KEY" <<CONFIG
user = "$(member AccessKeyId "$json"):$(member SecretAccessKey "$json")"
header = "x-amz-security-token: $(member Token "$json")"
header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"
CONFIG
}

write_environment() {
  local name
  mkdir -p "$TANDEM_ROOT/etc/tandem"
  for name in TANDEM_STAGE TANDEM_CLASS TANDEM_NODE TANDEM_REGION TANDEM_SITE_URL TANDEM_DB_A TANDEM_DB_B TANDEM_FLAVOUR \
    TANDEM_PHP_WORKERS TANDEM_DECLARED_WAIT TANDEM_SHARE TANDEM_SHARE_MOUNT TANDEM_CACHE; do
    if [[ -n ${!name-} ]]; then printf 'export %s=%q\n' "$name" "${!name}"; fi
  done >"$TANDEM_ROOT/etc/tandem/node.env"
}

# cloud-init runs what is in this folder at every boot; user data only at the first.
write_start() {
  local file="$TANDEM_ROOT/var/lib/cloud/scripts/per-boot/tandem"
  mkdir -p "${file%/*}"
  cat >"$file" <<'START'
#!/usr/bin/env bash
# What ran before the power went is no sign of what runs now.
rm -rf "$TANDEM_ROOT/run/tandem"
source "$TANDEM_ROOT/etc/tandem/node.env"
exec "$TANDEM_ROOT/opt/tandem/boot-$TANDEM_CLASS.sh" </dev/null
START
  chmod 0755 "$file"
}

main() {
  local name files="$TANDEM_ROOT/opt/tandem"
  for name in TANDEM_STAGE TANDEM_CLASS TANDEM_NODE TANDEM_REGION TANDEM_BUCKET TANDEM_FILES_KEY TANDEM_FILES_SHA256; do
    [[ -n ${!name-} ]] || stop "$name is not set by the launch template"
  done
  case $TANDEM_CLASS in web | database) ;; *) stop "TANDEM_CLASS is '$TANDEM_CLASS': web and database are known" ;; esac
  rm -rf "$files.part"
  mkdir -p "$files.part"
  again "the node files s3://$TANDEM_BUCKET/$TANDEM_FILES_KEY cannot be fetched" download "$files.tar.gz"
  printf '%s  %s\n' "$TANDEM_FILES_SHA256" "$files.tar.gz" | sha256sum --check --quiet - ||
    stop "the node files are not those that the launch template names"
  tar -xzf "$files.tar.gz" -C "$files.part"
  rm -rf "$files" "$files.tar.gz"
  mv "$files.part" "$files"
  write_environment
  write_start
  exec "$files/boot-$TANDEM_CLASS.sh" </dev/null
}

main
