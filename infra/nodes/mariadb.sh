# shellcheck shell=bash disable=SC2034
# What is particular to a MariaDB server; server.sh says what each name is for.

readonly SERVER=mariadbd CLIENT=mariadb SERVER_NAME=MariaDB DATA_MARK=aria_log_control CLIENT_TLS=ssl
readonly SERVER_PROGRAMS=(mariadb-backup openssl) SERVER_PACKAGES=(mariadb-server-core mariadb-client-core mariadb-backup openssl)
readonly CERTIFICATE_DAYS=3650 CERTIFICATE_SECONDS_MIN=$((365 * 86400)) # nobody looks between two boots
# Known by the socket that it comes through, without a password.
SERVER_ROOT="$(id -un)"
readonly SERVER_ROOT

initialise() { # initialise FOLDER: without the accounts that MariaDB makes by itself, which need no password
  "$(program mariadb-install-db)" --no-defaults --datadir="$1" --auth-root-authentication-method=socket --auth-root-socket-user="$SERVER_ROOT" \
    --skip-test-db --skip-name-resolve ${TANDEM_MYSQL_USER:+--user="${TANDEM_MYSQL_USER#*= }"}
}

# MariaDB 10.11 makes no certificate itself. It is beside the data and not in it: a rebuilt server keeps its own.
prepare_tls() {
  local folder="$TANDEM_ETC/tls"
  export TANDEM_TLS="$folder"
  if openssl_run x509 -in "$folder/cert.pem" -noout -checkend "$CERTIFICATE_SECONDS_MIN" >/dev/null 2>&1; then return 0; fi
  mkdir -p "$folder"
  (umask 077 && openssl_run req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$CERTIFICATE_DAYS" \
    -subj "/CN=$TANDEM_NODE.$TANDEM_STAGE.tandem" -keyout "$folder/key.pem" -out "$folder/cert.pem") 2>/dev/null ||
    fail "$OWN_FAULT" "openssl makes no certificate for the server"
  if [[ -z $TANDEM_ROOT ]]; then chown -R mysql: "$folder"; fi
}
# An own configuration: a private openssl has none where it looks.
openssl_run() { OPENSSL_CONF=<(printf '[req]\ndistinguished_name=dn\n[dn]\n') "$(program openssl)" "$@"; }

# Applying the accounts does not open the server (the socket's account may write while read_only is on), so it is done at
# every boot.
accounts_known() { return 1; }
end_accounts() { :; }
accounts_failed() { :; }
