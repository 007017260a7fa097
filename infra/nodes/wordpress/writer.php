<?php
// Asks through HAProxy whether there is a writer, with the application's account. Exit 0 and its name, or 1 and the reason.

const CONNECT_SECONDS_MAX = 3;

mysqli_report(MYSQLI_REPORT_OFF);
$account = json_decode((string) file_get_contents((string) getenv('TANDEM_SECRETS')), true, 8, JSON_THROW_ON_ERROR)['database'];
$server = mysqli_init();
$server->options(MYSQLI_OPT_CONNECT_TIMEOUT, CONNECT_SECONDS_MAX);
$server->options(MYSQLI_OPT_READ_TIMEOUT, CONNECT_SECONDS_MAX);
if (!@$server->real_connect(getenv('TANDEM_LOOPBACK'), $account['username'], $account['password'], 'wordpress', 3306)) {
    fwrite(STDOUT, mysqli_connect_error() . "\n");
    exit(1);
}
$row = $server->query('SELECT @@global.report_host, @@version, @@global.read_only')?->fetch_row();
if ($row === null || $row[2] !== '0') {
    fwrite(STDOUT, ($row === null ? $server->error : "{$row[0]} is read-only") . "\n");
    exit(1);
}
echo "{$row[0]}, MySQL {$row[1]}\n";
