<?php
// The page of one product: one prepared statement, app/templates/product.html.
declare(strict_types=1);

require __DIR__ . '/shop.php';

$id = (int) substr($_SERVER['REQUEST_URI'], strlen('/products/'));
$product = database()
    ->execute_query('SELECT ' . PRODUCT_COLUMNS . ' FROM products WHERE id = ?', [$id])
    ->fetch_assoc();
if ($product === null) {
    http_response_code(404);
    exit;
}

$number = html($product['id']);
$name = html($product['name']);
$category = html($product['category']);
$description = html($product['description']);
$sku = html($product['sku']);
$price = html(price($product['price_cents']));
$stock = $product['stock'] > 0 ? html($product['stock']) : '<strong>sold out</strong>';
// The empty line is where a visitor with a session has the form's token.
$form = $product['stock'] > 0 ? <<<HTML
    <form class="amount" method="post" action="/cart">

    <input type="hidden" name="product" value="$number">
    <input type="number" name="quantity" value="1" min="1" max="99" required aria-label="Pieces">
    <button class="button">Add to cart</button>
    </form>

    HTML : '';
answer(head($product['name'], 'true') . <<<HTML
    <nav class="crumbs" aria-label="Breadcrumb">
    <ol>
    <li><a href="/">Home</a></li>
    <li><a href="/products">Products</a></li>
    <li aria-current="page">$name</li>
    </ol>
    </nav>
    <article class="product">
    <div class="tile" data-category="$category" aria-hidden="true"></div>
    <div>
    <p class="kind">$category</p>
    <h1>$name</h1>
    <p class="price">$price EUR</p>
    <p class="lead">$description</p>
    <dl class="facts">
    <div><dt>Stock number</dt><dd>$sku</dd></div>
    <div><dt>In stock</dt><dd>$stock</dd></div>
    </dl>
    $form</div>
    </article>

    HTML . foot());
