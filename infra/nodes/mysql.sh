# shellcheck shell=bash disable=SC2034
# What is particular to a MySQL server; server.sh says what each name is for.

readonly SERVER=mysqld CLIENT=mysql SERVER_NAME=MySQL SERVER_ROOT=root DATA_MARK=mysql.ibd CLIENT_TLS="ssl-mode=REQUIRED"
readonly SERVER_PROGRAMS=() SERVER_PACKAGES=(mysql-server-core-8.0 mysql-client-core-8.0)

initialise() { # initialise FOLDER
  "$(program mysqld)" --no-defaults --initialize-insecure --datadir="$1" ${TANDEM_MYSQL_USER:+--user="${TANDEM_MYSQL_USER#*= }"}
}

prepare_tls() { :; } # mysqld makes itself a certificate at its first start

# accounts_known FINGERPRINT: whether they are as the rendered statements say. It is kept in the responder's account, so
# that a server with copied data never passes for one that was looked after. Applying opens super_read_only for a moment.
accounts_known() {
  local sql="SELECT attribute->>'\$.accounts' FROM information_schema.user_attributes WHERE user = 'tandem_writer'"
  [[ $(server_root --execute="$sql") == "$1" ]]
}
end_accounts() { # end_accounts FINGERPRINT: the statements that follow those of the accounts
  printf "ALTER USER 'tandem_writer'@'localhost' ATTRIBUTE '{\"accounts\": \"%s\"}';\n" "$1"
  printf 'SET GLOBAL super_read_only = @was;\n'
}
accounts_failed() { server_root --execute='SET GLOBAL super_read_only = ON'; }
