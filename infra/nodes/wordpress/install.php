<?php
// Installs WordPress into an empty database; does nothing when that was done. Several nodes may run it at once: a lock on
// the writer lets one work while the others wait. An installation that was cut off is done again.

const LOCK = 'tandem-install';
const LOCK_SECONDS_MAX = 60;

define('WP_INSTALLING', true);
define('DOING_CRON', false);
$_SERVER['HTTP_HOST'] = (string) preg_replace('#^[a-z]+://([^/]+).*$#', '$1', (string) getenv('TANDEM_SITE_URL'));
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_URI'] = '/';

/** No mail about the new site: its address and its administrator are the operator's business. */
function wp_new_blog_notification(): void
{
}

require getenv('TANDEM_DOCROOT') . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('pre_http_request', static fn () => new WP_Error('tandem', 'no requests while installing'));

/** A table of its own notes the beginning and the end, because half of WordPress's tables tell nothing. */
function tandem_installed(wpdb $wpdb): bool
{
    $wpdb->suppress_errors(true);
    $site = $wpdb->get_var("SELECT option_value FROM {$wpdb->options} WHERE option_name = 'siteurl'");
    $begun = $wpdb->get_var('SELECT done FROM tandem_install WHERE id = 1');
    $wpdb->suppress_errors(false);
    return $site !== null && $begun !== '0'; // a site without our note was brought here whole
}

function tandem_install(wpdb $wpdb): void
{
    foreach (
        [
            'CREATE TABLE IF NOT EXISTS tandem_install (id INT PRIMARY KEY, done INT NOT NULL)',
            'INSERT INTO tandem_install VALUES (1, 0) ON DUPLICATE KEY UPDATE done = 0',
        ] as $statement
    ) {
        if ($wpdb->query($statement) === false) {
            throw new RuntimeException($wpdb->last_error);
        }
    }
    // The password is nobody's: an operator sets one with `wp user update` or the reset mail.
    wp_install('Tandem', 'admin', 'admin@example.invalid', true, '', wp_generate_password(32));
    if ($wpdb->query('UPDATE tandem_install SET done = 1 WHERE id = 1') === false) {
        throw new RuntimeException($wpdb->last_error);
    }
}

global $wpdb;
if ((string) $wpdb->get_var($wpdb->prepare('SELECT GET_LOCK(%s, %d)', LOCK, LOCK_SECONDS_MAX)) !== '1') {
    echo "another node has been installing for more than " . LOCK_SECONDS_MAX . " s\n";
    exit(1);
}
if (tandem_installed($wpdb)) {
    echo "was there already\n";
    exit(0);
}
tandem_install($wpdb);
if (!tandem_installed($wpdb)) {
    echo 'the tables are not there afterwards: ' . $wpdb->last_error . "\n";
    exit(1);
}
echo "done by this node\n";
