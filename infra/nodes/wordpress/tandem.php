<?php
/**
 * Plugin Name: Tandem
 * Description: What the farm adds to WordPress on each node.
 */

/** A page that is asked for with ?tandem-wait=<milliseconds> takes at least that long, where the farm allows it: load tests
 *  on a small machine declare the time that a page costs instead of burning it. */
const TANDEM_WAIT_MS_MAX = 5000;

if (getenv('TANDEM_DECLARED_WAIT') === '1' && is_string($_GET['tandem-wait'] ?? null) && ctype_digit($_GET['tandem-wait'])) {
    usleep(1000 * min((int) $_GET['tandem-wait'], TANDEM_WAIT_MS_MAX));
}
