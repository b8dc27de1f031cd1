// The committed contracts are what the compiler makes of their sources.

import assert from "node:assert/strict";
import { test } from "node:test";
import solc from "solc";
import { compile, fixture } from "../../../../examples/contracts/compile.mjs";

test("each fixture is what solc gives", () => {
  const fixtures = compile(solc);
  assert.ok(fixtures.size >= 1);
  for (const [name, text] of fixtures) {
    assert.equal(fixture(name), text, `${name}: run \`npm run compile\` in examples/contracts and commit out/`);
  }
});
