#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "template.h"

/* A directory of templates that lives as long as one test. */
struct fixture {
    char directory[64];
    char files[24][128];
    size_t file_count;
    char reason[256];
    struct template_set *set;
    yyjson_mut_doc *model;
    struct arena arena;
};

static int set_up(void **state) {
    static struct fixture fixture;
    fixture = (struct fixture){.directory = "/tmp/test_template.XXXXXX"};
    arena_init(&fixture.arena, 1 << 20);
    *state = &fixture;
    return mkdtemp(fixture.directory) != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    template_free(f->set);
    yyjson_mut_doc_free(f->model);
    arena_free(&f->arena);
    for (size_t i = 0; i < f->file_count; i++) {
        unlink(f->files[i]);
    }
    return rmdir(f->directory);
}

static void write_bytes(struct fixture *f, const char *name, struct slice bytes) {
    assert_true(f->file_count < sizeof f->files / sizeof *f->files);
    char path[sizeof f->files[0]];
    snprintf(path, sizeof path, "%s/%s", f->directory, name);
    strcpy(f->files[f->file_count++], path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.length, file), bytes.length);
    assert_int_equal(fclose(file), 0);
}

static void write_file(struct fixture *f, const char *name, const char *content) {
    write_bytes(f, name, slice_of(content));
}

static enum status load(struct fixture *f) {
    template_free(f->set);
    f->set = NULL;
    return template_load(f->directory, f->reason, sizeof f->reason, &f->set);
}

static void set_model(struct fixture *f, const char *json) {
    yyjson_doc *doc = yyjson_read(json, strlen(json), YYJSON_READ_NOFLAG);
    assert_non_null(doc);
    yyjson_mut_doc_free(f->model);
    f->model = yyjson_doc_mut_copy(doc, NULL);
    yyjson_doc_free(doc);
    assert_non_null(f->model);
}

static void assert_page(struct fixture *f, const char *name, const char *expected) {
    struct text out;
    struct slice page;
    text_init(&out, &f->arena);
    assert_int_equal(template_render(f->set, name, yyjson_mut_doc_get_root(f->model), &out), STATUS_OK);
    assert_int_equal(text_slice(&out, &page), STATUS_OK);
    const char *actual = arena_copy(&f->arena, page.data, page.length);
    assert_string_equal(actual, expected);
}

/* One template, one model, one page. */
static void assert_renders(struct fixture *f, const char *source, const char *json, const char *expected) {
    f->file_count = 0;
    write_file(f, "page.html", source);
    assert_int_equal(load(f), STATUS_OK);
    set_model(f, json);
    assert_page(f, "page", expected);
}

static void assert_refused(struct fixture *f, const char *source, const char *reason) {
    f->file_count = 0;
    write_file(f, "page.html", source);
    assert_int_equal(load(f), STATUS_BAD_INPUT);
    assert_string_equal(f->reason, reason);
    assert_null(f->set);
}

/* --- Values --- */

static void test_text_is_kept(void **state) {
    struct fixture *f = *state;
    assert_renders(f, "", "{}", "");
    assert_renders(f, "<p>one { two } }} three</p>\n", "{}", "<p>one { two } }} three</p>\n");
    assert_renders(f, "{{a}}{{a}} {{ a }}\n{{\ta\n}}", "{\"a\":\"x\"}", "xx x\nx");
}

static void test_values_are_escaped(void **state) {
    struct fixture *f = *state;
    assert_renders(f, "<a title=\"{{v}}\">{{v}}</a>", "{\"v\":\"& < > \\\" '\"}",
                   "<a title=\"&amp; &lt; &gt; &quot; &#39;\">&amp; &lt; &gt; &quot; &#39;</a>");
    assert_renders(f, "<p>{{v}}</p>", "{\"v\":\"</p><script>alert(1)</script>\"}",
                   "<p>&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;</p>");
    assert_renders(f, "<i a='{{v}}'>", "{\"v\":\"' onload='x\"}", "<i a='&#39; onload=&#39;x'>");
    assert_renders(f, "{{v}}", "{\"v\":\"caf\xc3\xa9 &amp;\"}", "caf\xc3\xa9 &amp;amp;");
}

static void test_values_are_not_templates(void **state) {
    struct fixture *f = *state;
    assert_renders(f, "{{v}}", "{\"v\":\"{{secret}}{{>page}}\",\"secret\":\"s\"}", "{{secret}}{{&gt;page}}");
}

static void test_numbers_are_json(void **state) {
    struct fixture *f = *state;
    assert_renders(f, "{{v}}", "{\"v\":0}", "0");
    assert_renders(f, "{{v}}", "{\"v\":-42}", "-42");
    assert_renders(f, "{{v}}", "{\"v\":18446744073709551615}", "18446744073709551615");
    assert_renders(f, "{{v}}", "{\"v\":-9223372036854775808}", "-9223372036854775808");
    assert_renders(f, "{{v}}", "{\"v\":1.5}", "1.5");
    assert_renders(f, "{{v}}", "{\"v\":-1.25e-300}", "-1.25e-300");
    assert_renders(f, "{{t}} {{f}}", "{\"t\":true,\"f\":false}", "true false");
}

static void test_what_is_no_value_puts_nothing(void **state) {
    struct fixture *f = *state;
    assert_renders(f, "[{{null}}{{array}}{{object}}{{missing}}{{empty}}]",
                   "{\"null\":null,\"array\":[1],\"object\":{\"a\":1},\"empty\":\"\"}", "[]");
    set_model(f, "[1]");
    assert_page(f, "page", "[]");
    set_model(f, "{\"null\":1}");
    yyjson_mut_doc_set_root(f->model, yyjson_mut_real(f->model, 1.0 / 0.0));
    assert_page(f, "page", "[]");
    yyjson_mut_val *object = yyjson_mut_obj(f->model);
    yyjson_mut_obj_add_real(f->model, object, "null", 1.0 / 0.0); /* JSON has no infinity */
    yyjson_mut_doc_set_root(f->model, object);
    assert_page(f, "page", "[]");
    yyjson_mut_doc_set_root(f->model, NULL);
    assert_page(f, "page", "[]");
}

static void test_names_match_whole(void **state) {
    struct fixture *f = *state;
    assert_renders(f, "{{ab}}{{a}}{{abc}}{{A-b_9}}", "{\"ab\":1,\"A-b_9\":2}", "12");
}

/* --- Sections --- */

static void test_section_repeats_over_arrays(void **state) {
    struct fixture *f = *state;
    const char *source = "{{#items}}<li>{{name}}</li>{{/items}}";
    assert_renders(f, source, "{\"items\":[{\"name\":\"a\"},{\"name\":\"<\"}]}", "<li>a</li><li>&lt;</li>");
    assert_renders(f, source, "{\"items\":[]}", "");
    assert_renders(f, "{{#items}}{{n}}{{/items}}", "{\"items\":[1,\"\",null,false,[]],\"n\":\"x\"}", "xxxxx");
}

static void test_section_and_inverted_are_opposites(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *json;
        const char *expected;
    } cases[] = {
        {"{\"v\":true}", "yes"},
        {"{\"v\":{}}", "yes"},
        {"{\"v\":\"a\"}", "yes"},
        {"{\"v\":1}", "yes"},
        {"{\"v\":-0.5}", "yes"},
        {"{\"v\":[0]}", "yes"},
        {"{\"v\":false}", "no"},
        {"{\"v\":null}", "no"},
        {"{\"v\":\"\"}", "no"},
        {"{\"v\":[]}", "no"},
        {"{\"v\":0}", "no"},
        {"{\"v\":0.0}", "no"},
        {"{}", "no"},
        {"[]", "no"},
        {"{\"V\":1}", "no"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_renders(f, "{{#v}}yes{{/v}}{{^v}}no{{/v}}", cases[i].json, cases[i].expected);
    }
}

static void test_names_are_looked_up_inner_first(void **state) {
    struct fixture *f = *state;
    assert_renders(f, "{{a}}{{#o}}{{a}}{{b}}{{c}}{{#p}}{{a}}{{b}}{{c}}{{/p}}{{/o}}{{b}}",
                   "{\"a\":1,\"b\":2,\"c\":9,\"o\":{\"a\":3,\"c\":null,\"p\":{\"b\":4}}}", "132342");
}

static void test_sections_nest(void **state) {
    struct fixture *f = *state;
    assert_renders(f, "{{#r}}{{#c}}{{n}}{{^last}},{{/last}}{{/c}};{{/r}}{{#r}}{{#none}}x{{/none}}{{/r}}.",
                   "{\"r\":[{\"c\":[{\"n\":1},{\"n\":2,\"last\":true}]},{\"c\":[]}]}", "1,2;;.");
    assert_renders(f, "{{#a}}{{#a}}x{{/a}}{{/a}}{{^b}}{{^b}}{{#a}}y{{/a}}{{/b}}{{/b}}", "{\"a\":true}", "xy");
}

static void test_lines_of_tags_alone_are_dropped(void **state) {
    struct fixture *f = *state;
    const char *model = "{\"v\":[{\"n\":1},{\"n\":2}]}";
    assert_renders(f, "<ul>\n  {{#v}}\n  <li>{{n}}\n  {{/v}}\n</ul>\n", model, "<ul>\n  <li>1\n  <li>2\n</ul>\n");
    assert_renders(f, "{{#v}}\r\n{{n}}\r\n{{/v}}\r\n.", model, "1\r\n2\r\n.");
    assert_renders(f, "{{! one\n two }}\na\n\t{{! end }}", model, "a\n");
    assert_renders(f, "{{^x}}\n\n{{/x}}\n{{#v}}\n{{/v}}", model, "\n");
    assert_renders(f, "a {{#v}} b {{/v}} c\n", model, "a  b  b  c\n");
    assert_renders(f, "  {{#v}}{{/v}}  \n", model, "    \n");
    assert_renders(f, "  {{n}}\n{{#v}} x\n{{/v}}", model, "  \n x\n x\n");
}

/* --- Partials and comments --- */

static void test_partials(void **state) {
    struct fixture *f = *state;
    write_file(f, "page.html", "{{>head}}\n<p>{{v}}\n{{#items}}\n{{> item }}\n{{/items}}\n{{>head}}");
    write_file(f, "head.html", "<h1>{{v}}</h1>\n");
    write_file(f, "item.html", "<li>{{n}} {{v}}{{>a-b_1}}\n");
    write_file(f, "a-b_1.html", "!");
    assert_int_equal(load(f), STATUS_OK);
    set_model(f, "{\"v\":\"<\",\"items\":[{\"n\":1},{\"n\":2,\"v\":\"in\"}]}");
    assert_page(f, "page", "<h1>&lt;</h1>\n<p>&lt;\n<li>1 &lt;!\n<li>2 in!\n<h1>&lt;</h1>\n");
    assert_page(f, "item", "<li> &lt;!\n"); /* a partial is a template like any other */
}

static void test_comments_put_nothing(void **state) {
    struct fixture *f = *state;
    assert_renders(f, "a{{! anything } <b> \"at all\" }}b{{!}}c", "{}", "abc");
}

static void test_other_files_are_not_read(void **state) {
    struct fixture *f = *state;
    write_file(f, "page.html", "x");
    write_file(f, ".page.html", "{{broken");
    write_file(f, ".html", "{{broken");
    write_file(f, "page.html.orig", "{{broken");
    write_file(f, "page.txt", "{{broken");
    assert_int_equal(load(f), STATUS_OK);
    set_model(f, "{}");
    assert_page(f, "page", "x");
}

static void test_unknown_template(void **state) {
    struct fixture *f = *state;
    write_file(f, "page.html", "x");
    assert_int_equal(load(f), STATUS_OK);
    static const char *const names[] = {"", "pag", "pages", "page.html", "../page"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct text out;
        struct slice nothing;
        text_init(&out, &f->arena);
        assert_int_equal(template_render(f->set, names[i], NULL, &out), STATUS_NOT_FOUND);
        assert_int_equal(text_slice(&out, &nothing), STATUS_OK);
        assert_int_equal(nothing.length, 0);
    }
}

static void test_full_arena_shows_in_the_text(void **state) {
    struct fixture *f = *state;
    write_file(f, "page.html", "some words {{#v}}{{n}}{{/v}}");
    assert_int_equal(load(f), STATUS_OK);
    set_model(f, "{\"v\":[{\"n\":1}]}");
    struct arena tiny;
    struct text out;
    struct slice page;
    arena_init(&tiny, 4);
    text_init(&out, &tiny);
    assert_int_equal(template_render(f->set, "page", yyjson_mut_doc_get_root(f->model), &out), STATUS_OK);
    assert_int_equal(text_slice(&out, &page), STATUS_NO_MEMORY);
    arena_free(&tiny);
}

/* --- Refusals --- */

static void test_broken_tags_are_refused(void **state) {
    struct fixture *f = *state;
    assert_refused(f, "a\nb {{name\nc", "page.html:2: tag is not closed");
    assert_refused(f, "{{", "page.html:1: tag is not closed");
    assert_refused(f, "\n\n{{a {{b}}", "page.html:3: tag is not closed");
    assert_refused(f, "{{! never closed\n{{b}}", "page.html:1: tag is not closed");
    assert_refused(f, "{{a}", "page.html:1: tag is not closed");
    static const char *const bad[] = {"{{}}",         "{{ }}",  "{{a b}}",   "{{a.b}}",      "{{.}}",
                                      "{{{a}}}",      "{{&a}}", "{{=< >=}}", "{{#}}",        "{{>}}",
                                      "{{>../page}}", "{{/}}",  "{{# # a}}", "{{\xc3\xa9}}", "{{a\nb}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_refused(f, bad[i], "page.html:1: a name is letters, digits, '_' and '-'");
    }
    write_bytes(f, "page.html", (struct slice){"{{\0a}}", 6});
    assert_int_equal(load(f), STATUS_BAD_INPUT);
}

static void test_wrong_sections_are_refused(void **state) {
    struct fixture *f = *state;
    assert_refused(f, "{{#a}}\n{{/b}}", "page.html:2: {{/b}} where {{/a}} is due");
    assert_refused(f, "{{#a}}{{#b}}\n{{/a}}{{/b}}", "page.html:2: {{/a}} where {{/b}} is due");
    assert_refused(f, "{{#a}}{{/a}}\n\n{{/a}}", "page.html:3: {{/a}} closes nothing");
    assert_refused(f, "\n{{#a}}\n{{^b}}\n", "page.html:3: section b is not closed");
    assert_refused(f, "{{#a}}{{^b}}{{/b}}", "page.html:1: section a is not closed");
}

static void test_nesting_is_bounded(void **state) {
    struct fixture *f = *state;
    char source[17 * 12 + 1] = "";
    for (int i = 0; i < 16; i++) {
        strcat(source, "{{#a}}");
    }
    size_t half = strlen(source);
    for (int i = 0; i < 16; i++) {
        strcat(source, "{{/a}}");
    }
    assert_renders(f, source, "{\"a\":true}", "");
    memcpy(source + half, "{{#a}}", 6);
    assert_refused(f, source, "page.html:1: sections nest deeper than 16");
}

static void write_chain(struct fixture *f, int length) {
    for (int i = 0; i < length; i++) {
        char name[32];
        char content[32];
        snprintf(name, sizeof name, "p%02d.html", i);
        snprintf(content, sizeof content, i + 1 < length ? "{{>p%02d}}" : "end%02d", i + 1);
        write_file(f, name, content);
    }
}

static void test_partials_nesting_is_bounded(void **state) {
    struct fixture *f = *state;
    write_chain(f, 17);
    assert_int_equal(load(f), STATUS_OK);
    set_model(f, "{}");
    assert_page(f, "p00", "end17");
    f->file_count = 0;
    write_chain(f, 18);
    assert_int_equal(load(f), STATUS_BAD_INPUT);
    assert_string_equal(f->reason, "p00.html:1: partials nest deeper than 16");
}

static void test_wrong_partials_are_refused(void **state) {
    struct fixture *f = *state;
    assert_refused(f, "x\n{{>nowhere}}", "page.html:2: no template nowhere.html");
    assert_refused(f, "{{>page}}", "page.html:1: {{>page}} goes in a circle");
    assert_refused(f, "\n{{#a}}{{>other}}{{/a}}", "page.html:2: no template other.html");
    write_file(f, "other.html", "\n\n{{>third}}");
    write_file(f, "third.html", "{{#never}}\n{{>other}}{{/never}}");
    assert_int_equal(load(f), STATUS_BAD_INPUT);
    assert_string_equal(f->reason, "third.html:2: {{>other}} goes in a circle");
}

static void test_long_names_do_not_overrun_the_reason(void **state) {
    struct fixture *f = *state;
    char source[1024] = "{{>";
    memset(source + 3, 'n', 1000);
    strcpy(source + 1003, "}}");
    write_file(f, "page.html", source);
    assert_int_equal(load(f), STATUS_BAD_INPUT);
    assert_int_equal(strncmp(f->reason, "page.html:1: no template nnn", 28), 0);
    char small[8];
    assert_int_equal(template_load(f->directory, small, sizeof small, &f->set), STATUS_BAD_INPUT);
    assert_string_equal(small, "page.ht");
}

static void test_first_error_by_name_is_reported(void **state) {
    struct fixture *f = *state;
    write_file(f, "c.html", "{{");
    write_file(f, "a.html", "\n{{");
    write_file(f, "b.html", "{{");
    assert_int_equal(load(f), STATUS_BAD_INPUT);
    assert_string_equal(f->reason, "a.html:2: tag is not closed");
}

static void test_unreadable_directory(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f), STATUS_OK); /* empty is not unreadable */
    struct template_set *none = NULL;
    assert_int_equal(template_load("/nowhere/at/all", f->reason, sizeof f->reason, &none), STATUS_NOT_FOUND);
    assert_string_equal(f->reason, "/nowhere/at/all: No such file or directory");
    assert_int_equal(template_load("/dev/null", f->reason, sizeof f->reason, &none), STATUS_NOT_FOUND);
    assert_string_equal(f->reason, "/dev/null: Not a directory");
    assert_null(none);
}

static void test_unreadable_file(void **state) {
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/page.html", f->directory);
    assert_int_equal(symlink("nowhere", path), 0);
    enum status dangling = load(f);
    unlink(path);
    assert_int_equal(dangling, STATUS_NOT_FOUND);
    assert_string_equal(f->reason, "page.html: No such file or directory");

    assert_int_equal(mkdir(path, 0700), 0);
    enum status directory = load(f);
    rmdir(path);
    assert_int_equal(directory, STATUS_NOT_FOUND);
    assert_string_equal(f->reason, "page.html: Is a directory");
}

static void test_free_takes_null(void **state) {
    (void)state;
    template_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_text_is_kept),
        TEST(test_values_are_escaped),
        TEST(test_values_are_not_templates),
        TEST(test_numbers_are_json),
        TEST(test_what_is_no_value_puts_nothing),
        TEST(test_names_match_whole),
        TEST(test_section_repeats_over_arrays),
        TEST(test_section_and_inverted_are_opposites),
        TEST(test_names_are_looked_up_inner_first),
        TEST(test_sections_nest),
        TEST(test_lines_of_tags_alone_are_dropped),
        TEST(test_partials),
        TEST(test_comments_put_nothing),
        TEST(test_other_files_are_not_read),
        TEST(test_unknown_template),
        TEST(test_full_arena_shows_in_the_text),
        TEST(test_broken_tags_are_refused),
        TEST(test_wrong_sections_are_refused),
        TEST(test_nesting_is_bounded),
        TEST(test_partials_nesting_is_bounded),
        TEST(test_wrong_partials_are_refused),
        TEST(test_long_names_do_not_overrun_the_reason),
        TEST(test_first_error_by_name_is_reported),
        TEST(test_unreadable_directory),
        TEST(test_unreadable_file),
        TEST(test_free_takes_null),
    };
    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
