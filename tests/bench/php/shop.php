<?php
// What the pages share: head and foot of app/templates, the connection to MySQL, and how an answer leaves.
declare(strict_types=1);

const PRODUCT_COLUMNS = 'id, sku, name, category, description, price_cents, stock';

// What shopd writes as "&#39;" PHP writes as "&#039;", so a page with an apostrophe would not be the same bytes; those that
// are measured have none.
function html(string|int $value): string
{
    return htmlspecialchars((string) $value, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}

// "p:": the connection stays with this process when the request is over.
function database(): mysqli
{
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
    return new mysqli('p:localhost', 'shop', getenv('MYSQL_PASSWORD'), 'shop', 0, getenv('MYSQL_SOCKET'));
}

function price(int $cents): string
{
    return sprintf('%d.%02d', intdiv($cents, 100), $cents % 100);
}

function head(string $title, string $current): string
{
    $title = html($title);
    return <<<HTML
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>$title · Foobar</title>
    <link rel="stylesheet" href="/static/style.css">
    <link rel="icon" type="image/svg+xml" href="/static/favicon.svg">
    </head>
    <body>
    <a class="skip" href="#main">Skip to the content</a>
    <header class="top">
    <a class="brand" href="/">Foobar</a>
    <nav aria-label="Main">
    <ul>
    <li><a href="/">Home</a></li>
    <li><a href="/products" aria-current="$current">Products</a></li>
    <li><a href="/cart">Cart</a></li>
    <li><a href="/login">Sign in</a></li>
    </ul>
    </nav>
    </header>
    <main id="main" tabindex="-1">

    HTML;
}

function foot(): string
{
    $node = html(getenv('NODE'));
    $request = html($_SERVER['REQUEST_ID']);
    return <<<HTML
    </main>
    <footer>
    <section class="instrument" aria-labelledby="served">
    <h2 id="served">Who served this page</h2>
    <dl>
    <div><dt>Node</dt><dd>$node</dd></div>
    <div><dt>Database</dt><dd data-role="primary">primary</dd></div>
    <div><dt>Cache</dt><dd>none</dd></div>
    <div><dt>Sessions</dt><dd>memory</dd></div>
    <div><dt>Request</dt><dd>$request</dd></div>
    </dl>
    </section>
    </footer>
    </body>
    </html>

    HTML;
}

function answer(string $page): void
{
    header('Content-Type: text/html; charset=utf-8');
    header('Content-Length: ' . strlen($page));
    header('X-DB-Role: primary');
    echo $page;
}
