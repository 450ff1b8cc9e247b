<?php
// A page of the list: how many there are, then 20 of them; app/templates/products.html and card.html.
declare(strict_types=1);

require __DIR__ . '/shop.php';

const PAGE_SIZE = 20;

$page = (int) ($_GET['page'] ?? 1);
$database = database();
$total = $database->execute_query('SELECT COUNT(*) FROM products')->fetch_row()[0];
$pages = max(1, intdiv($total + PAGE_SIZE - 1, PAGE_SIZE));
if ($page < 1 || $page > $pages) {
    http_response_code(404);
    exit;
}
$products = $database->execute_query(
    'SELECT ' . PRODUCT_COLUMNS . ' FROM products ORDER BY id LIMIT ? OFFSET ?',
    [PAGE_SIZE, ($page - 1) * PAGE_SIZE],
);

$cards = '';
foreach ($products as $product) {
    $id = html($product['id']);
    $name = html($product['name']);
    $category = html($product['category']);
    $price = html(price($product['price_cents']));
    $sold_out = $product['stock'] > 0 ? '' : ' · <strong>sold out</strong>';
    $cards .= <<<HTML
        <li class="card">
        <div class="tile" data-category="$category" aria-hidden="true"></div>
        <p class="kind">$category$sold_out</p>
        <a href="/products/$id">$name</a>
        <p class="price">$price EUR</p>
        </li>

        HTML;
}
$previous = $page === 1 ? '' : '<a class="button" rel="prev" href="/products?page=' . html($page - 1)
    . '">← Previous<span class="hidden"> page</span></a>' . "\n";
$next = $page === $pages ? '' : '<a class="button" rel="next" href="/products?page=' . html($page + 1)
    . '">Next<span class="hidden"> page</span> →</a>' . "\n";
answer(head('Products', 'page') . <<<HTML
    <h1>Products</h1>
    <p class="lead">$total products, page $page of $pages</p>
    <ul class="shelf" role="list">
    $cards</ul>
    <nav class="pages" aria-label="Pages">
    $previous<span><span class="hidden">Page </span>$page of $pages</span>
    $next</nav>

    HTML . foot());
