import assert from "node:assert/strict";
import { test } from "node:test";
import { markdown, sections } from "../../../../service/web/static/markdown.js";
import { open } from "./page.js";

open();
const html = (text) => markdown(text).innerHTML;

test("headings, lists, quotes, code and emphasis become elements", () => {
  assert.equal(
    html(
      "# Cats\nA **small** _animal_\nthat says `meow`.\n\n" +
        "- fur\n- claws\n\n1. look\n2. decide\n\n> Ask.",
    ),
    "<h3>Cats</h3><p>A <strong>small</strong> <em>animal</em> that says <code>meow</code>.</p>" +
      "<ul><li>fur</li><li>claws</li></ul><ol><li>look</li><li>decide</li></ol>" +
      "<blockquote>Ask.</blockquote>",
  );
  assert.equal(html("```\n# not a heading\n```"), "<pre><code># not a heading</code></pre>");
});

test("HTML is text, and a link leads to a web page or nowhere", () => {
  const hostile = markdown("<img src=x onerror=alert(1)> [here](javascript:alert(1)) <b>bold</b>");
  assert.equal(hostile.querySelector("img, a, b, script"), null);
  assert.match(hostile.textContent, /<img src=x onerror/);
  const link = markdown("See [the rules](https://example.org/a?b=1).").querySelector("a");
  assert.equal(link.getAttribute("href"), "https://example.org/a?b=1");
  assert.equal(link.getAttribute("rel"), "noopener noreferrer");
});

test("the text is cut at its headings", () => {
  const found = sections("Intro\n## cat\nSmall.\n## dog #\nLarge.");
  assert.deepEqual(
    found.map(({ title, body }) => [title, body.join("")]),
    [
      ["", "Intro"],
      ["cat", "Small."],
      ["dog", "Large."],
    ],
  );
  assert.deepEqual(sections("  \n"), []);
});

test("a long text without an end to its emphasis is read in time", () => {
  const began = performance.now();
  markdown(`${"**a ".repeat(3000)}\n\n${"[a](".repeat(3000)}\n\n${"_a ".repeat(3000)}`);
  assert.ok(performance.now() - began < 2000);
});
